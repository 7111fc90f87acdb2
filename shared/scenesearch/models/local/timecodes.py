"""Turn a few readings of a burned-in running clock into one entry a second."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from itertools import pairwise

_TIMECODE = re.compile(r"(?<![\d:;.])(\d{1,2})([:;.])(\d{2})([:;.])(\d{2})(?:[:;.,](\d{2,3}))?(?![\d:;])")
_LONGEST = 32
"""The most characters of a line that is taken for a timecode: longer ones only mention one."""

_AGREE_MS = 45
"""How far two answers to when the clock showed 00:00:00 may differ, in milliseconds, and still agree: about one frame at 24 a second."""


def is_timecode(text: str) -> bool:
    """Return whether the line is a timecode (hours, minutes, seconds, perhaps frames), with little else beside it ("TCR", a date)."""
    return _parts(text) is not None


def seconds(readings: Sequence[tuple[int, str]], start_ms: int, end_ms: int) -> list[tuple[int, int, str]]:
    """Return one `(start_ms, end_ms, "01:00:16")` for each second that a running timecode shows in `[start_ms, end_ms)`.

    `readings` are `(at_ms, text)`. Where readings do not agree with a clock at normal speed (a cut in the shown material), the span is
    divided between them half-way. Fewer than two agreeing readings give nothing: that is a text, not a clock.
    """
    runs = _runs(readings)
    if not runs:
        return []
    borders = [start_ms] + [(a[-1][0] + b[0][0]) // 2 for a, b in pairwise(runs)] + [end_ms]
    found: list[tuple[int, int, str]] = []
    for run, begin, end in zip(runs, borders, borders[1:], strict=False):
        zero = _zero(run)
        second = (begin - zero) // 1000
        while zero + second * 1000 < end:
            low, high = max(begin, zero + second * 1000), min(end, zero + (second + 1) * 1000)
            if low < high:
                found.append((low, high, _written(second)))
            second += 1
    return found


def _parts(text: str) -> tuple[int, int, int, int | None] | None:
    match = _TIMECODE.search(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    hours, first, minutes, second, secs, frames = match.groups()
    if first == second == ".":
        return None  # a date
    if int(hours) > 23 or int(minutes) > 59 or int(secs) > 59:
        return None
    return int(hours), int(minutes), int(secs), None if frames is None else int(frames)


def _offset(at_ms: int, text: str) -> int | None:
    """Return the time in the clip at which this clock shows 00:00:00, ignoring frames."""
    parts = _parts(text)
    if parts is None:
        return None
    hours, minutes, secs, _ = parts
    return at_ms - (hours * 3600 + minutes * 60 + secs) * 1000


def _runs(readings: Sequence[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """Group readings that agree with one clock (within a second), in order of time; single misreadings are dropped."""
    runs: list[list[tuple[int, str]]] = []
    for at_ms, text in readings:
        offset = _offset(at_ms, text)
        if offset is None:
            continue
        for run in runs[-2:]:
            last = _offset(*run[-1])
            if last is not None and abs(offset - last) < 1000:  # milliseconds: readings without frames differ by up to a second
                run.append((at_ms, text))
                break
        else:
            runs.append([(at_ms, text)])
    return [run for run in runs if len(run) > 1]


def _zero(run: Sequence[tuple[int, str]]) -> int:
    """Return when this clock shows 00:00:00.

    A reading without frames only says that the second began up to 1 s before: the latest start that all readings allow is the
    smallest offset. Frames say it exactly, once the frame rate is known: the one of the usual rates whose answers agree best.
    """
    offsets = [o for at_ms, text in run if (o := _offset(at_ms, text)) is not None]
    framed = [(at_ms, parts) for at_ms, text in run if (parts := _parts(text)) is not None and parts[3] is not None]
    if not framed:
        return min(offsets)
    best, zero = (0, 0.0), min(offsets)
    for rate in (24, 25, 30, 50, 60, 100, 1000):
        if any(p[3] is not None and p[3] >= rate for _, p in framed):
            continue
        answers = [at_ms - (p[0] * 3600 + p[1] * 60 + p[2]) * 1000 - (p[3] or 0) * 1000 / rate for at_ms, p in framed]
        agreeing = max(([a for a in answers if abs(a - b) <= _AGREE_MS] for b in answers), key=len)
        fit = (len(agreeing), min(agreeing) - max(agreeing))
        if fit > best:
            best, zero = fit, round(statistics.median(agreeing))
    return zero


def _written(second: int) -> str:
    second %= 24 * 3600
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"

"""Find shots, where one take ends and another begins, on small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scenesearch.models.local.text_reader import Picture

_WIDTH, _HEIGHT = 64, 36
"""Size in pixels of the pictures that are compared (docs/decisions/0002)."""

_BINS = (8, 4, 4)
"""Bins of the histogram over hue, saturation and value."""

_CUT = 0.32
"""The distance (`distance`, 0 to 1) between neighbouring pictures above which there may be a hard cut."""

_STANDS_OUT = 2.5
"""How many times the median distance around it a hard cut must be, so that fast motion is none."""

_NEIGHBOURS = 5
"""How many distances before and after a candidate that median is taken of."""

_BLACK = 18.0
"""The brightness (0 to 255) below which a plain picture is black."""

_WHITE = 237.0
"""The brightness (0 to 255) above which a plain picture is white."""

_FLASH_MS = 500
"""The longest flash or blink in milliseconds: when the same picture is back by then, there is no new shot."""

_SHORTEST_MS = 400
"""The shortest shot in milliseconds."""

_SLOW_MS = 1500
"""The length in milliseconds of the stretch over which a dissolve is looked for."""

_BLENDED = 0.45
"""How far the middle of a dissolve may be from the mean of its ends, as a fraction of half the difference between them."""


class Change(StrEnum):
    """How a shot begins."""

    START = "start"
    CUT = "hard cut"
    FADE = "fade"
    DISSOLVE = "dissolve"


@dataclass(frozen=True, slots=True)
class Look:
    """A picture reduced for comparison: 64 x 36 colours, their histogram, and when it was on screen."""

    at_ms: int
    small: NDArray[np.float32]
    histogram: NDArray[np.float32]

    @property
    def brightness(self) -> float:
        """The mean level of the picture, 0 to 255."""
        return float(self.small.mean())


@dataclass(frozen=True, slots=True)
class Shot:
    """One take, `[start_ms, end_ms)`, and how it begins."""

    start_ms: int
    end_ms: int
    begins: Change


def look(at_ms: int, picture: Picture) -> Look:
    """Reduce one picture for comparison."""
    import cv2

    small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256]).reshape(-1)
    return Look(at_ms, small.astype(np.float32), (counts / max(1.0, float(counts.sum()))).astype(np.float32))


def distance(a: Look, b: Look) -> float:
    """Return how different two pictures are, 0 to 1: half by their colours, half pixel by pixel.

    A mean difference of 64 levels (of 255) counts as wholly different.
    """
    colours = 1.0 - float(np.minimum(a.histogram, b.histogram).sum())
    places = min(1.0, float(np.abs(a.small - b.small).mean()) / 64.0)
    return (colours + places) / 2


def shots(looks: Sequence[Look], end_ms: int) -> list[Shot]:
    """Divide `[0, end_ms)` at hard cuts, fades through black or white, and dissolves. `looks` in order of time, ten a second or so."""
    if not looks:
        return []
    borders = _without_flashes(looks, _cuts(looks))
    for at, change in _slow_changes(looks, borders):
        borders[at] = change
    kept = {0: Change.START}
    for at in sorted(borders):
        before = max(kept)
        if looks[at].at_ms - looks[before].at_ms >= _SHORTEST_MS and end_ms - looks[at].at_ms >= _SHORTEST_MS:
            kept[at] = borders[at]
    starts = sorted(kept)
    begins = [0, *(looks[at].at_ms for at in starts[1:])]
    return [Shot(begin, end, kept[at]) for at, begin, end in zip(starts, begins, [*begins[1:], max(end_ms, begins[-1] + 1)], strict=True)]


def _cuts(looks: Sequence[Look]) -> dict[int, Change]:
    steps = np.array([0.0, *(distance(a, b) for a, b in pairwise(looks))])
    found: dict[int, Change] = {}
    for i in np.flatnonzero(steps > _CUT):
        around = np.concatenate([steps[max(1, i - _NEIGHBOURS) : i], steps[i + 1 : i + 1 + _NEIGHBOURS]])
        if not len(around) or steps[i] >= _STANDS_OUT * float(np.median(around)):
            found[int(i)] = Change.CUT
    return found


def _without_flashes(looks: Sequence[Look], cuts: dict[int, Change]) -> dict[int, Change]:
    """Remove pairs of cuts within half a second between similar pictures: they are a flash, not a shot."""
    kept = dict(cuts)
    ordered = sorted(cuts)
    for a, b in pairwise(ordered):
        if looks[b].at_ms - looks[a].at_ms <= _FLASH_MS and a > 0 and distance(looks[a - 1], looks[b]) < _CUT / 2:
            kept.pop(a, None)
            kept.pop(b, None)
    return kept


def _slow_changes(looks: Sequence[Look], cuts: dict[int, Change]) -> list[tuple[int, Change]]:
    """Find fades (through a black or white picture) and dissolves (the middle is the mean of both ends)."""
    found = [(at, Change.FADE) for at in _plain(looks)]
    taken = sorted([*cuts, *(at for at, _ in found)])
    at = 0
    while at < len(looks):
        end = at
        while end + 1 < len(looks) and looks[end].at_ms - looks[at].at_ms < _SLOW_MS:
            end += 1
        if looks[end].at_ms - looks[at].at_ms < _SLOW_MS:
            break
        if not any(at < cut <= end + 1 for cut in taken) and _is_dissolve(looks[at], looks[(at + end) // 2], looks[end]):
            middle = (at + end) // 2
            found.append((middle, Change.DISSOLVE))
            at = end
        at += 1
    return found


def _plain(looks: Sequence[Look]) -> list[int]:
    """Return where the picture comes back after black or white."""
    levels = np.array([item.brightness for item in looks])
    spread = np.array([float(item.small.std()) for item in looks])
    # plain: a standard deviation below 12 of 255 levels
    plain = ((levels < _BLACK) | (levels > _WHITE)) & (spread < 12)
    back = [i for i in range(1, len(looks)) if plain[i - 1] and not plain[i] and not plain[:i].all()]
    return [i for i in back if not _is_blink(looks, int(np.flatnonzero(~plain[:i])[-1]), i)]


def _is_blink(looks: Sequence[Look], before: int, after: int) -> bool:
    """Return whether the same picture comes back at once."""
    return looks[after].at_ms - looks[before].at_ms <= _FLASH_MS and distance(looks[before], looks[after]) < _CUT / 2


def _is_dissolve(a: Look, middle: Look, b: Look) -> bool:
    if distance(a, b) < _CUT:
        return False
    apart = float(np.abs(a.small - b.small).mean())
    # ends that differ by 20 of 255 levels or less on the mean are too similar to tell whether they were blended
    return apart > 20 and float(np.abs(middle.small - (a.small + b.small) / 2).mean()) < _BLENDED * apart / 2

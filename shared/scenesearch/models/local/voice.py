"""Where somebody speaks, by a voice detector (Silero)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scenesearch.models.local.audio import SAMPLE_RATE, Samples

Window = tuple[float, float]
"""Start and end in seconds."""

_LONGEST_S = 28.0
_PAUSE_MS = 500
_SHORTEST_MS = 200
_MARGIN_S = 0.2
_TRACE = 0.03
_TRACE_AROUND_S = 2.5
_SHORTEST_DOUBT_S = 1.5
_HOP_S = 512 / SAMPLE_RATE


def speech_windows(audio: Samples) -> tuple[list[Window], list[Window]]:
    """Stretches of at most 28 s (one look of Whisper): where there is a voice beyond doubt, and where there may be one under music.

    Loud music hides a voice from the detector nearly, but not wholly: it keeps a trace above that of music alone.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        min_silence_duration_ms=_PAUSE_MS,
        min_speech_duration_ms=_SHORTEST_MS,
        speech_pad_ms=round(_MARGIN_S * 1000),
        max_speech_duration_s=_LONGEST_S,
    )
    pieces = [(piece["start"] / SAMPLE_RATE, piece["end"] / SAMPLE_RATE) for piece in get_speech_timestamps(audio, options)]
    clear = list(_packed(pieces))
    doubtful = _outside(_traces(audio), pieces)
    return clear, doubtful


def _packed(pieces: Sequence[Window]) -> Iterator[Window]:
    """Neighbours together as long as they fit in one window."""
    current: Window | None = None
    for start, end in pieces:
        if current is not None and end - current[0] <= _LONGEST_S:
            current = current[0], end
            continue
        if current is not None:
            yield current
        current = start, end
    if current is not None:
        yield current


def _traces(audio: Samples) -> list[Window]:
    """Where the detector shows a trace of a voice, with what is around it."""
    from faster_whisper.vad import get_vad_model

    padded = np.pad(audio, (0, -len(audio) % 512))
    probabilities = np.asarray(get_vad_model()(padded)).reshape(-1)
    found: list[Window] = []
    for i in np.flatnonzero(probabilities > _TRACE).tolist():
        start, end = max(0.0, i * _HOP_S - _TRACE_AROUND_S), min(len(audio) / SAMPLE_RATE, (i + 1) * _HOP_S + _TRACE_AROUND_S)
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _outside(windows: Sequence[Window], taken: Sequence[Window]) -> list[Window]:
    """What of `windows` lies outside `taken`, without splinters, none longer than one window."""
    left: list[Window] = []
    for start, end in windows:
        at = start
        for a, b in taken:
            if b <= at or a >= end:
                continue
            left.append((at, a))
            at = max(at, b)
        left.append((at, end))
    return [
        (at, min(end, at + _LONGEST_S))
        for start, end in left
        if end - start >= _SHORTEST_DOUBT_S
        for at in np.arange(start, end - _SHORTEST_DOUBT_S / 2, _LONGEST_S).tolist()
    ]

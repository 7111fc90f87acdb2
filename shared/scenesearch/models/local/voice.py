"""Find speech with a voice detector (Silero)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scenesearch.models.local.audio import SAMPLE_RATE, Samples

Window = tuple[float, float]
"""Start and end in seconds."""

_LONGEST_S = 28.0
"""The longest window in seconds: Whisper sees 30 at once."""

_PAUSE_MS = 500
"""The pause in milliseconds from which speech ends."""

_SHORTEST_MS = 200
"""The shortest stretch of speech in milliseconds."""

_MARGIN_S = 0.2
"""How many seconds are added before and after speech."""

_TRACE = 0.03
"""The probability of speech above which there may be a voice under music: music alone stays below (docs/decisions/0004)."""

_TRACE_AROUND_S = 2.5
"""How many seconds before and after a trace of a voice are transcribed with it."""

_SHORTEST_DOUBT_S = 1.5
"""The shortest doubtful stretch in seconds: what is left over beside clear speech may be shorter, and is dropped."""

_HOP_S = 512 / SAMPLE_RATE
"""The duration in seconds of the 512 samples for which the voice detector gives one probability."""


def speech_windows(audio: Samples) -> tuple[list[Window], list[Window]]:
    """Return windows of at most 28 s, which Whisper sees at once: those with clear speech, and those with possible speech under music.

    Loud music hides a voice from the detector almost, but not wholly: its probability is still above that of music alone.
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
    """Join neighbours while they fit in one window."""
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
    """Return where the detector shows a trace of a voice, with what is around it."""
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
    """Return the parts of `windows` outside `taken`, without very short ones, each at most one window long."""
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

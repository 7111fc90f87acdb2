"""What is seen and heard in the files of `media_files`: frame numbers and tones, with their times."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from media_files import read_number
from scenesearch.media.frames import frames


def numbers_seen(file: BinaryIO) -> dict[int, int]:
    """The number that each frame shows, by its time in milliseconds."""
    return {frame.at_ms: read_number(frame.image) for frame in frames(file, interval_ms=0)}


@dataclass(frozen=True)
class Heard:
    """Decoded mono samples from `start_s` on (on the file's own clock)."""

    start_s: float
    samples: NDArray[np.float64]
    rate: int

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / self.rate

    def second_at(self, at_s: float, track: int = 0) -> int | None:
        """Which second of the source sounds at `at_s`: the loudest of its tones; None in silence."""
        first = round((at_s - self.start_s) * self.rate)
        piece = self.samples[max(0, first) : first + round(0.06 * self.rate)]
        if len(piece) < 100 or np.abs(piece).max() < 0.05:
            return None
        return int(np.argmax(abs(_tones(len(piece), self.rate, track) @ piece)))


@cache
def _tones(samples: int, rate: int, track: int) -> NDArray[np.complex128]:
    """The tone of each of 60 seconds: shape (60, samples)."""
    pitches = (200 + 20 * np.arange(60)) * (1 + track)
    tones: NDArray[np.complex128] = np.exp(-2j * np.pi * np.outer(pitches, np.arange(samples) / rate))
    return tones


def heard(file: BinaryIO) -> Heard:
    """The first audio stream, decoded whole."""
    file.seek(0)
    with av.open(io.BytesIO(file.read())) as container:
        zero = (container.start_time or 0) / 1e6
        pieces, start_s, rate = [], 0.0, 0
        for frame in _decoded(container):
            if not pieces:
                start_s, rate = float(frame.pts * frame.time_base) - zero, frame.sample_rate
            samples = frame.to_ndarray().astype(np.float64)
            channel = samples[0] if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)[:, 0]
            pieces.append(channel / (32768 if frame.format.name.startswith("s16") else 1))
    return Heard(start_s, np.concatenate(pieces), rate)


def _decoded(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    for packet in container.demux(container.streams.audio[0]):
        with suppress(av.FFmpegError):  # damaged on purpose
            yield from packet.decode()

"""Mix many channels to one without losing speech, where channels cancel each other or only one of them has a voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

CANCELLED = 0.25
"""The loudness of a mix, as a share of that of its loudest channel, below which the mix has lost that channel."""

MEMORY_S = 2.0
"""How long, in seconds, the mixer remembers how loud its channels were: it must not jump between them within a word."""


class Mixer:
    """Makes one channel of several, piece after piece: their mean, or the loudest of them where the mean would lose it."""

    def __init__(self, rate: int) -> None:
        """`rate`: samples a second."""
        self._rate = rate
        self._power: NDArray[np.float64] = np.zeros(0)
        self._mixed = 0.0

    def mono(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """`samples`: shape (channels, samples); the result has shape (samples,). The number of channels may change."""
        if len(samples) == 1:
            only: NDArray[np.float32] = samples[0]
            return only
        mean: NDArray[np.float32] = samples.mean(axis=0)
        if len(self._power) != len(samples):
            self._power, self._mixed = np.zeros(len(samples)), 0.0
        fading = float(np.exp(-samples.shape[1] / (MEMORY_S * self._rate)))
        self._power = fading * self._power + np.square(samples, dtype=np.float64).sum(axis=1)
        self._mixed = fading * self._mixed + float(np.square(mean, dtype=np.float64).sum())
        loudest = int(np.argmax(self._power))
        lost = self._mixed < CANCELLED**2 * self._power[loudest]
        heard: NDArray[np.float32] = samples[loudest] if lost else mean
        return heard


def samples_of(frame: AudioFrame) -> NDArray[np.float32]:
    """The samples of a frame, -1 to 1: shape (channels, samples)."""
    raw = frame.to_ndarray()
    channels = frame.layout.nb_channels
    by_channel = raw if frame.format.is_planar else raw.reshape(-1, channels).T
    if raw.dtype.kind in "iu":
        limits = np.iinfo(cast("np.dtype[np.int32]", raw.dtype))
        middle = 0 if limits.min < 0 else limits.max // 2 + 1
        return ((by_channel.astype(np.float32) - middle) / (limits.max - middle)).astype(np.float32)
    return np.nan_to_num(by_channel.astype(np.float32))

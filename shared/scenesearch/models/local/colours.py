"""Brightness and dominant colours in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.12
"""The least share of all pixels that a colour must fill to be named, 0 to 1."""

_MOST = 3
"""The most colours that are named."""

_GRAY_SATURATION = 0.16
"""The saturation (0 to 1, of HSV) below which a pixel counts as grey or white, whatever its hue."""

_HUES = (
    (15, "red"),
    (40, "orange"),
    (68, "yellow"),
    (165, "green"),
    (195, "cyan"),
    (255, "blue"),
    (290, "purple"),
    (338, "pink"),
    (361, "red"),
)
"""Hues in degrees: each name applies below its limit and from the limit before it. Set by hand."""


def brightness_words(level: float) -> str:
    """Name a mean grey level of 0 to 255, from "very dark" to "very bright"; the limits are set by hand."""
    for limit, words in ((25, "very dark"), (60, "dark"), (165, "medium bright"), (215, "bright")):
        if level < limit:
            return words
    return "very bright"


def colour_words(pictures: Sequence[NDArray[np.float32]]) -> list[str]:
    """Name the colours that fill most of these RGB pictures (levels 0 to 255), largest first; at most three."""
    pixels = np.concatenate([p.reshape(-1, 3) for p in pictures]) / 255.0
    high, low = pixels.max(axis=1), pixels.min(axis=1)
    spread = high - low
    saturation = np.where(high > 0, spread / np.maximum(high, 1e-6), 0)
    red, green, blue = pixels.T
    safe = np.maximum(spread, 1e-6)
    hue = np.where(high == red, (green - blue) / safe % 6, np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4)) * 60
    names = np.full(len(pixels), "gray", dtype="<U8")
    for limit, name in reversed(_HUES):
        names[hue < limit] = name
    # brown is orange at a value below 0.55; white is grey above 0.82; black is anything below 0.16 (value of HSV, 0 to 1)
    names[np.isin(names, ("orange", "red")) & (high < 0.55) & (hue >= 12) & (hue < 42)] = "brown"
    names[saturation < _GRAY_SATURATION] = "gray"
    names[(saturation < _GRAY_SATURATION) & (high > 0.82)] = "white"
    names[high < 0.16] = "black"
    found, counts = np.unique(names, return_counts=True)
    ranked = sorted(zip(found.tolist(), (counts / len(pixels)).tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [name for name, share in ranked if share >= _SHARE][:_MOST]

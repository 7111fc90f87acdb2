"""How the camera moves, by dense optical flow on small grey pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesearch.models.local.text_reader import Picture

_WIDTH, _HEIGHT = 96, 54
"""Size in pixels of the pictures on which optical flow is computed: small enough to do so ten times a second."""

_PAN = 0.12
"""The least sum of shifts over a shot, as a fraction of the picture width, that is called a pan or a tilt."""

_ZOOM = 0.12
"""The least sum of growth over a shot, as a fraction of the picture size, that is called moving or zooming in or out."""

_SHAKE = 0.006
"""The least mean change of the shift from one step to the next, as a fraction of the picture width, that is called a shaky camera."""

_STILL = 0.0015
"""The mean motion a step, as a fraction of the picture width, below which nothing in the picture moves."""

_FAST = 0.03
"""The mean motion a step, as a fraction of the picture width, above which motion is called fast."""

SmallGray = NDArray[np.uint8]
"""Grey levels of a small picture: shape (54, 96)."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The motion between two pictures: shift right and down and mean motion as fractions of the width, and growth (0.1: 10% larger)."""

    right: float
    down: float
    growth: float
    amount: float


def small_gray(picture: Picture) -> SmallGray:
    """Return the picture in grey at the size at which motion is measured."""
    import cv2

    small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def motion(before: SmallGray, after: SmallGray) -> Motion:
    """Measure the motion between two pictures of one shot."""
    import cv2

    # noise of compression: pictures that differ by fewer than 6 of 255 grey levels everywhere are the same
    if int(cv2.absdiff(before, after).max()) < 6:
        return Motion(0.0, 0.0, 0.0, 0.0)
    still = np.zeros((*before.shape, 2), dtype=np.float32)
    # in this order: pyramid scale, levels, window (pixels), iterations, neighbourhood (pixels), its Gaussian (std), flags
    flow = cv2.calcOpticalFlowFarneback(before, after, still, 0.5, 3, 11, 2, 5, 1.1, 0)
    rows, columns = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    x, y = columns - (_WIDTH - 1) / 2, rows - (_HEIGHT - 1) / 2
    right, down = float(np.median(flow[..., 0])), float(np.median(flow[..., 1]))
    # growth: how much the flow points outwards, without the common shift; the median over pixels away from the centre
    outward = ((flow[..., 0] - right) * x + (flow[..., 1] - down) * y) / (x * x + y * y)
    growth = float(np.median(outward[x * x + y * y > (_HEIGHT / 4) ** 2]))
    amount = float(np.hypot(flow[..., 0], flow[..., 1]).mean())
    return Motion(right / _WIDTH, down / _WIDTH, growth, amount / _WIDTH)


def camera_words(motions: list[Motion]) -> str:
    """Describe what the camera does over a shot; only motion that the sums show clearly is named."""
    if not motions:
        return "static camera"
    right, down, growth = (float(np.sum([getattr(m, name) for m in motions])) for name in ("right", "down", "growth"))
    amount = float(np.mean([m.amount for m in motions]))
    steps = np.array([(m.right, m.down) for m in motions])
    # shake needs at least five steps: the mean of fewer says little
    shake = float(np.abs(np.diff(steps, axis=0)).mean()) if len(motions) > 4 else 0.0
    words: list[str] = []
    steady = float(np.abs(steps).sum()) + 1e-9
    # a pan or tilt makes up more than half of all shifts of the shot; the picture moves left when the camera turns right
    if abs(right) > _PAN and abs(right) > 0.5 * steady:
        words.append("camera pans " + ("left" if right > 0 else "right"))
    if abs(down) > _PAN and abs(down) > 0.5 * steady:
        words.append("camera tilts " + ("up" if down > 0 else "down"))
    # likewise, a zoom is more than 0.6 of all growth, in and out
    if abs(growth) > _ZOOM and abs(growth) > 0.6 * float(np.sum([abs(m.growth) for m in motions])):
        words.append("camera moves or zooms " + ("in" if growth > 0 else "out"))
    if shake > _SHAKE and not words:
        words.append("shaky camera")
    if not words:
        words.append("static picture" if amount < _STILL else "static camera")
    if amount > _FAST:
        words.append("fast motion")
    return ", ".join(words)

"""Find where the picture changed: cheap measures that save text recognition."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesearch.models.local.text_reader import Box, Picture

_WIDTH = 480
"""Width in pixels of the pictures that are compared."""

_BLOCK = 15
"""Side in pixels of the squares in which a change is looked for."""

_CHANGED = 7.0
"""The mean difference of a square, in grey levels (0 to 255), above which it changed."""

_MEMORY_MS = 2500
"""How far back pictures are stored, in milliseconds."""

_FLAT = 3.0
"""The mean absolute edge (Laplacian of grey levels) below which a square is flat: it has no edges to correlate."""

Gray = NDArray[np.uint8]
"""A small grey picture: shape (height, 480)."""


def gray(picture: Picture) -> Gray:
    """Return the picture in grey, 480 pixels wide."""
    import cv2

    height = max(_BLOCK, round(picture.shape[0] * _WIDTH / picture.shape[1]))
    return cv2.cvtColor(cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(
        np.uint8, copy=False
    )


def changed_part(before: Gray, after: Gray) -> Box | None:
    """Return the box around all blocks (15 x 15 pixels) that changed, one block larger on each side; None when there are none."""
    import cv2

    height, width = after.shape
    difference = cv2.absdiff(before, after)
    rows, columns = -(-height // _BLOCK), -(-width // _BLOCK)
    blocks = cv2.resize(difference.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    where = np.argwhere(blocks > _CHANGED)
    if not len(where):
        return None
    (top, left), (bottom, right) = where.min(axis=0) - 1, where.max(axis=0) + 2
    top, left, bottom, right = max(0, top), max(0, left), min(rows, bottom), min(columns, right)
    return Box(left / columns, top / rows, (right - left) / columns, (bottom - top) / rows)


def likeness(reference: Gray, now: Gray) -> float:
    """Return how much two crops of one place look alike, -1 to 1: the correlation of their edges in the least similar square."""
    if reference.shape != now.shape:
        return -1.0
    a, b = _edges(reference), _edges(now)
    height, width = a.shape
    # squares as large as the shorter side, but at least 8 pixels
    step = max(8, min(height, width))
    columns = width >= height
    length = width if columns else height
    least = 1.0
    for start in range(0, length, step):
        end = length if length - start < 2 * step else start + step
        x, y = (a[:, start:end], b[:, start:end]) if columns else (a[start:end], b[start:end])
        least = min(least, _correlation(x, y))
        if end == length:
            break
    return least


def presence(reference: Gray, now: Gray) -> float:
    """Return how much of the edges of the reference is in the other crop: 1 all, 0 none."""
    if reference.shape != now.shape:
        return 0.0
    a, b = _edges(reference), _edges(now)
    energy = float((a * a).sum())
    return float((a * b).sum()) / energy if energy > 0 else 0.0


def _edges(picture: Gray) -> NDArray[np.float32]:
    import cv2

    return cv2.Laplacian(picture, cv2.CV_32F, ksize=3).astype(np.float32, copy=False)


def _correlation(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    flat = [float(np.abs(edges).mean()) < _FLAT for edges in (x, y)]
    if any(flat):
        return 1.0 if all(flat) else 0.0
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum()) / float(np.sqrt((x * x).sum() * (y * y).sum()))


@dataclass(slots=True)
class Memory:
    """The last few seconds as small grey pictures, to find when a text appeared or disappeared."""

    seen: deque[tuple[int, Gray]]

    @classmethod
    def empty(cls) -> Memory:
        """Return a memory without pictures."""
        return cls(deque())

    def add(self, at_ms: int, picture: Gray) -> None:
        """Store the picture at `at_ms`, and forget those that are too old."""
        self.seen.append((at_ms, picture))
        while self.seen[0][0] < at_ms - _MEMORY_MS:
            self.seen.popleft()

    def came(self, box: Box, reference: Gray, at_ms: int, not_before_ms: int) -> int:
        """Return when the text that is shown at `at_ms` appeared: the first picture, from `not_before_ms` on, with half of its edges."""
        came = at_ms
        for seen_ms, picture in reversed(self.seen):
            if seen_ms >= at_ms:
                continue
            if seen_ms < not_before_ms or presence(reference, box.cut(picture)) < 0.5:
                break
            came = seen_ms
        return came

    def turned(self, old: tuple[Box, Gray], new: tuple[Box, Gray], seen_ms: int, at_ms: int) -> int:
        """Return when one text replaced the other: the first picture that looks more like the new one."""
        for passed_ms, picture in self.seen:
            if seen_ms < passed_ms < at_ms and presence(new[1], new[0].cut(picture)) > presence(old[1], old[0].cut(picture)):
                return passed_ms
        return at_ms

    def went(self, box: Box, reference: Gray, seen_ms: int, gone_ms: int) -> int:
        """Return when the text that was shown at `seen_ms`, but not at `gone_ms`, disappeared: the first picture without half its edges."""
        for at_ms, picture in self.seen:
            if seen_ms < at_ms < gone_ms and presence(reference, box.cut(picture)) < 0.5:
                return at_ms
        return gone_ms

"""Choose the keyframes of a clip in one pass, before its shots are known."""

from __future__ import annotations

import numpy as np

from scenesearch.models.local.shots import Look, distance

_EVERY_MS = 5000
"""The longest time in milliseconds between two keyframes while the picture changes."""

_AFTER_MS = 500
"""The shortest time in milliseconds between two keyframes; a moving picture is given three times as long to settle."""

_NEW = 0.12
"""The distance (`shots.distance`, 0 to 1) from which a picture is new; it moves above half of that from one picture to the next."""

_PLAIN = 6.0
"""The standard deviation of levels (0 to 255) below which a picture is plain, such as black or white."""

_SAME = 6.0
"""The difference in levels (0 to 255) below which two pictures are equal everywhere: compression makes two or three."""


class KeyframeChooser:
    """Picks one picture of each stretch that looks alike, once it has settled, and one every five seconds while anything changes."""

    def __init__(self) -> None:
        self._kept: Look | None = None
        self._before: Look | None = None

    def wants(self, look: Look) -> bool:
        """Return whether this picture, the next in order of time, becomes a keyframe. Plain black or white never does."""
        before, self._before = self._before, look
        if float(look.small.std()) < _PLAIN:
            return False
        if self._kept is not None:
            since = look.at_ms - self._kept.at_ms
            if float(np.abs(self._kept.small - look.small).max()) < _SAME:
                return False
            if since < _AFTER_MS or (since < _EVERY_MS and distance(self._kept, look) < _NEW):
                return False
            moving = before is not None and distance(before, look) > _NEW / 2
            if moving and since < 3 * _AFTER_MS:
                return False
        self._kept = look
        return True

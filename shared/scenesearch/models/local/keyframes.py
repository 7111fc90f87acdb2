"""Which pictures of a clip are looked at closely, chosen while the shots are not known yet."""

from __future__ import annotations

import numpy as np

from scenesearch.models.local.shots import Look, distance

_EVERY_MS = 5000
_AFTER_MS = 500
_NEW = 0.12
_PLAIN = 6.0
_SAME = 6.0
"""Levels by which no place of a picture differs from an equal one: compression makes two or three."""


class KeyframeChooser:
    """Wants a picture of every stretch that looks alike, once it has settled, and one every five seconds while anything changes."""

    def __init__(self) -> None:
        self._kept: Look | None = None
        self._before: Look | None = None

    def wants(self, look: Look) -> bool:
        """Whether this picture, the next in order of time, is one to look at closely. Plain black or white never is."""
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

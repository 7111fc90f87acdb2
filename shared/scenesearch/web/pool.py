"""A bounded pool of its own for what is dear: stills and exports must not starve the search, nor each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scenesearch.errors import Overloaded


class Pool:
    """So many at once; a few more wait; whoever comes then is told to come back later."""

    def __init__(self, what: str, *, at_once: int, waiting: int, patience_s: float) -> None:
        """`what` is made in it, in the words of messages; who waits longer than `patience_s` seconds is sent away too."""
        self._what, self._patience_s = what, patience_s
        self._slots = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A place at work, once there is one. Raises `Overloaded`."""
        place = self.place()
        try:
            with place.at_work(self._patience_s):
                yield
        finally:
            place.leave()

    def place(self) -> Place:
        """A place among those who work or wait, to be left in the end. Raises `Overloaded`."""
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"too many {self._what} are being made just now: try again in a few seconds")
        return Place(self._what, self._slots, self._places)


class Place:
    """One of those who work or wait."""

    def __init__(self, what: str, slots: threading.BoundedSemaphore, places: threading.BoundedSemaphore) -> None:
        self._what, self._slots, self._places = what, slots, places

    @contextmanager
    def at_work(self, patience_s: float | None) -> Iterator[None]:
        """Wait for a slot, as long as it takes where `patience_s` is None. Raises `Overloaded`."""
        if not self._slots.acquire(timeout=patience_s):
            raise Overloaded(f"the {self._what} before this one take long: try again in a few seconds")
        try:
            yield
        finally:
            self._slots.release()

    def leave(self) -> None:
        """Make room for somebody else."""
        self._places.release()

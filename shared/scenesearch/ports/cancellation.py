"""Ending work that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from scenesearch.video import now

F = TypeVar("F", bound=Future[Any])


class Cancellation:
    """Whether one piece of work was cancelled. Models that are paid for ask nothing more once it was. Threads may share it."""

    def __init__(self) -> None:
        self._cancelled: Future[None] = Future()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return self._cancelled.done()

    def cancel(self) -> None:
        """Let whoever works on it stop. Twice is once."""
        with suppress(InvalidStateError):
            self._cancelled.set_result(None)

    def pause(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as it is cancelled."""
        wait([self._cancelled], timeout=seconds)

    def on_cancel(self, stop: Callable[[], object]) -> None:
        """Have `stop` called as soon as it is cancelled, at once if it was. It must be quick: whoever cancels waits for it."""
        self._cancelled.add_done_callback(lambda _: stop())

    def wait(self, futures: Iterable[F], deadline: datetime) -> set[F]:
        """Return those that are done, once one is; none when the deadline passes or it is cancelled before."""
        waited = list(futures)
        either: list[Future[Any]] = [*waited, self._cancelled]
        done, _ = wait(either, timeout=max(0.0, (deadline - now()).total_seconds()), return_when=FIRST_COMPLETED)
        return {future for future in waited if future in done}

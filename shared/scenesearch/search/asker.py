"""Whoever waits for an answer: once they have left, nothing more is done for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from scenesearch.video import now

F = TypeVar("F", bound=Future[Any])


class Asker:
    """One asker. Safe to use from several threads."""

    def __init__(self) -> None:
        self._left: Future[None] = Future()

    @property
    def left(self) -> bool:
        """Whether they have left."""
        return self._left.done()

    def leave(self) -> None:
        """Whoever works for them may stop. Twice is once."""
        with suppress(InvalidStateError):
            self._left.set_result(None)

    def pause(self, seconds: float) -> None:
        """Returns after so many seconds, or as soon as they leave."""
        wait([self._left], timeout=seconds)

    def on_leaving(self, stop: Callable[[], object]) -> None:
        """Have `stop` called as soon as they leave, at once if they have. It must be quick: whoever tells of their leaving waits for it."""
        self._left.add_done_callback(lambda _: stop())

    def wait(self, futures: Iterable[F], deadline: datetime) -> set[F]:
        """Those that are done, once one is; none when the deadline passes or the asker leaves before."""
        waited = list(futures)
        either: list[Future[Any]] = [*waited, self._left]
        done, _ = wait(either, timeout=max(0.0, (deadline - now()).total_seconds()), return_when=FIRST_COMPLETED)
        return {future for future in waited if future in done}

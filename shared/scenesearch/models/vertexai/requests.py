"""Requests that can be cancelled: each runs on an event loop beside its thread, so that ending one closes its connection.

The synchronous client of google-genai cannot do that: a thread that waits for an answer there waits until it has come. Vertex AI takes a
closed connection for a cancelled request (its status 499) and works on it no longer; whether it bills what it had done, it does not say.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from scenesearch.errors import Cancelled
from scenesearch.ports import Cancellation

T = TypeVar("T")


class Requests:
    """Runs requests on an event loop in a thread of its own, from the first one until this is dropped. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: asyncio.AbstractEventLoop | None = None

    def run(self, request: Callable[[], Coroutine[Any, Any, T]], *, seconds: float, cancellation: Cancellation | None = None) -> T:
        """Return the answer of the request, which is ended after `seconds` in all, and at once when it is cancelled.

        Raises:
            TimeoutError: it took too long.
            Cancelled: nobody waits for the answer any more.
            Whatever the request raises.
        """
        running = asyncio.run_coroutine_threadsafe(_within(seconds, request), self._loop())
        if cancellation is not None:
            cancellation.on_cancel(running.cancel)
        try:
            return running.result()
        except CancelledError:
            raise Cancelled from None

    def _loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._begun is None:
                self._begun = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._begun,), name="requests", daemon=True).start()
                weakref.finalize(self, _end, self._begun)
            return self._begun


async def _within(seconds: float, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async with asyncio.timeout(seconds):
        return await request()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)

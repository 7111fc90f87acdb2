"""What one worker process does: claim, let the handler work, acknowledge or reject; and end when its runtime ends."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection

from scenesearch.backends.local.liveness import join_runtime
from scenesearch.backends.local.queue import Claim, LocalQueue
from scenesearch.errors import Retryable, SceneSearchError, StorageFull
from scenesearch.messages import EXTRACTORS, Subscription
from scenesearch.outcomes import Outcome, outcome_of
from scenesearch.ports import Handler, HandlerFactory

LOG = logging.getLogger(__name__)

URGENT = frozenset({Subscription.ASSEMBLE_EXTRACTED, Subscription.REMOVE_OBJECTS, Subscription.RECOVER_DEAD_LETTERS})
"""Short work that ends something: it goes before the queue of splits and extractions."""

IDLE_POLL_S = 0.04
"""Seconds between two looks at an empty queue: one indexed read, too cheap to show in the machine's load."""
UNAVAILABLE_PAUSE_S = 1.0
"""Seconds to wait while the queue cannot be reached or its disk is full."""
BUSY_PAUSE = timedelta(seconds=1)
"""When work comes again that somebody else holds: such work is usually done within seconds."""

GIVEN_UP = 75
"""The exit code of a worker whose handler did not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`lease` is how long a claim is held ahead; it is extended in the background. A handler that works longer than `patience`
    hangs: its process is ended, and the message comes again.
    """

    lease: timedelta = timedelta(seconds=60)
    patience: timedelta = timedelta(hours=1)


def work(runtime: str, queue: LocalQueue, factory: HandlerFactory, options: WorkerOptions, line: Connection) -> None:
    """The main function of a worker process of the runtime with this name.

    `line` leads to the runtime: the worker says "ready" or why it cannot work, and once ready what the queue says when its disk
    is full; anything it hears is a wish to stop after the message in hand, and when the line breaks the runtime is dead, and so
    is the worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the runtime decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    join_runtime(runtime)
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(line, stopping), daemon=True).start()
    try:
        handlers = factory()
    except SceneSearchError as error:
        line.send(str(error))
        return
    line.send("ready")
    Worker(queue, handlers, options, on_full=line.send).run(stopping)


def _listen(line: Connection, stopping: threading.Event) -> None:
    try:
        line.recv()
    except (EOFError, OSError):
        os._exit(1)
    stopping.set()
    try:
        line.recv()
    except (EOFError, OSError):
        os._exit(1)


class Worker:
    """Serves the subscriptions that it has handlers for."""

    def __init__(
        self,
        queue: LocalQueue,
        handlers: Mapping[Subscription, Handler],
        options: WorkerOptions,
        *,
        on_full: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """`on_full` hears, as often as it is met, that the queue's disk is full."""
        self._queue = queue
        self._handlers = handlers
        self._options = options
        self._on_full = on_full
        self._loaded: set[Subscription] = set()

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping` is set. While the queue cannot be reached, or has no space left, wait."""
        while not stopping.is_set():
            try:
                claim = self._claim(URGENT & self._handlers.keys()) or self._claim(self._handlers.keys())
            except (Retryable, StorageFull) as error:
                self._pause(error, stopping)
                continue
            if claim is None:
                stopping.wait(IDLE_POLL_S)
                continue
            with self._held(claim):
                self._settle(self._see_to(claim), stopping)

    def _claim(self, subscriptions: Collection[Subscription]) -> Claim | None:
        return self._queue.claim(subscriptions, self._options.lease, prefer=self._loaded)

    def _settle(self, outcome: Callable[[], bool], stopping: threading.Event) -> None:
        """Tell the queue, however long that takes: what was worked out is not thrown away for want of space."""
        while True:
            try:
                outcome()
            except (Retryable, StorageFull) as error:
                self._pause(error, stopping)
                if stopping.is_set():
                    return
            else:
                return

    def _pause(self, error: SceneSearchError, stopping: threading.Event) -> None:
        LOG.warning("the queue is not available", extra={"reason": str(error)})
        if isinstance(error, StorageFull):
            self._on_full(str(error))
        stopping.wait(UNAVAILABLE_PAUSE_S)

    def _see_to(self, claim: Claim) -> Callable[[], bool]:
        """Let the handler work; what to tell the queue of it."""
        if claim.subscription in EXTRACTORS:  # each has a large model: a worker prefers those whose model it has loaded
            self._loaded.add(claim.subscription)
        about = {"subscription": claim.subscription, "attempt": claim.attempt}
        result = outcome_of(lambda: self._handlers[claim.subscription](claim.message), about)
        match result.outcome:
            case Outcome.WAIT:
                return partial(self._queue.reject, claim, result.reason, delay=BUSY_PAUSE, counts=False)
            case Outcome.RETRY:
                return partial(self._queue.reject, claim, result.reason)
            case Outcome.DEAD_LETTER:
                return partial(self._queue.dead_letter, claim, result.reason)
            case Outcome.ACKNOWLEDGE:
                return partial(self._queue.acknowledge, claim)

    @contextmanager
    def _held(self, claim: Claim) -> Iterator[None]:
        """Extends the claim while the handler works."""
        done = threading.Event()
        heartbeat = threading.Thread(target=self._beat, args=(claim, done), daemon=True)
        heartbeat.start()
        try:
            yield
        finally:
            done.set()
            heartbeat.join()

    def _beat(self, claim: Claim, done: threading.Event) -> None:
        patient_until = time.monotonic() + self._options.patience.total_seconds()
        while not done.wait(self._options.lease.total_seconds() / 3):
            if time.monotonic() > patient_until:
                LOG.critical("a handler hangs: ending its process", extra={"subscription": claim.subscription})
                os._exit(GIVEN_UP)
            try:
                self._queue.extend(claim, self._options.lease)
            except SceneSearchError as error:
                LOG.warning("a claim could not be extended", extra={"subscription": claim.subscription, "reason": str(error)})

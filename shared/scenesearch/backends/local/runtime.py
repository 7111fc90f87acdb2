"""The one-machine runtime: worker processes that serve the queue, replaced when they die, none left behind."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import Self

from scenesearch.backends.local.liveness import LivenessLock
from scenesearch.backends.local.queue import LocalQueue, QueueStatus
from scenesearch.backends.local.worker import WorkerOptions, work
from scenesearch.errors import ConfigurationError, SceneSearchError, StorageFull
from scenesearch.ports import HandlerFactory

LOG = logging.getLogger(__name__)

FALSE_STARTS = 3
"""After so many workers in a row that died before they were ready, there is no point in starting another."""

_LOOK_S = 0.1
"""Seconds between two looks at the workers and at the queue."""
_ASK_S = 1.0
"""Seconds between two questions whether what was wanted is done: each reads the catalog."""
_RECLAIM_S = 1.0
"""Seconds between two looks for claims of processes that are gone."""


@dataclass(slots=True)
class _Slot:
    """One worker process, and the line to it."""

    process: BaseProcess
    line: Connection
    ready: bool = False


class Runtime:
    """Worker processes over one queue. Use it as a context (`serve`), or call `settle` (`ingest`)."""

    def __init__(
        self,
        queue: LocalQueue,
        factory: HandlerFactory,
        *,
        workers: int = 2,
        tick: Callable[[], None] | None = None,
        tick_every: timedelta = timedelta(minutes=1),
        grace: timedelta = timedelta(seconds=5),
        options: WorkerOptions | None = None,
    ) -> None:
        """`factory` is pickled to every worker, which calls it once for its handlers. `tick` is called in a thread of this process:
        once a worker is up, and then at that interval. A stop waits `grace` for the messages in hand; unfinished ones come again.
        """
        self._queue = queue
        self._factory = factory
        self._workers = workers
        self._tick = tick
        self._tick_every = tick_every
        self._grace_s = grace.total_seconds()
        self._options = options or WorkerOptions()
        self._spawn = multiprocessing.get_context("spawn")
        self._slots: list[_Slot] = []
        self._false_starts = 0
        self._stopping = threading.Event()
        self._hold: LivenessLock | None = None
        self._up = threading.Event()
        self._ticked = threading.Event()
        self._supervising: threading.Thread | None = None
        self._ticking: threading.Thread | None = None
        self._error: SceneSearchError | None = None
        self._full: StorageFull | None = None

    def run_until_idle(
        self, on_progress: Callable[[QueueStatus], None] | None = None, *, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Work until nothing waits any more, or `until` is true: it is asked about once a second.

        `on_progress` hears several times a second how much is left.

        Raises:
            ConfigurationError: the workers cannot start; the message says why.
            StorageFull: there is no space to note what was done; what is not noted is done again.
            KeyboardInterrupt, SystemExit: Ctrl-C, SIGTERM; every worker has ended by then.
        """
        with _terminable(), self:
            asked_at = -_ASK_S
            while True:
                if error := self._error or self._full:
                    raise error
                ticked = self._tick is None or self._ticked.is_set()  # before that it may still find something to do
                status = self._queue.status()
                if on_progress is not None:
                    on_progress(status)
                if status.idle and ticked:
                    return
                if time.monotonic() >= asked_at + _ASK_S:
                    asked_at = time.monotonic()
                    if until():
                        return
                self._stopping.wait(_LOOK_S)

    def settle(self, on_progress: Callable[[], None] = lambda: None, until: Callable[[], bool] | None = None) -> None:
        """Work until `until` is true or nothing waits any more; raises what `run_until_idle` does."""
        self.run_until_idle(lambda _: on_progress(), until=until or (lambda: False))

    def __enter__(self) -> Self:
        self._stopping, self._up, self._ticked = threading.Event(), threading.Event(), threading.Event()
        self._error, self._full, self._false_starts = None, None, 0
        self._hold = LivenessLock(self._queue.alive)
        self._reclaim_safely()
        self._supervising = threading.Thread(target=self._supervise, args=(self._hold.name,), daemon=True)
        self._supervising.start()
        if self._tick is not None:
            events = (self._up, self._ticked, self._stopping)
            self._ticking = threading.Thread(target=self._keep_ticking, args=(self._tick, *events), daemon=True)
            self._ticking.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End every worker: after its message in hand, or after the grace. Safe to repeat."""
        self._stopping.set()
        if self._supervising is not None:
            self._supervising.join()
        if self._ticking is not None:
            self._ticking.join(self._grace_s)  # a long round is no reason to stay: it may end at any point
        self._supervising = self._ticking = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None
        self._reclaim_safely()

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers."""
        return [slot.process.pid for slot in self._slots if slot.process.pid is not None]

    def _supervise(self, runtime: str) -> None:
        try:
            reclaimed_at = 0.0
            while not self._stopping.is_set():
                self._replace_the_dead(runtime)
                if time.monotonic() > reclaimed_at + _RECLAIM_S:
                    self._reclaim_safely()
                    reclaimed_at = time.monotonic()
                wait([slot.process.sentinel for slot in self._slots] + [slot.line for slot in self._slots if not slot.ready], _LOOK_S)
        except SceneSearchError as error:
            self._error = error
            LOG.critical("the workers cannot start", extra={"reason": str(error)})
        except Exception as error:  # nobody else would hear of it, and wait for ever
            LOG.critical("the workers cannot be kept running", exc_info=True)
            self._error = ConfigurationError(
                f"the worker processes cannot be kept running ({type(error).__name__}: {error}): with fewer of them "
                "(SCENESEARCH_WORKERS) this machine may have enough; `scenesearch doctor` shows what works here"
            )
        finally:
            self._end_all()

    def _replace_the_dead(self, runtime: str) -> None:
        for slot in self._slots:
            self._hear(slot)
        living = [slot for slot in self._slots if slot.process.is_alive()]
        for slot in self._slots:
            if slot not in living:
                self._reap(slot)
        self._slots = living
        while len(self._slots) < self._workers:
            self._slots.append(self._start(runtime))

    def _start(self, runtime: str) -> _Slot:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(
            target=work, args=(runtime, self._queue, self._factory, self._options, theirs), name="scenesearch-worker", daemon=True
        )
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Slot(process, ours)

    def _hear(self, slot: _Slot) -> None:
        try:
            while slot.line.poll():
                said = slot.line.recv()
                if slot.ready:
                    self._full = StorageFull(said)
                elif said == "ready":
                    slot.ready, self._false_starts = True, 0
                    self._up.set()
                else:
                    raise ConfigurationError(said)
        except (EOFError, OSError):
            return

    def _reap(self, slot: _Slot) -> None:
        slot.line.close()
        slot.process.join()
        LOG.error("a worker died: another takes its place", extra={"pid": slot.process.pid, "exit_code": slot.process.exitcode})
        if not slot.ready:
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS:
                raise ConfigurationError(
                    f"no worker could start (the last one ended with exit code {slot.process.exitcode}): its error is above; "
                    "`scenesearch doctor` shows what works here"
                )

    def _reclaim_safely(self) -> None:
        try:
            self._queue.reclaim()
        except SceneSearchError as error:
            LOG.warning("the queue is not available", extra={"reason": str(error)})

    def _end_all(self) -> None:
        for slot in self._slots:
            try:
                slot.line.send("stop")
            except OSError:
                continue
        deadline = time.monotonic() + self._grace_s
        for slot in self._slots:
            slot.process.join(max(0.0, deadline - time.monotonic()) if slot.ready else 0.0)
        for slot in self._slots:
            if slot.process.is_alive():
                slot.process.kill()
            slot.process.join()
            slot.line.close()
        self._slots = []

    def _keep_ticking(self, tick: Callable[[], None], up: threading.Event, ticked: threading.Event, stopping: threading.Event) -> None:
        while not up.wait(_LOOK_S):  # the first round may be long, and the workers need not wait for it
            if stopping.is_set():
                return
        while not stopping.is_set():
            self._tick_safely(tick)
            ticked.set()
            stopping.wait(self._tick_every.total_seconds())

    def _tick_safely(self, tick: Callable[[], None]) -> None:
        try:
            tick()
        except Exception:  # the timer must go on whatever one round meets
            LOG.exception("a round of the timer failed")


@contextmanager
def _terminable() -> Iterator[None]:
    """Within it SIGTERM ends the main thread like Ctrl-C does, with the usual exit code; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

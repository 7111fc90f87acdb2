"""Untrusted media is opened in a child process with limits on memory, processor time and time. Its end is not this process's."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO, Never

from scenesearch import errors
from scenesearch.config import Settings
from scenesearch.errors import NO_SPACE, SceneSearchError, StorageFull, UnreadableMedia
from scenesearch.media.channel import Channel

LOG = logging.getLogger(__name__)

IDLE_CHILDREN = 2
"""The most children that wait for the next file: starting one takes about 0.3 s, most of it imports."""

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "SYSTEMROOT")
"""The only variables of the environment that a child sees: no keys, no tokens."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: memory in bytes, seconds and processor seconds a step, pixels a picture."""

    memory_bytes: int
    seconds: float
    pixels: int

    @classmethod
    def load(cls) -> Limits:
        """The limits of this process's settings. Raises `ConfigurationError`."""
        settings = Settings.load()
        return cls(settings.media_memory_bytes, settings.media_seconds, settings.media_pixels)

    @property
    def cpu_seconds(self) -> float:
        """The processor seconds of a step on all cores: four times its seconds. It also ends a child whose parent is gone."""
        return 4 * self.seconds


class Reading:
    """One job in a child. `results()` yields what the function yields; `answer` is what it returned in the end."""

    def __init__(self, child: _Child, source: BinaryIO, limits: Limits) -> None:
        self._child, self._source, self._limits = child, source, limits
        self.answer: Any = None
        self.over = False
        self.busy = False
        """Whether the child is working; it is not while the caller handles what was yielded."""

    def start(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Send the job to the child."""
        self._say((self._limits.cpu_seconds, function, _reachable(self._source), arguments, named))

    def next(self) -> Any:
        """Return what the function yields next; when it has returned instead, `over` is true. Raises its errors."""
        until = time.monotonic() + self._limits.seconds
        while True:
            kind, *what = self._heard(until - time.monotonic())
            if kind != "read":
                self.busy = False
                return self._result(kind, what)
            began = time.monotonic()
            try:
                self._source.seek(what[0])
                data = self._source.read(what[1])
            except BaseException:
                self._child.end()
                raise
            until += time.monotonic() - began  # a slow store is not the file's fault
            self._say(data)

    def send(self, value: object) -> Any:
        """Send a value into the generator, and return what it yields next."""
        self._say((True, value))
        return self.next()

    def stop(self) -> None:
        """End a generator whose results are no longer needed."""
        if not self.over and not self._child.ended:
            self._say((False, None))
            self.next()

    def _say(self, message: object) -> None:
        self.busy = True
        try:
            self._child.channel.send(message)
        except OSError:
            self._died()

    def _heard(self, seconds: float) -> Any:
        self._child.channel.end.settimeout(max(0.01, seconds))
        try:
            return self._child.channel.receive()
        except TimeoutError:
            self._child.end()
            raise UnreadableMedia(
                f"reading the file took longer than the {self._limits.seconds:g} s that one step may take: it may be damaged, or made to "
                "keep its reader busy; convert it and upload it again, or raise SCENESEARCH_MEDIA_SECONDS"
            ) from None
        except (EOFError, OSError):
            self._died()
        except UnpicklingError as error:
            self._child.end()
            raise UnreadableMedia(f"the file made its reader answer with what it never answers ({error}): it is made to do harm") from error

    def _died(self) -> Never:
        code = self._child.end()
        if code == -signal.SIGXCPU:
            raise UnreadableMedia(f"reading the file took more than {self._limits.cpu_seconds:g} s of processor time: it may be damaged")
        raise UnreadableMedia(f"the file ended its reader ({_named(code)}): it is damaged, or {self._too_large()}")

    def _too_large(self) -> str:
        return (
            f"needs more memory to read than the {self._limits.memory_bytes / 1e6:.0f} MB that one file may take: "
            "convert it and upload it again, or raise SCENESEARCH_MEDIA_MEMORY_BYTES"
        )

    def _result(self, kind: str, what: list[Any]) -> Any:
        if kind == "item":
            return what[0]
        self.over = True
        if kind == "done":
            self.answer = what[0]
            return None
        if kind == "error":
            name, message = what
            found = getattr(errors, name, None)
            raise (found if isinstance(found, type) and issubclass(found, SceneSearchError) else UnreadableMedia)(message)
        name, message, errno, trace = what
        if errno in NO_SPACE:
            raise StorageFull("no space is left for clips: free some, then run `scenesearch retry`")
        LOG.warning("a library failed on a file", extra={"fault": name, "trace": trace})
        if name in ("MemoryError", "_ArrayMemoryError") or "memory" in str(message).lower():
            self._child.end()
            raise UnreadableMedia(f"the file {self._too_large()}")
        raise UnreadableMedia(
            f"the file cannot be read: it is damaged, or made to do harm ({name}: {message}); convert it to MP4 and upload it again"
        )


@contextmanager
def reading(source: BinaryIO, limits: Limits, function: Callable[..., Any], *arguments: Any, **named: Any) -> Iterator[Reading]:
    """Start `function(source, *arguments, **named)` in a child. Arguments and results are pickled; open files may be among them."""
    child = _taken(limits)
    job = Reading(child, source, limits)
    try:
        job.start(function, arguments, named)
        yield job
    finally:
        try:
            if job.busy:
                child.end()  # in the middle of something that nobody wants any more
            else:
                job.stop()
        finally:
            _given_back(child)


def in_child(source: BinaryIO, limits: Limits, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What `function(source, *arguments, **named)` returns, worked out in a child.

    Raises:
        UnreadableMedia: the file needs more memory or time than it may take, or a library failed on it.
        SceneSearchError: what the function itself raises.
    """
    with reading(source, limits, function, *arguments, **named) as job:
        job.next()
        return job.answer


def each_in_child(source: BinaryIO, limits: Limits, function: Callable[..., Any], *arguments: Any, **named: Any) -> Generator[Any]:
    """What the generator `function(source, *arguments, **named)` yields, worked out in a child, one by one. Raises as `in_child`."""
    with reading(source, limits, function, *arguments, **named) as job:
        item = job.next()
        while not job.over:
            yield item
            item = job.send(None)


class _Child:
    """A process that waits for jobs."""

    def __init__(self, limits: Limits) -> None:
        ours, theirs = socket.socketpair()
        variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        variables |= {
            "PYTHONPATH": os.pathsep.join(str(Path(place).absolute()) for place in sys.path if place),
            "OPENBLAS_NUM_THREADS": "1",
        }
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "scenesearch.media.child", str(theirs.fileno()), str(limits.memory_bytes), str(limits.pixels)],
                pass_fds=(theirs.fileno(),),
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self.channel, self.limits, self.owner = Channel(ours, trusting=False), limits, os.getpid()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> int:
        """End the child now and return its exit code: below zero, the signal that had ended it before."""
        self.channel.close()
        try:
            return self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


_LOCK = threading.Lock()
_IDLE: list[_Child] = []


def _taken(limits: Limits) -> _Child:
    with _LOCK:
        for child in _IDLE[::-1]:
            if child.owner != os.getpid() or child.ended:
                _IDLE.remove(child)
            elif child.limits == limits:
                _IDLE.remove(child)
                return child
    return _Child(limits)


def _given_back(child: _Child) -> None:
    """Let a child wait for the next file; when there are too many, the one that waited longest ends."""
    with _LOCK:
        if not child.ended:
            _IDLE.append(child)
        surplus = [_IDLE.pop(0) for _ in range(len(_IDLE) - IDLE_CHILDREN)]
    for old in surplus:
        old.end()


@atexit.register
def end_all() -> None:
    """End the children that wait for the next file."""
    with _LOCK:
        for child in _IDLE:
            if child.owner == os.getpid():
                child.end()
        _IDLE.clear()


def _reachable(source: BinaryIO) -> Any:
    """The file itself where it is one of this machine, else its size."""
    try:
        source.fileno()
    except (OSError, AttributeError):
        return source.seek(0, os.SEEK_END)
    return source


def _named(code: int) -> str:
    try:
        return signal.Signals(-code).name if code < 0 else f"exit {code}"
    except ValueError:
        return f"exit {code}"

"""The child process that reads untrusted media: it runs one job after the other, within limits and without secrets."""

from __future__ import annotations

import gc
import inspect
import io
import os
import resource
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from scenesearch.errors import SceneSearchError
from scenesearch.media.channel import Channel
from scenesearch.media.limits import MOST_PIXELS

READ_BYTES = 1 << 17
"""How many bytes are requested from the parent at once: a request and its answer take some 50 µs."""


def main(handle: int, memory_bytes: int, pixels: int) -> None:
    """Work for the process at the other end of the socket `handle` until it is gone. `pixels`: the most that a picture may have."""
    MOST_PIXELS.set(pixels)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    channel = Channel(socket.socket(fileno=handle), trusting=True)
    while True:
        try:
            job = channel.receive()
        except EOFError:
            return
        cpu_seconds, function, source, arguments, named = job
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, round(used.ru_utime + used.ru_stime + cpu_seconds) + 1, hard=False)
        try:
            channel.send(("done", _work(channel, function, _opened(channel, source), arguments, named)))
        except SceneSearchError as error:
            channel.send(("error", type(error).__name__, str(error)))
        except EOFError:
            return
        except BaseException as fault:  # noqa: BLE001 - whatever a library makes of such a file
            channel.send(("fault", type(fault).__name__, str(fault), getattr(fault, "errno", None), traceback.format_exc(limit=-6)))
        del job, source, arguments, named
        gc.collect()  # PyAV's filter graphs are cycles that hold their pictures: measured 25 to 50 MB a job, 350 after twelve


def _work(channel: Channel, function: Callable[..., Any], source: BinaryIO, arguments: tuple[Any, ...], named: dict[str, Any]) -> object:
    """Return what the function returns. What it yields is sent out one by one, and what comes back is sent into it."""
    made: Any = function(source, *arguments, **named)
    if not inspect.isgenerator(made):
        return cast("object", made)
    try:
        answer: Any = None
        while True:
            channel.send(("item", made.send(answer)))
            more, answer = channel.receive()
            if not more:
                return None
    except StopIteration as end:
        return end.value
    finally:
        made.close()


def _opened(channel: Channel, source: Any) -> BinaryIO:
    raw = _Here(source) if hasattr(source, "fileno") else _Asked(channel, source)
    return cast("BinaryIO", io.BufferedReader(raw, READ_BYTES))


def _limit(kind: int, most: int, *, hard: bool = True) -> None:
    """Set a limit where the system has it."""
    try:
        _, there = resource.getrlimit(kind)
        most = most if there == resource.RLIM_INFINITY else min(most, there)
        resource.setrlimit(kind, (most, most if hard else there))
    except (OSError, ValueError):
        pass


class _Sized(io.RawIOBase):
    """A file of known size; subclasses read."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self._read(self._at, len(buffer)) if self._at < self._size else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, offset: int, length: int) -> bytes:
        raise NotImplementedError


class _Here(_Sized):
    """A file of this machine: its handle came along. The parent's own position in it does not move."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(os.fstat(file.fileno()).st_size)
        self._file = file

    def _read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)


class _Asked(_Sized):
    """A file that only the parent can reach: every piece is requested from it."""

    def __init__(self, channel: Channel, size: int) -> None:
        super().__init__(size)
        self._channel = channel

    def _read(self, offset: int, length: int) -> bytes:
        self._channel.send(("read", offset, length))
        data: bytes = self._channel.receive()
        return data


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

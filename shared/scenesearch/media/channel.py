"""Messages between this process and the child that reads untrusted media: pickled over a socket, open files beside them."""

from __future__ import annotations

import io
import os
import pickle
import socket
import struct
from collections.abc import Iterable
from typing import Any, cast

HEADER = struct.Struct(">QB")
"""The length of a message in bytes, and how many files come with it."""

MOST_FILES = 8
"""The most files that come with one message; a clip brings two."""

TRUSTED_MODULES = (
    "scenesearch.metadata",
    "scenesearch.video",
    "scenesearch.timeline",
    "scenesearch.media",
    "scenesearch.models.vertexai.bisection",
    "numpy",
    "fractions",
    "datetime",
    "collections",
)
"""The only packages whose classes are unpickled from the child, since a hostile file may control it."""

TRUSTED_BUILTINS = frozenset({"set", "frozenset", "complex", "slice", "range", "bytearray"})


class Channel:
    """One end of the socket, for one thread at a time."""

    def __init__(self, end: socket.socket, *, trusting: bool) -> None:
        """`trusting`: whether everything that the other end sends is unpickled, not only known classes."""
        self.end, self._trusting = end, trusting

    def send(self, message: object) -> None:
        """Send a message; open files in it arrive as files of the other process, at their beginning."""
        body, files = io.BytesIO(), list[Any]()
        _Pickler(body, files).dump(message)
        header = HEADER.pack(body.tell(), len(files))
        if files:
            socket.send_fds(self.end, [header], [file.fileno() for file in files])
        else:
            self.end.sendall(header)
        self.end.sendall(body.getbuffer())

    def receive(self) -> Any:
        """Return the next message. Raises `EOFError` when the other end is gone, `TimeoutError` when nothing comes in time."""
        header, handles, _, _ = socket.recv_fds(self.end, HEADER.size, MOST_FILES)
        length, _ = HEADER.unpack(header + self._exactly(HEADER.size - len(header)) if header else self._exactly(HEADER.size))
        body = self._exactly(length)
        files = [os.fdopen(handle, "rb") for handle in handles]
        unpickler = (_Unpickler if self._trusting else _CarefulUnpickler)(io.BytesIO(body), files)
        return unpickler.load()

    def close(self) -> None:
        """Close this end of the socket."""
        self.end.close()

    def _exactly(self, length: int) -> bytes:
        body = bytearray(length)
        view, read = memoryview(body), 0
        while read < length:
            count = self.end.recv_into(view[read:])
            if not count:
                raise EOFError
            read += count
        if not length:
            return b""
        return bytes(body) if length < 1 << 12 else cast("bytes", body)


class _Pickler(pickle.Pickler):
    def __init__(self, body: io.BytesIO, files: list[Any]) -> None:
        super().__init__(body, protocol=5)
        self._files = files

    def persistent_id(self, obj: Any) -> int | None:
        if isinstance(obj, io.IOBase) or hasattr(obj, "fileno"):
            self._files.append(obj)
            return len(self._files) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, body: io.BytesIO, files: Iterable[Any]) -> None:
        super().__init__(body)
        self._files = list(files)

    def persistent_load(self, pid: Any) -> Any:
        return self._files[pid]


class _CarefulUnpickler(_Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == "builtins" and global_name in TRUSTED_BUILTINS:
            return super().find_class(module_name, global_name)
        found = super().find_class(module_name, global_name) if module_name.startswith(TRUSTED_MODULES) else None
        if isinstance(found, type) or (module_name.startswith("numpy") and global_name in ("_reconstruct", "_frombuffer", "scalar")):
            return found
        raise pickle.UnpicklingError(f"the child sent a {module_name}.{global_name}")

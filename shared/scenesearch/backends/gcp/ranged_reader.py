"""A seekable file over ranged requests: small steps where a reader jumps, large ones where it reads on."""

from __future__ import annotations

import io
from collections.abc import Callable

SMALLEST_BYTES = 1 << 16
"""Bytes of the first fetch after a jump: headers and indexes of files are this small."""
LARGEST_BYTES = 1 << 22
"""Bytes that one fetch grows to while reading goes on: it bounds the memory of a reader."""


class RangedReader(io.RawIOBase):
    """The bytes that `fetch(start, end)` (end excluded) gives, `size_bytes` in all.

    The first read after a jump fetches 64 KiB; each read that goes on from there fetches twice as much as the last, up to
    4 MiB: planning a video from its header costs few bytes, streaming it few requests.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._fetch = fetch
        self._size = size_bytes
        self._at = 0
        self._held, self._held_from = b"", 0
        self._step = SMALLEST_BYTES

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill as much of `buffer` as one fetch gives; 0 at the end."""
        if self._at >= self._size or not len(buffer):
            return 0
        if not self._held_from <= self._at < self._held_from + len(self._held):
            self._hold(len(buffer))
        start = self._at - self._held_from
        taken = self._held[start : start + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)

    def _hold(self, wanted: int) -> None:
        reads_on = self._held and self._at == self._held_from + len(self._held)
        self._step = min(self._step * 2, LARGEST_BYTES) if reads_on else SMALLEST_BYTES
        end = min(self._size, self._at + max(wanted, self._step))
        self._held, self._held_from = self._fetch(self._at, end), self._at
        if not self._held:
            raise EOFError(f"nothing came of bytes {self._at} to {end} of {self._size}")

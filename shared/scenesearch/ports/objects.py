"""Where files are: uploads and what is derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One generation of one object. `metadata` holds what its uploader said: `title`, `language`, `tags` (by comma)."""

    bucket: str
    name: str
    generation: int
    size_bytes: int
    content_type: str
    metadata: Mapping[str, str]
    updated_at: datetime


class ObjectStore(Protocol):
    """One bucket. Writing or deleting in the uploads bucket publishes `ObjectChanged` on the topic `objects`."""

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        ...

    def stat(self, name: str, generation: int | None = None) -> ObjectInfo:
        """What is known of the object. Raises `ObjectNotFound` when it is gone or has another generation."""
        ...

    def open(self, name: str, generation: int | None = None) -> BinaryIO:
        """A seekable reader that fetches only the ranges that are read. Raises `ObjectNotFound`."""
        ...

    def as_file(self, name: str, generation: int | None = None) -> AbstractContextManager[Path]:
        """The object as a file on this machine for the time of the context; never to be changed. Raises `ObjectNotFound`."""
        ...

    def uri(self, name: str) -> str:
        """`gs://bucket/name` or `file:///…`: how models that fetch for themselves name the object."""
        ...

    def create(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        """Write the object if it is absent; else leave it and return what is there. Whole or not at all.

        Raises `StorageFull`.
        """
        ...

    def replace(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        """Write the object as a new generation. Whole or not at all. Raises `StorageFull`."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose names start with `prefix`, in order of name."""
        ...

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete the object (only at `generation`, when given). False when there was nothing to delete."""
        ...

    def signed_url(
        self, name: str, *, expires: timedelta, method: str = "GET", content_type: str | None = None, disposition: str | None = None
    ) -> str:
        """A URL that lets whoever holds it read (or write) this one object for a while.

        `disposition`: the `Content-Disposition` that reading it is answered with.
        """
        ...

"""The `ObjectStore` port over Cloud Storage."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth.credentials import Signing
from google.cloud.storage import Blob, Bucket, Client

from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.ranged_reader import RangedReader
from scenesearch.errors import InvalidRequest, ObjectNotFound
from scenesearch.ports import ObjectInfo, ObjectStore

AT_ONCE_BYTES = 8 << 20
"""Up to this size an object is sent in one request; larger ones in a session that resumes after a fault, this much a request."""


class CloudObjectStore(ObjectStore):
    """One bucket. Its notifications (not this class) announce what changes."""

    def __init__(self, client: Client, bucket: str, *, signing: Signing, links_at: str | None = None, reachable: bool = True) -> None:
        """`signing` signs links; `links_at` is where they lead instead of Cloud Storage itself (an emulator).

        `reachable`: whether the models can fetch from here. Those at Google's cannot fetch from an emulator.
        """
        self._client = client
        self._bucket: Bucket = client.bucket(bucket)
        self._signing = signing
        self._links_at = links_at
        self._reachable = reachable

    @property
    def bucket(self) -> str:
        name: str = self._bucket.name
        return name

    def stat(self, name: str, generation: int | None = None) -> ObjectInfo:
        with self._translated("looking at", name):
            blob = self._bucket.get_blob(_checked(name), generation=generation)
        if blob is None:
            at = "" if generation is None else f" at generation {generation}"
            raise ObjectNotFound(f"there is no object {name!r} in {self.bucket}{at}")
        return _info(blob)

    def open(self, name: str, generation: int | None = None) -> BinaryIO:
        """Buffered. A read raises `ObjectNotFound` when the generation has gone meanwhile."""
        info = self.stat(name, generation)
        blob = self._bucket.blob(name, generation=info.generation)

        def fetch(start: int, end: int) -> bytes:
            with self._translated("reading", name):
                data: bytes = blob.download_as_bytes(start=start, end=end - 1, raw_download=True, checksum=None)
                return data

        return io.BufferedReader(RangedReader(fetch, info.size_bytes), 1 << 16)

    @contextmanager
    def as_file(self, name: str, generation: int | None = None) -> Iterator[Path]:
        """A copy, checked by CRC32C, deleted afterwards."""
        info = self.stat(name, generation)
        with tempfile.NamedTemporaryFile(prefix="object-", suffix=Path(name).suffix[:16]) as file:
            with self._translated("reading", name):
                self._bucket.blob(name, generation=info.generation).download_to_file(file, raw_download=True, checksum="crc32c")
            file.flush()
            yield Path(file.name)

    def uri(self, name: str) -> str:
        return f"gs://{self.bucket}/{name}" if self._reachable else f"{self._links_at}/{self.bucket}/{quote(name)}"

    def create(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        try:
            return self.stat(name)
        except ObjectNotFound:
            pass
        try:
            return self._write(name, source, content_type, metadata or {}, only_if_absent=True)
        except _Changed:  # somebody else was faster
            return self.stat(name)

    def replace(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        return self._write(name, source, content_type, metadata or {}, only_if_absent=False)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        with translated(f"listing {self.bucket}"):
            yield from (_info(blob) for blob in self._client.list_blobs(self._bucket, prefix=prefix or None))

    def delete(self, name: str, generation: int | None = None) -> bool:
        try:
            info = self.stat(name, generation)
            with self._translated("deleting", name):
                self._bucket.blob(name).delete(if_generation_match=info.generation)
        except ObjectNotFound:
            return False
        except _Changed:  # replaced since the look
            return False if generation is not None else self.delete(name)
        return True

    def signed_url(
        self, name: str, *, expires: timedelta, method: str = "GET", content_type: str | None = None, disposition: str | None = None
    ) -> str:
        """V4, signed by IAM. `method` may be `RESUMABLE`: a POST with `x-goog-resumable: start` that begins an upload session."""
        more = {"api_access_endpoint": self._links_at} if self._links_at else {}
        blob = self._bucket.blob(_checked(name))
        if self._links_at and disposition:  # emulators know it as a property of the object only
            blob.content_disposition = disposition
            with self._translated("naming", name):
                blob.patch()
        url: str = blob.generate_signed_url(
            version="v4",
            expiration=expires,
            method=method,
            content_type=content_type,
            response_disposition=disposition,
            credentials=self._signing,
            **more,
        )
        return url

    def upload_session(
        self, name: str, *, size_bytes: int, content_type: str, metadata: Mapping[str, str], origin: str, replace: bool = False
    ) -> str:
        """The URL of a resumable upload of exactly this object, if it is still absent at the end or `replace`. It is good for a week.

        Whoever holds it may upload, from a browser only out of pages of `origin`. Raises `Unavailable`.
        """
        blob = self._bucket.blob(_checked(name))
        if metadata:
            blob.metadata = dict(metadata)
        blob.content_type = content_type
        with self._translated("opening an upload of", name):
            url: str = blob.create_resumable_upload_session(
                content_type=content_type, size=size_bytes, origin=origin or None, if_generation_match=None if replace else 0
            )
        return url

    def _write(self, name: str, source: BinaryIO, content_type: str, metadata: Mapping[str, str], *, only_if_absent: bool) -> ObjectInfo:
        """Raises `_Changed` when the object must be absent and is not."""
        blob = self._bucket.blob(_checked(name))
        if metadata:
            blob.metadata = dict(metadata)
        condition = {"if_generation_match": 0} if only_if_absent else {}
        with _sized(source) as (whole, size):
            if size > AT_ONCE_BYTES:
                blob.chunk_size = AT_ONCE_BYTES
            with self._translated("writing", name):
                blob.upload_from_file(
                    whole, size=None if size > AT_ONCE_BYTES else size, content_type=content_type, checksum="crc32c", **condition
                )
        return _info(blob)

    @contextmanager
    def _translated(self, doing: str, name: str) -> Iterator[None]:
        with translated(f"{doing} {name!r} in {self.bucket}"):
            try:
                yield
            except NotFound as error:
                raise ObjectNotFound(f"{doing} {name!r} in {self.bucket}: there is no such object (any more), or no such bucket") from error
            except PreconditionFailed as error:
                raise _Changed from error


class _Changed(Exception):
    """The object is not at the generation that the request was meant for."""


class _FromHere(io.RawIOBase):
    """A seekable source from where it stands, as if it began there: what an upload session asks for."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._base = source, source.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._source.tell() - self._base

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._source.seek(offset + self._base if whence == io.SEEK_SET else offset, whence) - self._base

    def read(self, size: int = -1, /) -> bytes:
        """All of `size` bytes, unless the source ends."""
        parts = []
        while size != 0 and (part := self._source.read(size)):
            parts.append(part)
            size = size - len(part) if size > 0 else size
        return b"".join(parts)


@contextmanager
def _sized(source: BinaryIO) -> Iterator[tuple[BinaryIO, int]]:
    """The rest of the source as a seekable file, and its size. Small ones are read whole first, so that nothing half-read is sent."""
    with tempfile.SpooledTemporaryFile(AT_ONCE_BYTES) as spool:
        if source.seekable():
            rest = _FromHere(source)
            size = rest.seek(0, io.SEEK_END)
            rest.seek(0)
            if size > AT_ONCE_BYTES:
                yield cast(BinaryIO, rest), size
                return
            source = cast(BinaryIO, rest)
        shutil.copyfileobj(source, spool)
        size = spool.tell()
        spool.seek(0)
        yield cast(BinaryIO, spool), size


def _checked(name: str) -> str:
    """Raises `InvalidRequest` for a name that Cloud Storage does not take."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name!r} cannot be the name of an object: it is no valid Unicode") from error
    if not 0 < size <= 1024 or name in (".", "..") or "\r" in name or "\n" in name:
        raise InvalidRequest(f"{name!r} cannot be the name of an object: 1 to 1024 bytes, no line breaks, not `.` or `..`")
    return name


def _info(blob: Blob) -> ObjectInfo:
    return ObjectInfo(
        bucket=blob.bucket.name,
        name=blob.name,
        generation=int(blob.generation),
        size_bytes=int(blob.size),
        content_type=blob.content_type or "application/octet-stream",
        metadata=dict(blob.metadata or {}),
        updated_at=blob.updated,
    )

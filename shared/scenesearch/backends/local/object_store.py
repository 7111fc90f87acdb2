"""The `ObjectStore` port over a folder: every object is one file of bytes and, beside it, one file that says what it is."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import logging
import os
import re
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import uuid4

from scenesearch.backends.local.home import make_private, open_private
from scenesearch.backends.local.signed_urls import SignedObject, UrlSigner
from scenesearch.errors import NO_SPACE, ConfigurationError, InvalidRequest, ObjectNotFound, StorageFull, Unavailable
from scenesearch.messages import ObjectChanged
from scenesearch.ports import ObjectInfo, ObjectStore
from scenesearch.video import now

LOG = logging.getLogger(__name__)

T = TypeVar("T")

LOCKS = 64
"""Objects share this many locks, so that no lock file has to be removed."""

_COPY_BYTES = 1 << 20
"""Bytes copied at a time."""


_MARKER = re.compile(r"(?P<folder>[0-9a-f]{24})\.(?P<key>[0-9a-f]{64})\.[0-9a-f]{32}(?P<deleted>\.deleted)?")
"""A name in `incoming`. What else lies there is not ours."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an object lies. Names are untrusted and may be longer than a file name, so only their hashes become paths."""

    folder: Path
    key: str

    @property
    def record(self) -> Path:
        return self.folder / f"{self.key}.json"

    def data(self, generation: int) -> Path:
        return self.folder / f"{self.key}.{generation}"


class FolderObjectStore(ObjectStore):
    """One bucket. Threads and processes may share it; what a killed process left half-written is swept on the next start."""

    def __init__(self, folder: Path, bucket: str, *, signer: UrlSigner, on_change: Callable[[ObjectChanged], None] | None = None) -> None:
        """`folder` is the bucket's own. `on_change` hears of every write and delete after it has happened; when it fails, again
        on the next start. Raises `ConfigurationError` when the folder cannot be written, `StorageFull`.
        """
        self._bucket = bucket
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        self._reading = folder / "reading"
        self._locks = folder / "locks"
        self._signer = signer
        self._on_change = on_change
        with self._no_space_named("the folders"):
            try:
                for needed in (self._objects, self._incoming, self._reading, self._locks):
                    make_private(needed)
                self._sweep()
            except OSError as error:
                if error.errno in NO_SPACE:
                    raise
                raise ConfigurationError(f"{folder} cannot be written ({error}): set SCENESEARCH_HOME to a folder that can") from error

    @property
    def bucket(self) -> str:
        return self._bucket

    def stat(self, name: str, generation: int | None = None) -> ObjectInfo:
        info = _read(self._place(name).record)
        if info is None:
            raise ObjectNotFound(f"there is no object {name!r} in {self._bucket}")
        if generation not in (None, info.generation):
            raise ObjectNotFound(f"object {name!r} in {self._bucket} has generation {info.generation}, not {generation}")
        return info

    def open(self, name: str, generation: int | None = None) -> BinaryIO:
        return self._reach(name, generation, lambda data: data.open("rb"))

    @contextmanager
    def as_file(self, name: str, generation: int | None = None) -> Iterator[Path]:
        """A link to the file, so that it stays when the object is replaced or deleted meanwhile."""
        link = self._reading / uuid4().hex
        with self._in_use():
            self._reach(name, generation, lambda data: os.link(data, link))
            try:
                yield link
            finally:
                link.unlink()

    def uri(self, name: str) -> str:
        """Where the live generation lies now. Raises `ObjectNotFound`."""
        return self._place(name).data(self.stat(name).generation).absolute().as_uri()

    def create(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        there = _read(self._place(name).record)
        return there or self._write(name, source, content_type, metadata or {}, only_if_absent=True)

    def replace(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        return self._write(name, source, content_type, metadata or {}, only_if_absent=False)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        # a prefix with a slash names the one folder to look into
        folder = self._place(prefix).folder if "/" in prefix else self._objects
        found = (_read(record) for record in folder.rglob("*.json"))
        return iter(sorted((info for info in found if info and info.name.startswith(prefix)), key=lambda info: info.name))

    def delete(self, name: str, generation: int | None = None) -> bool:
        place = self._place(name)
        marker = self._incoming_for(place, ".deleted")
        with self._no_space_named(f"deleting object {name!r}"), self._in_use():
            with self._locked(place):
                info = _read(place.record)
                if info is None or generation not in (None, info.generation):
                    return False
                place.record.rename(marker)  # the commit point: it stays until everybody has heard of it
                place.data(info.generation).unlink(missing_ok=True)
            self._announce("OBJECT_DELETE", info)
            marker.unlink(missing_ok=True)
        return True

    def signed_url(
        self, name: str, *, expires: timedelta, method: str = "GET", content_type: str | None = None, disposition: str | None = None
    ) -> str:
        """A path on the local HTTP server, checked by `allowed`."""
        return self._signer.sign(self._bucket, name, expires=expires, method=method, content_type=content_type, disposition=disposition)

    def allowed(self, link: str, *, method: str = "GET") -> SignedObject:
        """What a link allows, to whichever bucket of this machine it leads. Raises `InvalidRequest` as `UrlSigner.verify` does."""
        return self._signer.verify(link, method=method)

    def _write(self, name: str, source: BinaryIO, content_type: str, metadata: Mapping[str, str], *, only_if_absent: bool) -> ObjectInfo:
        place = self._place(name)
        incoming = self._incoming_for(place)
        unheard = False
        try:
            with self._no_space_named(f"object {name!r}"), self._in_use():
                size = _copy(source, incoming)
                make_private(place.folder)
                with self._locked(place):
                    before = _read(place.record)
                    if before is not None and only_if_absent:
                        return before
                    info = ObjectInfo(
                        bucket=self._bucket,
                        name=name,
                        generation=self._next_generation(before),
                        size_bytes=size,
                        content_type=content_type,
                        metadata=dict(metadata),
                        updated_at=now(),
                    )
                    unheard = True
                    try:
                        os.link(incoming, place.data(info.generation))
                        self._record(place, info)
                    except OSError:
                        if _read(place.record) == before:
                            place.data(info.generation).unlink(missing_ok=True)
                            unheard = False
                        raise
                    if before is not None:
                        place.data(before.generation).unlink(missing_ok=True)
                if before is not None:
                    self._announce("OBJECT_DELETE", before)
                self._announce("OBJECT_FINALIZE", info)
                unheard = False
        finally:
            if not unheard:  # else the next start needs it to see to what is left
                incoming.unlink(missing_ok=True)
        return info

    def _reach(self, name: str, generation: int | None, use: Callable[[Path], T]) -> T:
        """What `use` makes of the object's file, which may be replaced meanwhile: then of the new one's."""
        missed: int | None = None
        while True:
            info = self.stat(name, generation)
            if info.generation == missed:
                raise ObjectNotFound(f"the file of object {name!r} in {self._bucket} is missing, only its record is left: upload it again")
            with suppress(FileNotFoundError):
                return use(self._place(name).data(info.generation))
            missed = info.generation

    def _record(self, place: _Place, info: ObjectInfo) -> None:
        """The commit point: the record is renamed into place, whole."""
        fresh = self._incoming_for(place)
        try:
            _copy(io.BytesIO(json.dumps({**asdict(info), "updated_at": info.updated_at.isoformat()}).encode()), fresh)
            fresh.rename(place.record)
        finally:
            fresh.unlink(missing_ok=True)
        descriptor = os.open(place.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _next_generation(self, before: ObjectInfo | None) -> int:
        """Larger than every one before in this bucket: microseconds of the clock, or one more than the last when it went back."""
        descriptor = os.open(self._locks / "generation", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            last = os.pread(descriptor, 8, 0)
            known = struct.unpack(">Q", last)[0] if len(last) == 8 else 0
            generation: int = max(time.time_ns() // 1000, known + 1, before.generation + 1 if before else 1)
            os.pwrite(descriptor, struct.pack(">Q", generation), 0)
        finally:
            os.close(descriptor)
        return generation

    def _place(self, name: str) -> _Place:
        try:
            first, slash, _ = name.partition("/")
            folder = hashlib.sha256(first.encode() if slash else b"").hexdigest()[:24]
            key = hashlib.sha256(name.encode()).hexdigest()
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"{name!r} cannot be the name of an object: it is no valid Unicode") from error
        if not name:
            raise InvalidRequest("an object needs a name")
        return _Place(self._objects / folder, key)

    def _incoming_for(self, place: _Place, ending: str = "") -> Path:
        """A new file's path: it is there as long as the change is under way, and its name says where that may have left something."""
        return self._incoming / f"{place.folder.name}.{place.key}.{uuid4().hex}{ending}"

    def _announce(self, event: str, info: ObjectInfo) -> None:
        if self._on_change is not None:
            self._on_change(
                ObjectChanged.model_validate(
                    {"event": event, "bucket": info.bucket, "name": info.name, "generation": info.generation},
                )
            )

    @contextmanager
    def _locked(self, place: _Place) -> Iterator[None]:
        with open(self._locks / f"{int(place.key[:8], 16) % LOCKS:02}", "wb", opener=open_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keeps `_sweep` away from files that somebody is about to need."""
        with open(self._locks / "in-use", "wb", opener=open_private) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def _sweep(self) -> None:
        """When nobody is in the middle of anything, remove what killed processes left there."""
        with open(self._locks / "in-use", "wb", opener=open_private) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            for link in self._reading.iterdir():
                link.unlink(missing_ok=True)
            for left in self._incoming.iterdir():
                if marker := _MARKER.fullmatch(left.name):
                    self._heal(left, _Place(self._objects / marker["folder"], marker["key"]), deleted=marker["deleted"] is not None)

    def _heal(self, left: Path, place: _Place, *, deleted: bool) -> None:
        """End the change whose marker is `left`: drop what belongs to no record, and say what nobody may have heard."""
        info = _read(place.record)
        for data in place.folder.glob(f"{place.key}.*"):
            if data != place.record and not (info and data == place.data(info.generation)):
                data.unlink(missing_ok=True)
        try:
            if deleted and (before := _read(left)):
                self._announce("OBJECT_DELETE", before)
            if not deleted and info:
                self._announce("OBJECT_FINALIZE", info)
        except (StorageFull, Unavailable) as error:  # reading and deleting must go on; the next start tries again
            LOG.warning("a change could not be announced yet", extra={"bucket": self._bucket, "reason": str(error)})
        else:
            left.unlink(missing_ok=True)

    @contextmanager
    def _no_space_named(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_SPACE:
                raise StorageFull(f"no space left for {what} in {self._bucket}: free some, then try again") from error
            raise


def _read(record: Path) -> ObjectInfo | None:
    try:
        fields = json.loads(record.read_bytes())
    except FileNotFoundError:
        return None
    return ObjectInfo(**{**fields, "updated_at": datetime.fromisoformat(fields["updated_at"])})


def _copy(source: BinaryIO, target: Path) -> int:
    """Write all of `source` (from where it stands) to a new file, on the disk when this returns; its size in bytes."""
    with open(target, "xb", opener=open_private) as file:
        if not _copied_by_system(source, file.fileno()):
            shutil.copyfileobj(source, file, _COPY_BYTES)
        file.flush()
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def _copied_by_system(source: BinaryIO, target: int) -> bool:
    """Copy file to file without passing the bytes through this process; False when nothing was copied because it cannot."""
    if not hasattr(os, "copy_file_range") or not isinstance(source, io.BufferedReader) or not isinstance(source.raw, io.FileIO):
        return False
    position, copied = source.tell(), 0
    while True:
        try:
            step = os.copy_file_range(source.fileno(), target, 1 << 30, position + copied)
        except OSError as error:
            if copied or error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF):
                raise
            return False
        if step == 0:
            return copied > 0  # some file systems answer 0 instead of an error: then the plain copy finds whatever there is
        copied += step

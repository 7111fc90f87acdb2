"""Uploads that survive a reload, a lost network and a restart: pieces of a file, gathered until it is whole.

The pieces speak Cloud Storage's own resumable protocol, so a page has one way to upload, to the bucket or to this machine.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable
from uuid import uuid4

from scenesearch.errors import NO_SPACE, InvalidRequest, NotFound, StorageFull
from scenesearch.media.codecs import EXTENSIONS
from scenesearch.media.subtitle_names import is_subtitles, possible_stems, said_of
from scenesearch.metadata import one_line
from scenesearch.names import composed, is_hidden
from scenesearch.pipeline.subtitles import AHEAD
from scenesearch.ports import Catalog, ObjectInfo, ObjectStore

NAME_LENGTH = 180
"""Characters of a file's name that are kept, its extension among them: with collection and id it stays under the 255 bytes of a file
system for most scripts.
"""
KEPT_S = 7 * 86_400
"""An unfinished upload is kept this long after its last piece, as in the cloud."""

_ID = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that somebody is about to upload, under the name that the server fixed."""

    name: str
    size_bytes: int
    content_type: str
    metadata: dict[str, str] = field(default_factory=dict)


class UploadDesk(Protocol):
    """Where uploads are opened."""

    def open(self, announced: Announced, *, origin: str) -> str:
        """The URL that takes the file in pieces, from pages of this origin. Whoever holds it may upload this one object."""
        ...


def object_name(collection: str, file_name: str) -> str:
    """`COLLECTION/UPLOAD-ID/FILENAME`: no upload can meet another, whatever the file is called.

    Raises `InvalidRequest`.
    """
    plain = composed(one_line(PurePosixPath(file_name.replace("\\", "/")).name)).lstrip(".")
    stem, suffix = PurePosixPath(plain).stem, PurePosixPath(plain).suffix
    plain = (stem[: NAME_LENGTH - len(suffix)] + suffix)[:NAME_LENGTH]
    if not any(map(str.isalnum, re.split(r"[/\\]", file_name)[-1])):
        raise InvalidRequest(f"{file_name!r} cannot be a file's name: rename the file and upload it again")
    return f"{collection_name(collection)}/{uuid4().hex}/{plain}"


def subtitle_object(collection: str, file_name: str, catalog: Catalog) -> tuple[str, str]:
    """Return the object name of a subtitle file and the id of the video that it belongs to: beside it, in place of an older one.

    While there is no video of its name the file waits for one, and the id is empty. Raises `InvalidRequest` when several videos fit.
    """
    plain = composed(one_line(PurePosixPath(file_name.replace("\\", "/")).name))
    for stem in possible_stems(plain):
        fits = [one for one in catalog.named(stem) if one.collection == collection and said_of(plain, one.name) is not None]
        if len(fits) > 1:
            raise InvalidRequest(
                f"{len(fits)} videos in {collection!r} are called {stem!r}: rename the one that {plain!r} belongs to, and the file"
            )
        for video in fits:
            path = PurePosixPath(video.name)
            return str(path.with_name(path.stem + plain[len(stem) :])), video.ref.video_id
    return f"{collection}/{AHEAD}/{plain}", ""


def collection_name(said: str) -> str:
    """The name, on one line. Raises `InvalidRequest` for what cannot name a collection, wherever it is said."""
    if "/" in said or len(said) > 100 or not any(map(str.isalnum, said)):
        raise InvalidRequest(f"{said!r} cannot name a collection: use up to 100 characters without slashes, one of them a letter or digit")
    return composed(one_line(said))


def check_file(file_name: str, content_type: str, size_bytes: int, limit_bytes: int) -> None:
    """Whether this is taken at all. Raises `InvalidRequest`."""
    if is_hidden(file_name.replace("\\", "/")):
        raise InvalidRequest(f"{file_name!r} is no video, as its name begins with a dot: upload the file that it belongs to, or rename it")
    is_video = content_type.startswith("video/") or PurePosixPath(file_name.lower()).suffix in EXTENSIONS
    if not is_video and not is_subtitles(file_name):
        raise InvalidRequest(
            f"{file_name!r} is not a video ({content_type or 'unknown type'}): MP4, MOV, WebM, MKV, AVI and the like are taken"
        )
    if size_bytes > limit_bytes:
        raise InvalidRequest(f"{file_name!r} has {size_bytes / 1e9:.1f} GB, the most is {limit_bytes / 1e9:.1f} GB: cut it into parts")


@runtime_checkable
class TakesUploads(Protocol):
    """A bucket that browsers upload to directly."""

    def upload_session(
        self, name: str, *, size_bytes: int, content_type: str, metadata: Mapping[str, str], origin: str, replace: bool = False
    ) -> str:
        """The URL that takes the object in pieces; what is there already is only replaced when that is said."""
        ...


class BucketUploads:
    """Uploads straight to the bucket: no byte of a video passes through a function."""

    def __init__(self, bucket: TakesUploads) -> None:
        self._bucket = bucket

    def open(self, announced: Announced, *, origin: str) -> str:
        """The URL of a resumable upload to the bucket."""
        return self._bucket.upload_session(
            announced.name,
            size_bytes=announced.size_bytes,
            content_type=announced.content_type,
            metadata=announced.metadata,
            origin=origin,
            replace=is_subtitles(announced.name),
        )


@dataclass(frozen=True, slots=True)
class Arrived:
    """How far an upload is; `done` once the whole file is in the bucket."""

    have: int
    done: ObjectInfo | None = None


class LocalUploads:
    """Unfinished uploads of one machine (also of the emulated cloud), as files in a folder."""

    def __init__(self, folder: Path, store: Callable[[], ObjectStore], url: str = "/v1/uploads") -> None:
        """`url`: where the site takes the pieces."""
        self._folder, self._store, self._url = folder, store, url

    def open(self, announced: Announced, *, origin: str) -> str:
        """The URL of this site that takes the pieces. Uploads that were left unfinished for too long are forgotten."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        upload = uuid4().hex
        self._part(upload).touch()
        draft = self._folder / f".{upload}"
        draft.write_text(json.dumps(asdict(announced)), encoding="utf-8")
        draft.rename(self._record(upload))
        return f"{self._url}/{upload}"

    async def take(self, upload: str, content_range: str | None, length: int | None, pieces: AsyncIterator[bytes]) -> Arrived:
        """Add a piece, or only say how far the upload is (`bytes */SIZE`). Pieces that are there already are skipped.

        Raises:
            NotFound: no such upload, or it was given up.
            InvalidRequest: the range fits neither the file nor what is there.
            StorageFull: no space is left.
        """
        announced = self._announced(upload)
        have = self._part(upload).stat().st_size
        first, size = _parsed(content_range, length, announced.size_bytes)
        if size != announced.size_bytes:
            raise InvalidRequest(f"the upload was announced with {announced.size_bytes} bytes, not {size}: start it again")
        if first is not None:
            if first > have:
                raise InvalidRequest(f"this piece starts at {first}, but only {have} bytes are there: go on from there")
            have = await self._append(upload, first, announced.size_bytes, pieces)
        return Arrived(have, await self._finished(upload, announced) if have == announced.size_bytes else None)

    def cancel(self, upload: str) -> None:
        """Forget the upload and what came of it. Raises `NotFound`."""
        self._announced(upload)
        self._drop(upload)

    async def _append(self, upload: str, first: int, size: int, pieces: AsyncIterator[bytes]) -> int:
        import anyio.to_thread

        def write(piece: bytes) -> None:
            with self._part(upload).open("r+b") as file:
                file.seek(at)
                file.write(piece)

        at, gathered = first, bytearray()
        try:
            async for piece in pieces:
                gathered += piece
                if at + len(gathered) > size:
                    raise InvalidRequest(f"more came than the {size} bytes that were announced: start the upload again")
                if len(gathered) >= 1 << 20:
                    await anyio.to_thread.run_sync(write, bytes(gathered))
                    at, gathered = at + len(gathered), bytearray()
        except OSError as error:
            raise _full(error) from error
        finally:
            if gathered:
                write(bytes(gathered))
                at += len(gathered)
        return max(at, self._part(upload).stat().st_size)

    async def _finished(self, upload: str, announced: Announced) -> ObjectInfo:
        import anyio.to_thread

        def store() -> ObjectInfo:
            with self._part(upload).open("rb") as file:
                store = self._store().replace if is_subtitles(announced.name) else self._store().create
                info = store(announced.name, file, content_type=announced.content_type, metadata=announced.metadata)
            self._drop(upload)
            return info

        return await anyio.to_thread.run_sync(store)

    def _announced(self, upload: str) -> Announced:
        if _ID.fullmatch(upload):
            with suppress(FileNotFoundError):
                return Announced(**json.loads(self._record(upload).read_text(encoding="utf-8")))
        raise NotFound(f"there is no upload {upload!r} (any more): start it again")

    def _part(self, upload: str) -> Path:
        return self._folder / f"{upload}.part"

    def _record(self, upload: str) -> Path:
        return self._folder / f"{upload}.json"

    def _drop(self, upload: str) -> None:
        self._record(upload).unlink(missing_ok=True)
        self._part(upload).unlink(missing_ok=True)

    def _sweep(self) -> None:
        for part in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < time.time() - KEPT_S:
                    self._drop(part.stem)


def _parsed(content_range: str | None, length: int | None, announced: int) -> tuple[int | None, int]:
    """(where the piece starts or None for a mere question, the whole size)."""
    if content_range is None:
        return 0, announced if length is None else length
    found = _RANGE.fullmatch(content_range.strip())
    if found is None:
        raise InvalidRequest(f"{content_range!r} is no range of an upload: write `bytes FIRST-LAST/SIZE` or `bytes */SIZE`")
    return (int(found[1]) if found[1] else None), int(found[3])


def _full(error: OSError) -> Exception:
    if error.errno in NO_SPACE:
        return StorageFull("no space is left for the upload: free some, then go on with it")
    return error

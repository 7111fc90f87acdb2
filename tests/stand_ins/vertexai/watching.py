"""Look at what a request carries: fetch the clip, find out what it is of and how long it is."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import av

from stand_ins.vertexai.coded import seen_in
from stand_ins.vertexai.truth import Truth


class Unfetchable(Exception):
    """The clip of a request cannot be fetched or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A clip that was looked at. `video` None: nobody knows it."""

    sha256: str
    size_bytes: int
    mime_type: str
    uri: str | None
    fps: float
    video: str | None
    start_s: float
    duration_s: float
    has_sound: bool = True


@dataclass
class Eyes:
    """Where `gs://` objects are: behind a Cloud Storage endpoint (`storage`), or in folders named for their buckets."""

    storage: str | None = None
    folder: Path | None = None
    _timeout_s: float = field(default=20.0)

    def watch(self, part: Mapping[str, Any], truth: Truth) -> Watched:
        """What the media part of a request shows. Raises `Unfetchable`."""
        file, inline = _get(part, "fileData", "file_data"), _get(part, "inlineData", "inline_data")
        uri = _get(file, "fileUri", "file_uri") if file else None
        content = self._fetched(uri) if uri else base64.b64decode(_urlsafe(inline["data"]))
        sha256 = hashlib.sha256(content).hexdigest()
        known = truth.clips.get(sha256) or truth.clips.get(uri or "")
        try:
            number, start_s, duration_s, has_sound = _looked(content)
        except (av.FFmpegError, OSError) as error:
            raise Unfetchable(f"the file cannot be read as video or audio: {error}") from error
        metadata = _get(part, "videoMetadata", "video_metadata") or {}
        return Watched(
            sha256=sha256,
            size_bytes=len(content),
            mime_type=_get(file or inline, "mimeType", "mime_type") or "",
            uri=uri,
            fps=float(metadata.get("fps") or 1.0),
            video=known.video if known else number,
            start_s=known.start if known else start_s,
            duration_s=duration_s,
            has_sound=has_sound,
        )

    def _fetched(self, uri: str) -> bytes:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not name:
            raise Unfetchable(f"{uri} is no gs:// address of an object")
        if self.folder is not None and (path := self.folder / bucket / name).is_file():
            return path.read_bytes()
        if self.storage is None:
            raise Unfetchable(f"{uri} is nowhere: the stand-in was given no storage that has it")
        address = f"{self.storage.rstrip('/')}/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media"
        try:
            with urllib.request.urlopen(address, timeout=self._timeout_s) as response:  # noqa: S310 - the address of a test's own storage
                content: bytes = response.read()
        except (urllib.error.URLError, OSError) as error:
            raise Unfetchable(f"{uri} cannot be fetched: {error}") from error
        return content


def _looked(content: bytes) -> tuple[str | None, float, float, bool]:
    return _remembered(_Content(hashlib.sha256(content).hexdigest(), content))


@dataclass(frozen=True)
class _Content:
    sha256: str
    content: bytes = field(compare=False, repr=False)


@lru_cache(maxsize=512)
def _remembered(clip: _Content) -> tuple[str | None, float, float, bool]:
    seen, duration_s = seen_in(clip.content)
    with av.open(io.BytesIO(clip.content), "r") as container:
        has_sound = bool(container.streams.audio)
    return str(seen.number) if seen else None, seen.start_s if seen else 0.0, duration_s, has_sound


def _get(mapping: Mapping[str, Any] | None, *names: str) -> Any:
    return next((mapping[name] for name in names if mapping and name in mapping), None)


def _urlsafe(data: str) -> str:
    return data.replace("-", "+").replace("_", "/")

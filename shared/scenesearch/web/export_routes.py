"""Taking scenes away over HTTP."""

from __future__ import annotations

import mimetypes
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, Response

from scenesearch.library.exports import FORMATS, export_clip
from scenesearch.metadata import one_line
from scenesearch.ports import ObjectStore
from scenesearch.timeline import Span
from scenesearch.video import Video, now, work_prefix
from scenesearch.web.access import video_to_read
from scenesearch.web.ranges import saved_as
from scenesearch.web.site import TheCaller, TheSite

routes = APIRouter()

DIRECT_BYTES = 30_000_000
"""A larger export goes to the work bucket: a response in the cloud holds at most 32 MB, and a page should not hold a large file."""

LINK_LIFE = timedelta(minutes=15)
"""How long the link to a large export is good: the download begins at once."""

KEPT = timedelta(days=1)
"""How long a large export stays in the work bucket at least: a download that has begun must not end early."""


_FORMATS = [suffix[1:] for suffix in FORMATS]


class ExportWanted(BaseModel):
    """A span (seconds) of a video. `exact` cuts an MP4 at the very frame; else it is copied from the keyframe before, losslessly."""

    model_config = ConfigDict(extra="forbid")

    video_id: str
    start: float = Field(ge=0, lt=1e7)
    end: float = Field(gt=0, lt=1e7)
    format: str = Field(description="The file's extension.", json_schema_extra={"enum": [*_FORMATS]})
    exact: bool = True

    @field_validator("format")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in _FORMATS:
            raise ValueError(f"{value!r} cannot be exported: use one of {', '.join(_FORMATS)}")
        return value


class ExportReady(BaseModel):
    """A large export, to be fetched from the bucket."""

    url: str
    file_name: str
    size_bytes: int
    expires_at: datetime


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "description": "The file itself."},
    201: {"model": ExportReady, "description": "Where to fetch a large file."},
}


@routes.post("/v1/exports", responses=_ANSWERS, operation_id="export")
def export(wanted: ExportWanted, site: TheSite, caller: TheCaller) -> Response:
    """Cut the original."""
    app, video = site.app, video_to_read(wanted.video_id, caller, site.app.catalog)
    span = Span.of_seconds(wanted.start, wanted.end)
    folder = tempfile.TemporaryDirectory(prefix="scenesearch-export-", ignore_cleanup_errors=True)
    try:
        made = Path(folder.name) / f"scene.{wanted.format}"
        export_clip(video, span, made, uploads=app.uploads, catalog=app.catalog, exact=wanted.exact)
        name, size = _file_name(video, span, wanted.format), made.stat().st_size
        kind = mimetypes.guess_type(made.name)[0] or "application/octet-stream"
        if size <= DIRECT_BYTES:
            headers = {"Content-Disposition": saved_as(name)}
            return FileResponse(made, media_type=kind, headers=headers, background=BackgroundTask(folder.cleanup))
        stored = _stored(video, made, kind, app.work)
    except BaseException:
        folder.cleanup()
        raise
    folder.cleanup()
    url = app.work.signed_url(stored, expires=LINK_LIFE, disposition=saved_as(name))
    return JSONResponse(ExportReady(url=url, file_name=name, size_bytes=size, expires_at=now() + LINK_LIFE).model_dump(mode="json"), 201)


def _stored(video: Video, made: Path, kind: str, work: ObjectStore) -> str:
    """Put the file into the work bucket, take older exports of the video away, and return its name there. Raises `StorageFull`."""
    prefix = f"{work_prefix(video.ref)}exports/"
    for old in list(work.list(prefix)):
        if old.updated_at < now() - KEPT:
            work.delete(old.name, old.generation)
    with made.open("rb") as file:
        return work.create(f"{prefix}{uuid4().hex}{made.suffix}", file, content_type=kind).name


def _file_name(video: Video, span: Span, suffix: str) -> str:
    """`TITLE 00.01.23-00.01.31.mp4`: times without colons, which some systems refuse."""
    title = "".join("_" if c in '/\\:*?"<>|' else c for c in one_line(video.title)).strip(". ")[:80] or "scene"
    return f"{title} {str(span).replace(':', '.')}.{suffix}"

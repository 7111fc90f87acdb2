"""Taking scenes away over HTTP."""

from __future__ import annotations

import mimetypes
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, Response

from scenesearch.errors import Cancelled, SceneSearchError
from scenesearch.library.exports import FORMATS, check_export, export_clip
from scenesearch.metadata import one_line
from scenesearch.ports import Cancellation, ObjectStore
from scenesearch.timeline import Span
from scenesearch.video import Video, now, work_prefix
from scenesearch.web.access import video_to_read
from scenesearch.web.export_jobs import ExportJob, ExportReady, Progress
from scenesearch.web.presence import while_there
from scenesearch.web.ranges import saved_as
from scenesearch.web.site import Site, TheCaller, TheSite

routes = APIRouter()

DIRECT_BYTES = 30_000_000
"""A larger export goes to the work bucket: a response in the cloud holds at most 32 MB, and a page should not hold a large file."""

LONG_MS = 120_000
"""A longer clip is made in the background where one process serves the site: two minutes of 1080p take some 40 s of two cores.
In the cloud whoever asks waits for it: a job in the memory of one instance is unknown to the others, and stands still between requests."""

LINK_LIFE = timedelta(minutes=15)
"""How long the link to a large export is good: the download begins at once."""

KEPT = timedelta(days=1)
"""How long a large export stays in the work bucket at least: a download that has begun must not end early."""


JobId = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$")]

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


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "description": "The file itself."},
    201: {"model": ExportReady, "description": "Where to fetch a large file."},
    202: {"model": ExportJob, "description": "It takes long: its progress is at `Location`."},
}


@routes.post("/v1/exports", responses=_ANSWERS, operation_id="export")
async def export(wanted: ExportWanted, request: Request, site: TheSite, caller: TheCaller) -> Response:
    """Cut the original. What takes long is made in the background: ask for its progress where `Location` says."""
    video = await anyio.to_thread.run_sync(video_to_read, wanted.video_id, caller, site.app.catalog)
    span = Span.of_seconds(wanted.start, wanted.end)
    if site.app.backend.stays_up and wanted.format == "mp4" and span.duration_ms > LONG_MS:
        order = Order(wanted, video, site)
        order.check()
        job = site.export_jobs.start(video.ref.video_id, lambda progress: order.link(progress))
        return JSONResponse(job.model_dump(mode="json"), 202, {"Location": f"/v1/exports/{job.job_id}"})
    return await _while_waited_for(request, Order(wanted, video, site))


@routes.get("/v1/exports/{job_id}", operation_id="export_job")
def export_job(
    job_id: JobId, site: TheSite, caller: TheCaller, wait: Annotated[float, Query(ge=0, le=20, description="seconds, at most")] = 0
) -> ExportJob:
    """How far a long export is; its link once it is ready. Whoever stops asking has it cancelled after two minutes."""
    job = site.export_jobs.job(job_id)
    video_to_read(job.video_id, caller, site.app.catalog)
    return site.export_jobs.job(job_id, wait)


@routes.delete("/v1/exports/{job_id}", status_code=204, operation_id="cancel_export")
def cancel_export(job_id: JobId, site: TheSite, caller: TheCaller) -> None:
    """End a long export that nobody wants any more."""
    video_to_read(site.export_jobs.job(job_id).video_id, caller, site.app.catalog)
    site.export_jobs.cancel(job_id)


async def _while_waited_for(request: Request, order: Order) -> Response:
    """Make it, for as long as the client is there."""
    cancellation, site = Cancellation(), order.site

    def progress(share: float) -> None:
        if cancellation.cancelled:
            raise Cancelled("whoever asked for the export has left")

    def make() -> Response | SceneSearchError:
        try:
            with site.exports.slot():
                progress(0)
                return order.response(progress)
        except SceneSearchError as error:
            return error

    made: Response | SceneSearchError = Response(status_code=499)
    async with while_there(request.receive, cancellation):
        made = await anyio.to_thread.run_sync(make)
    if isinstance(made, Cancelled):
        return Response(status_code=499)
    if isinstance(made, SceneSearchError):
        raise made
    return made


@dataclass(frozen=True)
class Order:
    """One export that was asked for."""

    wanted: ExportWanted
    video: Video
    site: Site

    @property
    def span(self) -> Span:
        return Span.of_seconds(self.wanted.start, self.wanted.end)

    def check(self) -> None:
        """Refuse it before it begins, where it cannot be made. Raises as `export_clip` does."""
        check_export(self.video, self.span, exact=self.wanted.exact)

    def response(self, progress: Progress) -> Response:
        """The file itself, or a link to a large one."""
        folder = tempfile.TemporaryDirectory(prefix="scenesearch-export-", ignore_cleanup_errors=True)
        try:
            made = self._made(Path(folder.name), progress)
            if made.stat().st_size <= DIRECT_BYTES:
                headers = {"Content-Disposition": saved_as(self._name)}
                return FileResponse(made, media_type=_kind(made), headers=headers, background=BackgroundTask(folder.cleanup))
            ready = self._stored(made)
        except BaseException:
            folder.cleanup()
            raise
        folder.cleanup()
        return JSONResponse(ready.model_dump(mode="json"), 201)

    def link(self, progress: Progress) -> ExportReady:
        """A link to the file in the work bucket."""
        with tempfile.TemporaryDirectory(prefix="scenesearch-export-", ignore_cleanup_errors=True) as folder:
            return self._stored(self._made(Path(folder), progress))

    @property
    def _name(self) -> str:
        return _file_name(self.video, self.span, self.wanted.format)

    def _made(self, folder: Path, progress: Progress) -> Path:
        app, made = self.site.app, folder / f"scene.{self.wanted.format}"
        export_clip(self.video, self.span, made, uploads=app.uploads, catalog=app.catalog, exact=self.wanted.exact, progress=progress)
        return made

    def _stored(self, made: Path) -> ExportReady:
        work, size = self.site.app.work, made.stat().st_size
        url = work.signed_url(_stored(self.video, made, _kind(made), work), expires=LINK_LIFE, disposition=saved_as(self._name))
        return ExportReady(url=url, file_name=self._name, size_bytes=size, expires_at=now() + LINK_LIFE)


def _kind(made: Path) -> str:
    return mimetypes.guess_type(made.name)[0] or "application/octet-stream"


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

"""The library over HTTP: lists, states, texts, pictures, and the videos themselves."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from scenesearch.errors import NotFound
from scenesearch.library.captions import to_vtt
from scenesearch.library.playback import Playback, playback
from scenesearch.library.recut import clip_of
from scenesearch.library.views import EntryView, VideoDetails, VideoView, details, entries, metadata_text, view
from scenesearch.media.codecs import content_type_of
from scenesearch.metadata import Section
from scenesearch.names import spellings
from scenesearch.pipeline.subtitles import forget_subtitles
from scenesearch.ports import Catalog, ObjectStore
from scenesearch.timeline import Span
from scenesearch.video import DEFAULT_COLLECTION, Video, VideoState, work_prefix
from scenesearch.web.access import readable, video_to_change, video_to_read, writable
from scenesearch.web.ranges import ranged
from scenesearch.web.site import Site, TheCaller, TheSite

routes = APIRouter()

LINK_LIFE = timedelta(hours=1)
"""How long a link to the bucket plays; the player asks for another when it has expired."""

VideoId = Annotated[str, Path(min_length=1, max_length=64)]


class Vtt(Response):
    """WebVTT."""

    media_type = "text/vtt"


class Jpeg(Response):
    """A picture."""

    media_type = "image/jpeg"


class VideoItem(VideoView):
    """A video in a list, with what lists filter by."""

    language: str | None
    tags: list[str]
    created_at: datetime
    size_bytes: int


class Videos(BaseModel):
    """The videos that the caller may see, newest first."""

    videos: list[VideoItem]


class VideoPage(VideoDetails):
    """Everything about one video; `may_change`: whether the caller may retry and remove it."""

    playback: Playback
    may_change: bool
    timecode: str | None
    frame_rate: float | None


class Entries(BaseModel):
    """Lines of one section, in order of time."""

    entries: list[EntryView]


class CollectionView(BaseModel):
    """A collection that the caller may read."""

    name: str
    may_change: bool


class Collections(BaseModel):
    """`may_create`: whether an upload of the caller may make a new one."""

    collections: list[CollectionView]
    may_create: bool


@routes.get("/v1/collections", operation_id="list_collections")
def list_collections(site: TheSite, caller: TheCaller) -> Collections:
    """The collections that the caller may see."""
    catalog = site.app.catalog
    seen, changed = readable(caller, catalog), writable(caller, catalog)
    names = (
        seen
        if seen is not None
        else {DEFAULT_COLLECTION, *(c.name for c in catalog.collections()), *(v.collection for v in catalog.videos())}
    )
    shown = [CollectionView(name=n, may_change=changed is None or n in changed) for n in sorted(names)]
    return Collections(collections=shown, may_create=changed is None)


@routes.get("/v1/videos", operation_id="list_videos")
def list_videos(
    site: TheSite,
    caller: TheCaller,
    collection: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int | None, Query(ge=1, le=100_000, description="At most so many.")] = None,
) -> Videos:
    """The live videos that the caller may see, newest first."""
    seen = readable(caller, site.app.catalog)
    if collection:
        seen = spellings(collection) & (seen if seen is not None else spellings(collection))
    return Videos(videos=[_item(video, site.app.catalog) for video in islice(site.app.catalog.videos(seen), limit)])


@routes.get("/v1/videos/{video_id}", operation_id="show_video")
def show_video(video_id: VideoId, site: TheSite, caller: TheCaller) -> VideoPage:
    """One video and what was found out about it."""
    catalog = site.app.catalog
    video = video_to_read(video_id, caller, catalog)
    changed = writable(caller, catalog)
    return VideoPage(
        **details(video, catalog).model_dump(),
        playback=playback(video, catalog),
        may_change=changed is None or video.collection in changed,
        timecode=video.media.timecode if video.media else None,
        frame_rate=video.media.frame_rate if video.media else None,
    )


@routes.delete("/v1/videos/{video_id}", status_code=204, operation_id="remove_video")
def remove_video(video_id: VideoId, site: TheSite, caller: TheCaller) -> None:
    """Delete the upload; everything derived from it follows."""
    video = video_to_change(video_id, caller, site.app.catalog)
    site.app.uploads.delete(video.name, video.ref.generation)
    forget_subtitles(video, site.app.ports)
    site.app.catalog.move(video.ref, to=VideoState.REMOVING, when=frozenset(VideoState))  # nobody finds it from now on


@routes.post("/v1/videos/{video_id}/retry", status_code=202, operation_id="retry_video")
def retry_video(video_id: VideoId, site: TheSite, caller: TheCaller) -> VideoView:
    """Do again what failed."""
    from scenesearch.pipeline.retry import retry

    video_to_change(video_id, caller, site.app.catalog)
    retry(video_id, site.app.ports)
    return view(video_to_read(video_id, caller, site.app.catalog), site.app.catalog)


@routes.get("/v1/videos/{video_id}/entries", operation_id="list_entries")
def list_entries(video_id: VideoId, site: TheSite, caller: TheCaller) -> Entries:
    """The timed lines of all sections, in order of section and time."""
    return Entries(entries=entries(video_to_read(video_id, caller, site.app.catalog), site.app.catalog))


@routes.get("/v1/videos/{video_id}/metadata.txt", response_class=PlainTextResponse, operation_id="metadata_text")
def show_metadata_text(video_id: VideoId, site: TheSite, caller: TheCaller) -> PlainTextResponse:
    """The metadata text: five sections, one line an entry."""
    return PlainTextResponse(metadata_text(video_to_read(video_id, caller, site.app.catalog), site.app.catalog).render())


@routes.get("/v1/videos/{video_id}/captions.vtt", response_class=Vtt, operation_id="captions")
def captions(
    video_id: VideoId,
    site: TheSite,
    caller: TheCaller,
    start: Annotated[float, Query(ge=0, lt=1e7, description="Where the clock of the captions begins, in seconds.")] = 0,
) -> Response:
    """What is said, as WebVTT for a player (of a clip that begins at `start`)."""
    video = video_to_read(video_id, caller, site.app.catalog)
    said = metadata_text(video, site.app.catalog).of(Section.TRANSCRIPTION)
    from_ms = round(start * 1000)
    return Response(to_vtt(said, Span(from_ms, max(from_ms + 1, video.duration_ms))), media_type="text/vtt; charset=utf-8")


@routes.get("/v1/videos/{video_id}/thumbnails.vtt", response_class=Vtt, operation_id="thumbnails")
def thumbnails(video_id: VideoId, request: Request, site: TheSite, caller: TheCaller) -> Response:
    """Which part of which sprite sheet stands when, as WebVTT."""
    return _derived(request, video_to_read(video_id, caller, site.app.catalog), "thumbnails.vtt", "text/vtt; charset=utf-8", site)


@routes.get("/v1/videos/{video_id}/sprite-{number}.jpg", response_class=Jpeg, operation_id="sprite_sheet")
def sprite_sheet(
    video_id: VideoId, number: Annotated[str, Path(pattern=r"^\d{1,6}$")], request: Request, site: TheSite, caller: TheCaller
) -> Response:
    """A sheet of small pictures, as `thumbnails.vtt` names it."""
    return _derived(request, video_to_read(video_id, caller, site.app.catalog), f"sprite-{number}.jpg", "image/jpeg", site)


@routes.get("/v1/videos/{video_id}/stills/{at_ms}.jpg", response_class=Jpeg, operation_id="still")
def still(
    video_id: VideoId,
    at_ms: Annotated[int, Path(ge=0, le=10**9)],
    site: TheSite,
    caller: TheCaller,
    width: Annotated[int, Query(ge=16, le=1920)] = 480,
) -> Response:
    """The frame on screen at that moment."""
    from PIL import Image

    from scenesearch.media.isolated import frame_at

    video = video_to_read(video_id, caller, site.app.catalog)
    jpeg = io.BytesIO()
    with site.stills.slot(), site.app.uploads.open(video.name, video.ref.generation) as source:
        shown = frame_at(source, min(at_ms, max(0, video.duration_ms - 1)), max_width=width, media=video.media)
        Image.fromarray(shown.image).save(jpeg, "JPEG", quality=80)
    return Response(jpeg.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})


@routes.api_route("/v1/videos/{video_id}/media", methods=["GET", "HEAD"], operation_id="media", include_in_schema=False)
def media(video_id: VideoId, request: Request, site: TheSite, caller: TheCaller) -> Response:
    """The original, by ranges."""
    video = video_to_read(video_id, caller, site.app.catalog)
    kind = video.content_type if video.content_type.startswith("video/") else content_type_of(video.name) or "video/mp4"
    return _played(request, site.app.uploads, video.name, video.ref.generation, "video/mp4" if kind == "video/quicktime" else kind, site)


@routes.api_route("/v1/videos/{video_id}/clips/{chunk}", methods=["GET", "HEAD"], operation_id="clip", include_in_schema=False)
def clip(video_id: VideoId, chunk: Annotated[int, Path(ge=0, le=100_000)], request: Request, site: TheSite, caller: TheCaller) -> Response:
    """A chunk's clip, by ranges: what plays where browsers cannot read the original."""
    app, video = site.app, video_to_read(video_id, caller, site.app.catalog)
    found = app.catalog.chunk(video.ref, chunk)
    if found is None:
        raise NotFound(f"the video has no clip {chunk}")
    info = clip_of(video, found, uploads=app.uploads, work=app.work, clip_max_bytes=app.settings.clip_max_bytes)
    return _played(request, app.work, info.name, info.generation, info.content_type, site)


def _played(request: Request, store: ObjectStore, name: str, generation: int | None, content_type: str, site: Site) -> Response:
    if site.app.backend.link_origins:
        return RedirectResponse(store.signed_url(name, expires=LINK_LIFE), 307)
    info = store.stat(name, generation)
    source = store.open(name, info.generation)
    return ranged(request, source, info.size_bytes, content_type=content_type, tag=str(info.generation), played=True)


def _derived(request: Request, video: Video, name: str, content_type: str, site: Site) -> Response:
    info = site.app.work.stat(work_prefix(video.ref) + name)
    return ranged(
        request, site.app.work.open(info.name, info.generation), info.size_bytes, content_type=content_type, tag=str(info.generation)
    )


def _item(video: Video, catalog: Catalog) -> VideoItem:
    return VideoItem(
        **view(video, catalog).model_dump(),
        language=video.language,
        tags=list(video.tags),
        created_at=video.created_at,
        size_bytes=video.size_bytes,
    )

"""Taking videos in over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from scenesearch.config import Settings
from scenesearch.errors import NotAllowed, NotFound
from scenesearch.library.uploads import Announced, LocalUploads, check_file, object_name, subtitle_object
from scenesearch.media.codecs import EXTENSIONS, content_type_of
from scenesearch.media.subtitle_names import SUBTITLE_TYPES, is_subtitles
from scenesearch.names import composed
from scenesearch.pipeline.subtitles import videos_of
from scenesearch.video import DEFAULT_COLLECTION, LANGUAGE_TAG, video_id
from scenesearch.web.access import readable, writable
from scenesearch.web.site import Site, TheCaller, TheSite

routes = APIRouter()


def _is_a_video(schema: dict[str, Any]) -> None:
    """What the types cannot say: the name or the type is a video's, the collection is a name, and how large it may be."""
    properties = schema["properties"]
    properties["file_name"]["pattern"] = r"(^|[/\\])([\p{L}\p{N}]|[^./\\][^/\\]*[\p{L}\p{N}])[^/\\]*$"
    properties["collection"] |= {"pattern": r"^[^/]*[\p{L}\p{N}][^/]*$", "maxLength": 100}
    properties["size_bytes"]["maximum"] = Settings.model_fields["upload_max_bytes"].default
    suffixes = sorted(EXTENSIONS | SUBTITLE_TYPES.keys())
    endings = "|".join("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix[1:]) for suffix in suffixes)
    named = {"properties": {"file_name": {"pattern": rf"[^/]\.({endings})$"}}}
    schema["anyOf"] = [named, {"properties": {"content_type": {"pattern": "^video/"}}, "required": ["content_type"]}]


class NewUpload(BaseModel):
    """A file that is about to be uploaded."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_is_a_video)

    file_name: str = Field(min_length=1, max_length=1000, description="Its extension says that it is a video, or `content_type` does.")
    size_bytes: int = Field(gt=0)
    content_type: str = Field(default="", max_length=200)
    collection: str = DEFAULT_COLLECTION
    title: str = Field(default="", max_length=300)
    language: str = Field(
        default="", max_length=35, pattern=rf"{LANGUAGE_TAG}|^$", description="The one that is spoken; else as it is heard."
    )
    tags: list[str] = Field(default=[], max_length=50)


class UploadStarted(BaseModel):
    """Where to PUT the file's pieces, in Cloud Storage's resumable protocol: `Content-Range: bytes FIRST-LAST/SIZE`; 308 means more.

    `video_id` of subtitles is that of the video they belong to, empty while there is none.
    """

    url: str
    object_name: str
    video_id: str


@routes.post("/v1/uploads", status_code=201, operation_id="start_upload")
def start_upload(given: NewUpload, request: Request, site: TheSite, caller: TheCaller) -> UploadStarted:
    """The server fixes the object's name, after checking that the caller may write there."""
    check_file(given.file_name, given.content_type, given.size_bytes, site.app.settings.upload_max_bytes)
    collection, allowed = composed(given.collection), writable(caller, site.app.catalog)
    if allowed is not None and collection not in allowed:
        if collection not in (readable(caller, site.app.catalog) or ()):
            raise NotFound(f"there is no collection {given.collection!r}")
        raise NotAllowed(f"you may look at the collection {given.collection!r} but not change it: ask one of its writers")
    if is_subtitles(given.file_name):
        name, belongs_to = subtitle_object(collection, given.file_name, site.app.catalog)
    else:
        name = object_name(given.collection, given.file_name)
        belongs_to = video_id(site.app.uploads.bucket, name)
    kind = given.content_type or content_type_of(given.file_name) or "application/octet-stream"
    said = {"title": given.title, "language": given.language, "tags": ",".join(tag.replace(",", " ") for tag in given.tags)}
    announced = Announced(name, given.size_bytes, kind, {k: v for k, v in said.items() if v})
    if site.uploads is None:
        raise NotFound("nothing can be uploaded here")
    url = site.uploads.open(announced, origin=request.headers.get("origin", ""))
    return UploadStarted(url=url, object_name=name, video_id=belongs_to)


@routes.put(
    "/v1/uploads/{upload}", operation_id="put_piece", responses={200: {"model": UploadStarted}, 308: {"description": "more is to come"}}
)
async def put_piece(
    upload: str,
    request: Request,
    site: TheSite,
    caller: TheCaller,
    content_range: Annotated[str | None, Header()] = None,
) -> Response:
    """One machine: a piece of the file, or the question how far it is (`Content-Range: bytes */SIZE`)."""
    length = request.headers.get("content-length", "")
    arrived = await _desk(site).take(upload, content_range, int(length) if length.isdecimal() else None, request.stream())
    if arrived.done is None:
        return Response(status_code=308, headers={"Range": f"bytes=0-{arrived.have - 1}"} if arrived.have else {})
    if is_subtitles(arrived.done.name):
        belongs_to = next((video.ref.video_id for video in videos_of(arrived.done.name, site.app.ports)), "")
    else:
        belongs_to = video_id(arrived.done.bucket, arrived.done.name)
    done = UploadStarted(url="", object_name=arrived.done.name, video_id=belongs_to)
    return JSONResponse(done.model_dump())


@routes.delete("/v1/uploads/{upload}", status_code=204, operation_id="cancel_upload")
def cancel_upload(upload: str, site: TheSite, caller: TheCaller) -> None:
    """One machine: give the upload up."""
    _desk(site).cancel(upload)


def _desk(site: Site) -> LocalUploads:
    if not isinstance(site.uploads, LocalUploads):
        raise NotFound("uploads go straight to the bucket, at the URL that was given")
    return site.uploads

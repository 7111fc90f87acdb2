"""One machine: signed links to objects, which lead to Cloud Storage itself in the cloud."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from fastapi import APIRouter, Request
from starlette.responses import Response

from scenesearch.errors import NotFound
from scenesearch.web.ranges import ranged
from scenesearch.web.site import TheSite

routes = APIRouter(include_in_schema=False)


class Allowed(Protocol):
    """What a good link allows to read."""

    @property
    def bucket(self) -> str:
        """The bucket of the object."""
        ...

    @property
    def name(self) -> str:
        """The name of the object."""
        ...

    @property
    def disposition(self) -> str | None:
        """The `Content-Disposition` to answer with, if the link says one."""
        ...


@runtime_checkable
class ChecksLinks(Protocol):
    """A store whose links this site serves itself."""

    def allowed(self, link: str, *, method: str = "GET") -> Allowed:
        """Raises `InvalidRequest` for a link that was changed, made for something else, or has expired."""
        ...


@routes.api_route("/objects/{link:path}", methods=["GET", "HEAD"])
def signed_object(link: str, request: Request, site: TheSite) -> Response:
    """The object, by ranges, to whoever holds the link."""
    buckets = {store.bucket: store for store in (site.app.uploads, site.app.work)}
    if not isinstance(site.app.work, ChecksLinks):
        raise NotFound("links to objects lead to the bucket itself, not here")
    sent = request.scope["raw_path"].decode("ascii", "replace") + "?" + request.url.query
    allowed = site.app.work.allowed(sent, method=request.method)
    if allowed.bucket not in buckets:
        raise NotFound(f"there is no bucket {allowed.bucket!r} here")
    store = buckets[allowed.bucket]
    info = store.stat(allowed.name)
    source = store.open(allowed.name, info.generation)
    saved = allowed.disposition or "attachment"  # never a document of this origin
    return ranged(request, source, info.size_bytes, content_type=info.content_type, tag=str(info.generation), disposition=saved)

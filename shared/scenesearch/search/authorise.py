"""Which collections a question looks in: those that its caller may read. Others are as if they did not exist."""

from __future__ import annotations

from scenesearch.errors import NotFound
from scenesearch.metadata import one_line
from scenesearch.names import spellings
from scenesearch.ports import Catalog, Filters
from scenesearch.search.answer import SearchRequest
from scenesearch.video import base_language


def authorised(request: SearchRequest, readable: frozenset[str] | None, catalog: Catalog) -> Filters:
    """The filters of a request, narrowed to the collections that its caller may read (`readable`; None: all).

    Raises:
        NotFound: there is no such collection or video that the caller may read.
    """
    name, wanted = request.collection, request.video_id
    if name is not None:
        asked = spellings(name) if readable is None else spellings(name) & readable
        if not any(_exists(spelling, catalog) for spelling in sorted(asked)):
            raise NotFound(f"there is no collection {one_line(name)!r} here that you may read")
        readable = asked
    if wanted is not None:
        video = catalog.video(wanted)
        if video is None or (readable is not None and video.collection not in readable):
            raise NotFound(f"there is no video {one_line(wanted)!r} here that you may read")
    return Filters(collections=readable, language=base_language(request.language), video_id=wanted, section=request.section)


def _exists(collection: str, catalog: Catalog) -> bool:
    return catalog.collection(collection) is not None or any(True for _ in catalog.videos(frozenset({collection})))

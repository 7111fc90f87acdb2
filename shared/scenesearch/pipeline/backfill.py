"""Take in what was in the bucket before anybody listened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from scenesearch.media.subtitle_names import is_subtitles
from scenesearch.messages import ObjectChanged, Topic
from scenesearch.names import is_hidden
from scenesearch.pipeline.subtitles import stale_chunks, videos_of
from scenesearch.ports import Ports
from scenesearch.price import Price
from scenesearch.video import VideoRef, now, video_id

BACKLOG_AGE = timedelta(days=1)
"""What lay in the bucket for longer than this before anybody noticed is a backlog, for which nobody waits."""

NEW_FOR = timedelta(days=1)
"""How long the timer looks after a subtitle file whose announcement may have been lost: to look at all of them every time costs."""


def backfill(
    prefix: str, ports: Ports, *, price: Price | Literal["cheapest"] | None = None, settled_before: datetime | None = None
) -> list[str]:
    """Announce every upload under `prefix` whose generation the catalog does not know, as the bucket itself would have; their ids.

    `price`: at which models are to be asked about them; None leaves it to the environment, for a backlog at the cheapest price.
    With `settled_before`, only what was written before then: the bucket's own announcement of the rest may still be on its way.
    """
    announced = []
    for item in ports.uploads.list(prefix):
        ref = VideoRef(video_id(item.bucket, item.name), item.generation)
        if settled_before is not None and item.updated_at >= settled_before:
            continue
        if item.name.endswith("/") or is_hidden(item.name):  # a folder's placeholder is no upload
            continue
        news = ObjectChanged(event="OBJECT_FINALIZE", bucket=item.bucket, name=item.name, generation=item.generation)
        if is_subtitles(item.name):
            recent = settled_before is None or item.updated_at >= settled_before - NEW_FOR
            if recent and any(True for video in videos_of(item.name, ports) for _ in stale_chunks(video, ports)):
                ports.publisher.publish(Topic.OBJECTS, news)
        elif ports.catalog.generation(ref) is None:
            backlog: Literal["cheapest"] | None = "cheapest" if item.updated_at < now() - BACKLOG_AGE else None
            ports.publisher.publish(Topic.OBJECTS, news.model_copy(update={"price": price or backlog}))
            announced.append(ref.video_id)
    return announced

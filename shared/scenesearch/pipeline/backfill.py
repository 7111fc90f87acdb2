"""Take in what was in the bucket before anybody listened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from scenesearch.messages import ObjectChanged, Topic
from scenesearch.names import is_hidden
from scenesearch.ports import Ports
from scenesearch.price import Price
from scenesearch.video import VideoRef, now, video_id

BACKLOG_AGE = timedelta(days=1)
"""What lay in the bucket for longer than this before anybody noticed is a backlog, for which nobody waits."""


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
        a_folder = item.name.endswith("/")  # the placeholder of one is no upload
        if a_folder or is_hidden(item.name) or ports.catalog.generation(ref) is not None:
            continue
        backlog: Literal["cheapest"] | None = "cheapest" if item.updated_at < now() - BACKLOG_AGE else None
        news = ObjectChanged(
            event="OBJECT_FINALIZE", bucket=item.bucket, name=item.name, generation=item.generation, price=price or backlog
        )
        ports.publisher.publish(Topic.OBJECTS, news)
        announced.append(ref.video_id)
    return announced

"""Take in what was in the bucket before anybody listened."""

from __future__ import annotations

from datetime import datetime

from scenesearch.messages import ObjectChanged, Topic
from scenesearch.names import is_hidden
from scenesearch.ports import Ports
from scenesearch.video import VideoRef, video_id


def backfill(prefix: str, ports: Ports, *, settled_before: datetime | None = None) -> list[str]:
    """Announce every upload under `prefix` whose generation the catalog does not know, as the bucket itself would have; their ids.

    With `settled_before`, only what was written before then: the bucket's own announcement of the rest may still be on its way.
    """
    announced = []
    for item in ports.uploads.list(prefix):
        ref = VideoRef(video_id(item.bucket, item.name), item.generation)
        if settled_before is not None and item.updated_at >= settled_before:
            continue
        if (
            not item.name.endswith("/") and not is_hidden(item.name) and ports.catalog.generation(ref) is None
        ):  # a folder's placeholder is no upload
            news = ObjectChanged(event="OBJECT_FINALIZE", bucket=item.bucket, name=item.name, generation=item.generation)
            ports.publisher.publish(Topic.OBJECTS, news)
            announced.append(ref.video_id)
    return announced

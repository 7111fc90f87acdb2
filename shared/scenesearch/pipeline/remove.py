"""Take everything that was derived from one generation of a video away again."""

from __future__ import annotations

from scenesearch.errors import ObjectNotFound
from scenesearch.messages import ObjectChanged, Topic, VideoEvent
from scenesearch.ports import Catalog, ObjectStore, Publisher, SceneIndex
from scenesearch.video import VideoRef, VideoState, video_id, work_prefix


def remove(
    message: ObjectChanged, *, uploads: ObjectStore, work: ObjectStore, catalog: Catalog, index: SceneIndex, publisher: Publisher
) -> None:
    """After an object was deleted or overwritten: forget that generation of its video. Other changes are not for us."""
    if message.event != "OBJECT_DELETE" or message.bucket != uploads.bucket:
        return
    try:
        uploads.stat(message.name, message.generation)
    except ObjectNotFound:
        ref = VideoRef(video_id(message.bucket, message.name), message.generation)
        forget(ref, work=work, catalog=catalog, index=index, publisher=publisher)


def forget(ref: VideoRef, *, work: ObjectStore, catalog: Catalog, index: SceneIndex, publisher: Publisher) -> None:
    """Remove one generation from index, work bucket and catalog, in the order in which a crash leaves it findable."""
    known = catalog.move(ref, to=VideoState.REMOVING, when=frozenset(VideoState))
    index.remove(ref.video_id, ref.generation)
    for item in list(work.list(work_prefix(ref))):
        work.delete(item.name)
    if known:
        publisher.publish(Topic.VIDEO_EVENTS, VideoEvent(video_id=ref.video_id, generation=ref.generation, state="removed"))
    catalog.forget(ref)

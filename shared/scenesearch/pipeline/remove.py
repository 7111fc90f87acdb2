"""Take everything that was derived from one generation of a video away again."""

from __future__ import annotations

from scenesearch.errors import ObjectNotFound
from scenesearch.media.subtitle_names import is_subtitles
from scenesearch.messages import ObjectChanged
from scenesearch.pipeline.announce import announce_removed
from scenesearch.pipeline.subtitles import subtitles_changed
from scenesearch.ports import Ports
from scenesearch.video import VideoRef, VideoState, work_prefix


def remove(message: ObjectChanged, ports: Ports) -> None:
    """After an object was deleted or overwritten: forget that generation of its video. Other changes are not for us."""
    if message.event != "OBJECT_DELETE" or message.bucket != ports.uploads.bucket:
        return
    if is_subtitles(message.name):
        subtitles_changed(message, ports)
        return
    try:
        ports.uploads.stat(message.name, message.generation)
    except ObjectNotFound:
        forget(message.ref, ports)


def forget(ref: VideoRef, ports: Ports) -> None:
    """Remove one generation from index, work bucket and catalog, in the order in which a crash leaves it findable."""
    known = ports.catalog.move(ref, to=VideoState.REMOVING, when=frozenset(VideoState))
    _remove_derived(ref, ports)
    if known:
        announce_removed(ref, ports.publisher)
    ports.catalog.forget(ref)
    _remove_derived(ref, ports)  # what work under way has written until its commits began to fail


def sweep(ref: VideoRef, ports: Ports) -> None:
    """After a commit failed because the generation is gone: take away what was written before it."""
    if ports.catalog.generation(ref) is None:
        _remove_derived(ref, ports)


def _remove_derived(ref: VideoRef, ports: Ports) -> None:
    ports.index.remove(ref.video_id, ref.generation)
    for item in list(ports.work.list(work_prefix(ref))):
        ports.work.delete(item.name)

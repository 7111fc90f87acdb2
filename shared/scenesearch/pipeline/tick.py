"""The timer: set going again what was lost, and hold bucket, catalog and work bucket together."""

from __future__ import annotations

import logging
from datetime import timedelta

from scenesearch.errors import ObjectNotFound
from scenesearch.messages import Extracted, ObjectChanged, Topic
from scenesearch.pipeline.advance import advance_video
from scenesearch.pipeline.backfill import backfill
from scenesearch.pipeline.remove import forget
from scenesearch.pipeline.retry import resume_chunk, resume_split
from scenesearch.ports import Ports
from scenesearch.price import Price
from scenesearch.video import Video, VideoRef, VideoState, now

LOG = logging.getLogger(__name__)


def tick(
    ports: Ports,
    stalled_for: timedelta = timedelta(hours=1),
    *,
    unended_for: timedelta = timedelta(0),
    batch_for: timedelta = timedelta(0),
) -> None:
    """The timer: move on what has made no progress for so long, then hold bucket and catalog together.

    Videos that are older than `unended_for` (not zero) and have not ended are named every time, before anything else can fail: an
    alert reads those lines. Videos at the batch price have `batch_for` more.
    """
    if unended_for:
        _name_unended(ports, unended_for, batch_for)
    for video in list(ports.catalog.stalled(now() - stalled_for)):
        _resume(video, ports)
    backfill("", ports, settled_before=now() - stalled_for)
    _announce_lost_objects(ports)
    _sweep(ports, stalled_for)


def _name_unended(ports: Ports, older_than: timedelta, batch_for: timedelta) -> None:
    """Whatever is done to them, and however often: what was touched a moment ago is among them, by any clock."""
    for video in list(ports.catalog.stalled(now() + timedelta(hours=1))):
        age = now() - video.created_at
        if video.state is not VideoState.WAITING and age > older_than + (batch_for if video.price is Price.BATCH else timedelta(0)):
            about = {"video": video.ref.video_id, "generation": video.ref.generation, "state": video.state}
            LOG.warning("a video has not ended", extra={**about, "age_hours": round(age / timedelta(hours=1), 1)})


def _resume(video: Video, ports: Ports) -> None:
    """Set going what the video waits for, and touch it: what merely stands in a long queue is told once a while, not every time."""
    ref = video.ref
    ports.catalog.move(ref, to=video.state, when=frozenset({video.state}), error=video.error)
    about = {"video": ref.video_id, "generation": ref.generation, "state": video.state}
    if video.price is Price.BATCH and video.state is VideoState.EXTRACTING:
        LOG.info("a video waits for batch jobs", extra=about)
    else:
        LOG.warning("resuming a stalled video", extra=about)
    match video.state:
        case VideoState.REMOVING:
            forget(ref, ports)
        case VideoState.WAITING | VideoState.SPLITTING:
            resume_split(video, ports)
        case VideoState.EXTRACTING:
            for chunk in ports.catalog.chunks(ref):
                if chunk.number in video.open_chunks:
                    resume_chunk(ref, chunk, ports)
            advance_video(ref, ports)
        case VideoState.ASSEMBLING:
            ports.publisher.publish(Topic.EXTRACTED, Extracted.of(ref))


def _announce_lost_objects(ports: Ports) -> None:
    for live in list(ports.catalog.videos()):
        for ref in ports.catalog.generations(live.ref.video_id):
            try:
                ports.uploads.stat(live.name, ref.generation)
            except ObjectNotFound:
                news = ObjectChanged(event="OBJECT_DELETE", bucket=live.bucket, name=live.name, generation=ref.generation)
                ports.publisher.publish(Topic.OBJECTS, news)


def _sweep(ports: Ports, older_than: timedelta) -> None:
    """Delete from the work bucket (and the index) what belongs to no generation that the catalog knows."""
    settled, known = now() - older_than, dict[VideoRef, bool]()
    for item in list(ports.work.list()):
        owner, _, rest = item.name.partition("/")
        generation = rest.partition("/")[0]
        if not generation.isdecimal() or item.updated_at >= settled:
            continue
        ref = VideoRef(owner, int(generation))
        if ref not in known:
            known[ref] = ports.catalog.generation(ref) is not None
            if not known[ref]:
                ports.index.remove(ref.video_id, ref.generation)
        if not known[ref]:
            ports.work.delete(item.name)

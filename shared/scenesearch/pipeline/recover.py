"""End what cannot work, republish what was lost, and hold bucket and catalog together."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from dataclasses import replace
from datetime import timedelta

from scenesearch.config import Settings
from scenesearch.errors import Gone, InvalidMessage, ObjectNotFound
from scenesearch.messages import ChunkWork, DeadLetter, Extracted, Message, ObjectChanged, SplitWork, Subscription, Topic, decode
from scenesearch.metadata import Section
from scenesearch.pipeline.advance import advance, advance_video
from scenesearch.pipeline.assemble import announce, assemble
from scenesearch.pipeline.backfill import backfill
from scenesearch.pipeline.remove import forget
from scenesearch.pipeline.retry import resume_chunk, resume_split
from scenesearch.ports import ObjectStore, Ports
from scenesearch.video import SectionKey, SectionState, Video, VideoRef, VideoState, now, video_id

LOG = logging.getLogger(__name__)

EXTRACTS = {
    Subscription.EXTRACT_VISUAL_INFO: Section.VISUAL_INFO,
    Subscription.EXTRACT_TRANSCRIPTION: Section.TRANSCRIPTION,
    Subscription.EXTRACT_TEXTS: Section.TEXTS,
}
"""Which section a subscription's dead letters are about."""

PARKED = "parked/"
"""Where the work bucket keeps letters that name no work; an alert reads the log line."""


def recover(letter: DeadLetter, ports: Ports, settings: Settings) -> None:
    """Attempts left: republish; none left: end the section or the video; no key: park. Safe to repeat."""
    try:
        message = decode(base64.b64decode(letter.data), letter.attributes)
        _bury(message, letter, ports, settings)
    except (InvalidMessage, ValueError):
        _park(letter, ports.work)
    except Gone:
        LOG.info("a dead letter of a removed video", extra={"subscription": letter.subscription})


def _bury(message: Message, letter: DeadLetter, ports: Ports, settings: Settings) -> None:
    match message:
        case ChunkWork() if section := EXTRACTS.get(Subscription(letter.subscription)):
            _end_section(SectionKey(message.ref, message.chunk, section), letter.reason, ports, settings)
        case SplitWork():
            _end_split(message.ref, letter.reason, ports)
        case ObjectChanged(event="OBJECT_FINALIZE") if letter.subscription == Subscription.SPLIT_OBJECTS:
            _end_split(VideoRef(video_id(message.bucket, message.name), message.generation), letter.reason, ports)
        case ObjectChanged():
            ports.publisher.publish(Topic.OBJECTS, message, delay=timedelta(minutes=10))
        case Extracted():
            assemble(message, None, ports)
        case _:
            _park(letter, ports.work)


def _end_section(key: SectionKey, reason: str, ports: Ports, settings: Settings) -> None:
    record = ports.catalog.section(key)
    if not record.state.terminal and record.failures < settings.max_attempts:
        work = ChunkWork(video_id=key.ref.video_id, generation=key.ref.generation, chunk=key.chunk)
        ports.publisher.publish(Topic.CHUNKS, work, delay=timedelta(minutes=1))
        return
    if not record.state.terminal:
        ports.catalog.commit_section(replace(record, state=SectionState.FAILED, reason=record.reason or reason))
    advance(key.ref, key.chunk, ports)


def _end_split(ref: VideoRef, reason: str, ports: Ports) -> None:
    """What is cut stays; what is not closes as failed. Without a plan the video fails."""
    chunks = ports.catalog.chunks(ref)
    if not chunks:
        error = f"the video could not be split: {reason}"
        if ports.catalog.move(ref, to=VideoState.FAILED, when=frozenset({VideoState.SPLITTING}), error=error):
            video = ports.catalog.generation(ref)
            if video is not None:
                announce(video, ports.publisher)
        return
    for chunk in chunks:
        if chunk.video_clip is None and chunk.failure is None:
            chunk = replace(chunk, failure=reason)
            ports.catalog.commit_clips(ref, chunk.number, video_clip=None, audio_clip=None, failure=reason)
        resume_chunk(ref, chunk, ports)


def _park(letter: DeadLetter, work: ObjectStore) -> None:
    body = letter.model_dump_json().encode()
    name = f"{PARKED}{hashlib.sha256(body).hexdigest()[:32]}.json"
    work.create(name, io.BytesIO(body), content_type="application/json")
    LOG.error("parked a message that names no work", extra={"subscription": letter.subscription, "reason": letter.reason, "parked": name})


def tick(ports: Ports, stalled_for: timedelta = timedelta(hours=1), *, unended_for: timedelta = timedelta(0)) -> None:
    """The timer: move on what has made no progress for so long, then hold bucket and catalog together.

    Videos that are older than `unended_for` (not zero) and have not ended are named every time, before anything else can fail: an
    alert reads those lines.
    """
    if unended_for:
        _name_unended(ports, unended_for)
    for video in list(ports.catalog.stalled(now() - stalled_for)):
        _resume(video, ports)
    backfill("", ports, settled_before=now() - stalled_for)
    _announce_lost_objects(ports)
    _sweep(ports, stalled_for)


def _name_unended(ports: Ports, older_than: timedelta) -> None:
    """Whatever is done to them, and however often: what was touched a moment ago is among them, by any clock."""
    for video in list(ports.catalog.stalled(now() + timedelta(hours=1))):
        age = now() - video.created_at
        if video.state is not VideoState.WAITING and age > older_than:
            about = {"video": video.ref.video_id, "generation": video.ref.generation, "state": video.state}
            LOG.warning("a video has not ended", extra={**about, "age_hours": round(age / timedelta(hours=1), 1)})


def _resume(video: Video, ports: Ports) -> None:
    """Set going what the video waits for, and touch it: what merely stands in a long queue is told once a while, not every time."""
    ref = video.ref
    ports.catalog.move(ref, to=video.state, when=frozenset({video.state}), error=video.error)
    LOG.warning("resuming a stalled video", extra={"video": ref.video_id, "generation": ref.generation, "state": video.state})
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
            ports.publisher.publish(Topic.EXTRACTED, Extracted(video_id=ref.video_id, generation=ref.generation))


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

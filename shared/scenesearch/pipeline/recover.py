"""What was given up: republish it while attempts are left, else end its section or its video."""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import replace
from datetime import timedelta

from scenesearch.config import Settings
from scenesearch.errors import Gone, InvalidMessage
from scenesearch.messages import EXTRACTORS, ChunkWork, DeadLetter, Extracted, Message, ObjectChanged, SplitWork, Subscription, Topic
from scenesearch.pipeline.advance import advance
from scenesearch.pipeline.announce import announce
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.retry import resume_chunk
from scenesearch.ports import ObjectStore, Ports
from scenesearch.video import SectionKey, SectionState, VideoRef, VideoState

LOG = logging.getLogger(__name__)

PARKED = "parked/"
"""Where the work bucket keeps letters that name no work; an alert reads the log line."""


def recover(letter: DeadLetter, ports: Ports, settings: Settings) -> None:
    """Attempts left: republish; none left: end the section or the video; no key: park. Safe to repeat."""
    try:
        message = letter.message
        _end_or_republish(message, letter, ports, settings)
    except (InvalidMessage, ValueError):
        _park(letter, ports.work)
    except Gone:
        LOG.info("a dead letter of a removed video", extra={"subscription": letter.subscription})


def _end_or_republish(message: Message, letter: DeadLetter, ports: Ports, settings: Settings) -> None:
    match message:
        case ChunkWork() if section := EXTRACTORS.get(Subscription(letter.subscription)):
            _end_section(SectionKey(message.ref, message.chunk, section), letter.reason, ports, settings)
        case SplitWork():
            _end_split(message.ref, letter.reason, ports)
        case ObjectChanged(event="OBJECT_FINALIZE") if letter.subscription == Subscription.SPLIT_OBJECTS:
            _end_split(message.ref, letter.reason, ports)
        case ObjectChanged() if letter.subscription == Subscription.RECOVER_BATCHES:
            LOG.warning("what a batch job wrote could not be taken in at once: the timer does it", extra={"object": message.name})
        case ObjectChanged():
            ports.publisher.publish(Topic.OBJECTS, message, delay=timedelta(minutes=10))
        case Extracted():
            assemble(message, None, ports)
        case _:
            _park(letter, ports.work)


def _end_section(key: SectionKey, reason: str, ports: Ports, settings: Settings) -> None:
    record = ports.catalog.section(key)
    if not record.state.terminal and record.failures < settings.max_attempts:
        work = ChunkWork.of(key.ref, chunk=key.chunk)
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

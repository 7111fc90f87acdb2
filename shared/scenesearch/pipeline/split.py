"""From an upload to chunks: plan first, then cut clip by clip, telling the extractors of each."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Mapping
from typing import BinaryIO

from scenesearch.config import Models, Settings
from scenesearch.errors import Gone, NotFound, ObjectNotFound, UnreadableMedia
from scenesearch.media.clip_writer import WrittenClip
from scenesearch.media.isolated import ChunkCutter, CutChunk, LaterSheet, plan_of, without_sound
from scenesearch.media.plan import Plan
from scenesearch.media.subtitle_names import is_subtitles
from scenesearch.media.thumbnails import interval_ms, vtt, vtt_cues
from scenesearch.messages import ChunkWork, ObjectChanged, SplitWork, Topic
from scenesearch.names import composed, is_hidden
from scenesearch.pipeline.advance import advance
from scenesearch.pipeline.announce import announce
from scenesearch.pipeline.price import cheapest, named_price, price_of
from scenesearch.pipeline.remove import sweep
from scenesearch.pipeline.subtitles import subtitles_changed
from scenesearch.ports import Ports
from scenesearch.price import Price
from scenesearch.video import (
    Chunk,
    Clip,
    Collection,
    SubtitleUse,
    Video,
    VideoRef,
    VideoState,
    base_language,
    collection_of,
    now,
    title_of,
    video_id,
    work_prefix,
)

LOG = logging.getLogger(__name__)

HOUR_MS = 3_600_000
"""Milliseconds of an hour."""


def split(message: ObjectChanged | SplitWork, ports: Ports, settings: Settings) -> None:
    """Cut what is not cut yet, for as long as `settings.split_seconds` allow; the rest is handed on. Safe to repeat.

    An upload that is no readable video ends `FAILED`. Changes that are not uploads, and videos that are gone, are dropped.

    Raises:
        StorageFull: there is no space for clips.
        Unavailable: a port did not answer.
    """
    if isinstance(message, ObjectChanged) and is_subtitles(message.name):
        if message.event == "OBJECT_FINALIZE" and message.bucket == ports.uploads.bucket:
            subtitles_changed(message, ports)
        return
    try:
        video = _begun(message, ports, settings) if isinstance(message, ObjectChanged) else ports.catalog.generation(message.ref)
        if video is None or video.state is VideoState.REMOVING:
            return
        with ports.uploads.open(video.name, video.ref.generation) as source:
            chunks = ports.catalog.chunks(video.ref) or _planned(video, source, ports, settings)
            _tell_again(video, chunks, ports)
            waiting = [chunk for chunk in chunks if chunk.video_clip is None and chunk.failure is None]
            if chunks and _cut_all(video, waiting, source, ports, settings):
                _finish(video.ref, ports, anew=bool(waiting))
    except (Gone, ObjectNotFound):
        LOG.info("dropped: the video was removed or replaced", extra=_about(message.ref))
        sweep(message.ref, ports)


def _about(ref: VideoRef) -> dict[str, object]:
    """What a line of the log says of the work."""
    return {"video": ref.video_id, "generation": ref.generation}


def thumbnails_object(ref: VideoRef) -> str:
    """The name of the WebVTT file of thumbnails in the work bucket."""
    return work_prefix(ref) + "thumbnails.vtt"


def _begun(message: ObjectChanged, ports: Ports, settings: Settings) -> Video | None:
    """The video of a new upload, or None when the message is about something else. Raises `ObjectNotFound`."""
    if message.event != "OBJECT_FINALIZE" or message.bucket != ports.uploads.bucket or is_hidden(message.name):
        return None
    info = ports.uploads.stat(message.name, message.generation)
    said, at, collection = info.metadata, now(), collection_of(info.name)
    language = said.get("language", "").strip()
    video = Video(
        ref=VideoRef(video_id(info.bucket, info.name), info.generation),
        bucket=info.bucket,
        name=info.name,
        collection=collection,
        title=composed(said.get("title", "").strip()) or title_of(info.name),
        language=language if base_language(language) else None,
        subtitles=_use_of_subtitles(said.get("subtitles", "")),
        tags=tuple(composed(tag.strip()) for tag in said.get("tags", "").split(",") if tag.strip()),
        price=_price(message, said, settings),
        content_type=info.content_type,
        audio_track=int(said["audio_track"]) if re.fullmatch("[1-9][0-9]?", said.get("audio_track", "")) else None,
        size_bytes=info.size_bytes,
        created_at=at,
        updated_at=at,
    )
    with ports.catalog.atomic():
        if ports.catalog.collection(collection) is None:
            ports.catalog.save_collection(Collection(collection))  # nobody but admins may read it until it says who may
        return ports.catalog.begin(video)


def _price(message: ObjectChanged, said: Mapping[str, str], settings: Settings) -> Price:
    if message.price == "cheapest":
        return cheapest(settings)
    return price_of(message.price or named_price(said.get("price", "")), settings)


def _use_of_subtitles(said: str) -> SubtitleUse:
    return SubtitleUse(said) if said in list(SubtitleUse) else SubtitleUse.REPLACE


# --- the plan ----------------------------------------------------------------------------------------------------------


def _planned(video: Video, source: BinaryIO, ports: Ports, settings: Settings) -> list[Chunk]:
    """The committed plan; empty when the video has failed, or has to wait for another day."""
    if video.state is VideoState.FAILED:
        announce(video, ports.publisher)
        return []
    try:
        made = plan_of(source, chunk_seconds=settings.chunk_seconds, clip_max_bytes=settings.clip_max_bytes, audio_track=video.audio_track)
        if not _may_go_on(video, made, ports, settings):
            return []
    except UnreadableMedia as error:
        LOG.warning("a video cannot be read", extra={**_about(video.ref), "object": video.name, "reason": str(error)})
        open_states = frozenset({VideoState.WAITING, VideoState.SPLITTING})
        ports.catalog.move(video.ref, to=VideoState.FAILED, when=open_states, error=str(error))
        if (failed := ports.catalog.generation(video.ref)) is not None:
            announce(failed, ports.publisher)
        return []
    return ports.catalog.commit_plan(video.ref, made.media, made.chunks)


def _may_go_on(video: Video, made: Plan, ports: Ports, settings: Settings) -> bool:
    """Whether today has room for this video; else it waits, and says so."""
    cap_ms = round(settings.daily_hours * HOUR_MS)
    if not cap_ms:
        return True
    duration_ms = made.media.duration_ms
    if duration_ms > cap_ms:
        raise UnreadableMedia(
            f"the video lasts {duration_ms / HOUR_MS:.1f} hours, more than the {settings.daily_hours:g} that are taken a day: "
            "cut it, or raise SCENESEARCH_DAILY_HOURS"
        )
    if ports.catalog.reserve(now().date().isoformat(), video.ref, duration_ms, cap_ms):
        ports.catalog.move(video.ref, to=VideoState.SPLITTING, when=frozenset({VideoState.WAITING}))
        return True
    why = f"today's {settings.daily_hours:g} hours of video are used up: this one goes on by itself on another day (UTC)"
    ports.catalog.move(video.ref, to=VideoState.WAITING, when=frozenset({VideoState.SPLITTING}), error=why)
    return False


# --- the clips ---------------------------------------------------------------------------------------------------------


def _tell_again(video: Video, chunks: list[Chunk], ports: Ports) -> None:
    """What was cut before may not have been told: chunks that are still open are told again."""
    for chunk in chunks:
        if chunk.number in video.open_chunks and chunk.video_clip is not None:
            _tell(video.ref, chunk.number, ports)
        elif chunk.number in video.open_chunks and chunk.failure is not None:
            advance(video.ref, chunk.number, ports)


def _tell(ref: VideoRef, number: int, ports: Ports) -> None:
    ports.publisher.publish(Topic.CHUNKS, ChunkWork.of(ref, chunk=number))


def _cut_all(video: Video, waiting: list[Chunk], source: BinaryIO, ports: Ports, settings: Settings) -> bool:
    """Cut these chunks; False when time ran out and the rest was handed on. A chunk to be transcoded has a message of its own."""
    if not waiting:
        return True
    planned = ports.catalog.generation(video.ref)
    if planned is None or planned.media is None:
        raise Gone
    media = planned.media
    until = time.monotonic() + settings.split_seconds
    apart_ms = interval_ms(media.duration_ms)
    with ChunkCutter(source, media, clip_max_bytes=settings.clip_max_bytes, thumbnails_apart_ms=apart_ms) as cutter:
        for before, chunk in zip([None, *waiting], waiting, strict=False):
            if before and (before.transcode or chunk.transcode or time.monotonic() >= until):
                ports.publisher.publish(Topic.SPLITS, SplitWork.of(video.ref))
                return False
            _cut_one(video.ref, chunk, cutter, ports, settings)
    return True


def _cut_one(ref: VideoRef, chunk: Chunk, cutter: ChunkCutter, ports: Ports, settings: Settings) -> None:
    about = {**_about(ref), "chunk": chunk.number}
    try:
        with cutter.cut(chunk) as clips:
            video_clip = _keep(ref, chunk, "video", clips.pictures, ports)
            audio_clip = _keep(ref, chunk, "audio", clips.sound, ports) if clips.sound else None
            silent_clip = _keep_silent(ref, chunk, clips, ports) if settings.models is Models.VERTEXAI else None
            if clips.thumbnails:
                _keep_thumbnails(ref, chunk, clips.thumbnails, ports)  # last: they are made meanwhile
    except UnreadableMedia as error:
        LOG.warning("a chunk cannot be cut", extra={**about, "reason": str(error)})
        ports.catalog.commit_clips(ref, chunk.number, video_clip=None, audio_clip=None, failure=str(error))
        advance(ref, chunk.number, ports)
        return
    with ports.catalog.atomic():
        ports.catalog.commit_clips(ref, chunk.number, video_clip=video_clip, audio_clip=audio_clip, silent_clip=silent_clip)
        _tell(ref, chunk.number, ports)
    LOG.info("cut a chunk", extra={**about, "span": str(chunk.span), "transcoded": chunk.transcode, "bytes": video_clip.size_bytes})


def _keep(ref: VideoRef, chunk: Chunk, kind: str, clip: WrittenClip, ports: Ports) -> Clip:
    name = f"{work_prefix(ref)}clips/{chunk.number:05}-{kind}{clip.wrapper.suffix}"
    clip.file.seek(0)
    info = ports.work.create(name, clip.file, content_type=clip.wrapper.content_type)
    return Clip(name, clip.wrapper.content_type, clip.start_ms, clip.duration_ms, info.size_bytes)


def _keep_silent(ref: VideoRef, chunk: Chunk, clips: CutChunk, ports: Ports) -> Clip | None:
    """Store the pictures alone as well, which is what models are sent that are billed by the second of sound. None: it is silent."""
    if clips.sound is None:
        return None
    with without_sound(clips.pictures) as silent:
        return _keep(ref, chunk, "silent", silent, ports)


# --- thumbnails --------------------------------------------------------------------------------------------------------


def _keep_thumbnails(ref: VideoRef, chunk: Chunk, thumbnails: LaterSheet, ports: Ports) -> None:
    sheet = thumbnails.sheet()
    if sheet is not None:
        name = f"sprite-{chunk.number:03}"
        ports.work.create(f"{work_prefix(ref)}{name}.jpg", io.BytesIO(sheet.jpeg), content_type="image/jpeg")
        part = vtt_cues(sheet, f"{name}.jpg").encode()
        ports.work.create(f"{work_prefix(ref)}{name}.vtt", io.BytesIO(part), content_type="text/vtt")


def _finish(ref: VideoRef, ports: Ports, *, anew: bool) -> None:
    """Everything is cut: put the sheets' cues together and leave the rest to the extractors."""
    try:
        if not anew:
            ports.work.stat(thumbnails_object(ref))
    except NotFound:
        anew = True
    if anew:
        parts = [info.name for info in ports.work.list(f"{work_prefix(ref)}sprite-") if info.name.endswith(".vtt")]
        whole = vtt(_text(name, ports) for name in sorted(parts, key=lambda name: (len(name), name)))
        ports.work.replace(thumbnails_object(ref), io.BytesIO(whole.encode()), content_type="text/vtt")
    ports.catalog.move(ref, to=VideoState.EXTRACTING, when=frozenset({VideoState.SPLITTING}))


def _text(name: str, ports: Ports) -> str:
    with ports.work.open(name) as part:
        return part.read().decode()

"""End what cannot work, republish what was lost, and hold bucket and catalog together."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from dataclasses import replace
from datetime import timedelta

from scenesearch.config import Settings
from scenesearch.errors import Gone, InvalidMessage, ObjectNotFound, VideoNotFound
from scenesearch.messages import (
    ChunkWork,
    DeadLetter,
    Extracted,
    Message,
    ObjectChanged,
    SplitWork,
    Subscription,
    Topic,
    decode,
)
from scenesearch.metadata import Section
from scenesearch.pipeline.advance import advance, advance_video
from scenesearch.pipeline.assemble import announce, assemble
from scenesearch.pipeline.remove import forget
from scenesearch.ports import Catalog, Embedder, ObjectStore, Publisher, SceneIndex
from scenesearch.video import Chunk, SectionKey, SectionState, Video, VideoRef, VideoState, now, video_id

LOG = logging.getLogger(__name__)

EXTRACTS = {
    Subscription.EXTRACT_VISUAL_INFO: Section.VISUAL_INFO,
    Subscription.EXTRACT_TRANSCRIPTION: Section.TRANSCRIPTION,
    Subscription.EXTRACT_TEXTS: Section.TEXTS,
}
"""Which section a subscription's dead letters are about."""

PARKED = "parked/"
"""Where the work bucket keeps letters that name no work; an alert reads the log line."""

UNENDED = frozenset({VideoState.SPLITTING, VideoState.EXTRACTING, VideoState.ASSEMBLING})


class Recovery:
    """The handlers of dead letters and of the timer. All are safe to repeat."""

    def __init__(
        self,
        *,
        uploads: ObjectStore,
        work: ObjectStore,
        catalog: Catalog,
        index: SceneIndex,
        embedder: Embedder,
        publisher: Publisher,
        settings: Settings,
    ) -> None:
        self._uploads, self._work = uploads, work
        self._catalog, self._index, self._embedder = catalog, index, embedder
        self._publisher, self._settings = publisher, settings

    # --- dead letters ---

    def dead_letter(self, letter: DeadLetter) -> None:
        """Attempts left: republish; none left: end the section or the video; no key: park. Never raises `Permanent`."""
        try:
            message = decode(base64.b64decode(letter.data), letter.attributes)
            self._bury(message, letter)
        except (InvalidMessage, ValueError):
            self._park(letter)
        except Gone:
            LOG.info("a dead letter of a removed video", extra={"subscription": letter.subscription})

    def _bury(self, message: Message, letter: DeadLetter) -> None:
        match message:
            case ChunkWork() if section := EXTRACTS.get(Subscription(letter.subscription)):
                self._end_section(SectionKey(message.ref, message.chunk, section), letter.reason)
            case SplitWork():
                self._end_split(message.ref, letter.reason)
            case ObjectChanged(event="OBJECT_FINALIZE") if letter.subscription == Subscription.SPLIT_OBJECTS:
                self._end_split(VideoRef(video_id(message.bucket, message.name), message.generation), letter.reason)
            case ObjectChanged():
                self._publisher.publish(Topic.OBJECTS, message, delay=timedelta(minutes=10))
            case Extracted():
                assemble(
                    message,
                    None,
                    work=self._work,
                    catalog=self._catalog,
                    index=self._index,
                    embedder=self._embedder,
                    publisher=self._publisher,
                )
            case _:
                self._park(letter)

    def _end_section(self, key: SectionKey, reason: str) -> None:
        record = self._catalog.section(key)
        if record.state.terminal or record.failures >= self._settings.max_attempts:
            if not record.state.terminal:
                self._catalog.commit_section(replace(record, state=SectionState.FAILED, reason=record.reason or reason))
            self._advance(key.ref, key.chunk)
        else:
            self._publisher.publish(Topic.CHUNKS, _chunk_work(key.ref, key.chunk), delay=timedelta(minutes=1))

    def _end_split(self, ref: VideoRef, reason: str) -> None:
        """What is cut stays; what is not closes as failed. Without a plan the video fails."""
        chunks = self._catalog.chunks(ref)
        if not chunks:
            if self._catalog.move(ref, to=VideoState.FAILED, when=UNENDED, error=f"the video could not be split: {reason}"):
                self._announce(ref)
            return
        for chunk in chunks:
            if chunk.video_clip is None and chunk.failure is None:
                self._catalog.commit_clips(ref, chunk.number, video_clip=None, audio_clip=None, failure=reason)
            self._continue(ref, self._catalog.chunk(ref, chunk.number) or chunk)

    def _park(self, letter: DeadLetter) -> None:
        body = letter.model_dump_json().encode()
        name = f"{PARKED}{hashlib.sha256(body).hexdigest()[:32]}.json"
        self._work.create(name, io.BytesIO(body), content_type="application/json")
        LOG.error(
            "parked a message that names no work", extra={"subscription": letter.subscription, "reason": letter.reason, "parked": name}
        )

    # --- the timer ---

    def tick(self, stalled_for: timedelta = timedelta(hours=1)) -> None:
        """Move on what has made no progress for so long, then hold bucket and catalog together."""
        for video in list(self._catalog.stalled(now() - stalled_for)):
            self._resume(video)
        self.reconcile(older_than=stalled_for)

    def _resume(self, video: Video) -> None:
        ref = video.ref
        LOG.warning("resuming a stalled video", extra={"video": ref.video_id, "generation": ref.generation, "state": video.state})
        match video.state:
            case VideoState.REMOVING:
                forget(ref, work=self._work, catalog=self._catalog, index=self._index, publisher=self._publisher)
            case VideoState.WAITING | VideoState.SPLITTING:
                self._publisher.publish(Topic.OBJECTS, _finalized(video))
            case VideoState.EXTRACTING:
                for chunk in self._catalog.chunks(ref):
                    if chunk.number in video.open_chunks:
                        self._continue(ref, chunk)
                advance_video(ref, catalog=self._catalog, publisher=self._publisher)
            case VideoState.ASSEMBLING:
                self._publisher.publish(Topic.EXTRACTED, Extracted(video_id=ref.video_id, generation=ref.generation))

    def reconcile(self, older_than: timedelta) -> None:
        """Announce objects that no video was made of, videos whose object is gone, and sweep work of unknown generations."""
        settled = now() - older_than
        for item in self._uploads.list():
            ref = VideoRef(video_id(item.bucket, item.name), item.generation)
            if item.updated_at < settled and self._catalog.generation(ref) is None:
                self._publisher.publish(
                    Topic.OBJECTS, ObjectChanged(event="OBJECT_FINALIZE", bucket=item.bucket, name=item.name, generation=item.generation)
                )
        for video in list(self._catalog.videos()):
            for ref in self._catalog.generations(video.ref.video_id):
                self._check_object(ref)
        self._sweep(settled_before=older_than)

    def _check_object(self, ref: VideoRef) -> None:
        video = self._catalog.generation(ref)
        if video is None:
            return
        try:
            self._uploads.stat(video.name, ref.generation)
        except ObjectNotFound:
            self._publisher.publish(
                Topic.OBJECTS, ObjectChanged(event="OBJECT_DELETE", bucket=video.bucket, name=video.name, generation=ref.generation)
            )

    def _sweep(self, settled_before: timedelta) -> None:
        settled, known = now() - settled_before, dict[VideoRef, bool]()
        for item in list(self._work.list()):
            owner, _, rest = item.name.partition("/")
            generation, _, _ = rest.partition("/")
            if item.name.startswith(PARKED) or not generation.isdigit() or item.updated_at >= settled:
                continue
            ref = VideoRef(owner, int(generation))
            if ref not in known:
                known[ref] = self._catalog.generation(ref) is not None
                if not known[ref]:
                    self._index.remove(ref.video_id, ref.generation)
            if not known[ref]:
                self._work.delete(item.name)

    # --- retry ---

    def retry(self, wanted: str) -> VideoRef:
        """Do again what failed in the live generation of this video: sections, chunks that could not be cut, or all of it.

        Raises `VideoNotFound`.
        """
        video = self._catalog.video(wanted)
        if video is None:
            raise VideoNotFound(f"there is no video {wanted!r}: `scenesearch videos` lists them")
        ref, chunks = video.ref, self._catalog.chunks(video.ref)
        if not chunks:
            self._catalog.move(ref, to=VideoState.SPLITTING, when=frozenset({VideoState.FAILED, VideoState.WAITING}))
            self._publisher.publish(Topic.OBJECTS, _finalized(video))
            return ref
        redo = {
            record.key.chunk
            for record in self._catalog.sections(ref)
            if record.state in (SectionState.FAILED, SectionState.BLOCKED) or not record.state.terminal
        }
        for record in self._catalog.sections(ref):
            if record.state in (SectionState.FAILED, SectionState.BLOCKED):
                self._catalog.reset_section(record.key)
        for chunk in chunks:
            if chunk.failure is not None:
                self._catalog.commit_clips(ref, chunk.number, video_clip=None, audio_clip=None)
            if chunk.failure is not None or chunk.number in redo:
                self._catalog.reopen_chunk(ref, chunk.number)
                self._continue(ref, self._catalog.chunk(ref, chunk.number) or chunk)
        if any(gap.section is Section.SUMMARY for gap in video.gaps):
            self._catalog.move(ref, to=VideoState.EXTRACTING, when=frozenset({VideoState.READY}))
        advance_video(ref, catalog=self._catalog, publisher=self._publisher)
        return ref

    # --- shared ---

    def _continue(self, ref: VideoRef, chunk: Chunk) -> None:
        """Set going whatever this chunk lacks."""
        if chunk.failure is not None:
            self._advance(ref, chunk.number)
        elif chunk.video_clip is None:
            self._publisher.publish(Topic.SPLITS, SplitWork(video_id=ref.video_id, generation=ref.generation))
        else:
            self._publisher.publish(Topic.CHUNKS, _chunk_work(ref, chunk.number))

    def _advance(self, ref: VideoRef, number: int) -> None:
        advance(ref, number, catalog=self._catalog, index=self._index, embedder=self._embedder, publisher=self._publisher)

    def _announce(self, ref: VideoRef) -> None:
        if (video := self._catalog.generation(ref)) is not None:
            announce(video, self._publisher)


def _chunk_work(ref: VideoRef, number: int) -> ChunkWork:
    return ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=number)


def _finalized(video: Video) -> ObjectChanged:
    return ObjectChanged(event="OBJECT_FINALIZE", bucket=video.bucket, name=video.name, generation=video.ref.generation)

"""The `Catalog` port over Firestore.

```
generations/VIDEO.GENERATION                   the video; which chunks are open
generations/VIDEO.GENERATION/chunks/NUMBER     a chunk; touched by all work on it
generations/VIDEO.GENERATION/sections/NUMBER-SECTION
generations/VIDEO.GENERATION/parts/WRITE-NUMBER   of texts that are too large for their document
collections/NAME   reservations/DAY   reservations/VIDEO.GENERATION   feedback/ID
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from google.api_core import exceptions as google
from google.cloud.firestore import (
    ArrayRemove,
    ArrayUnion,
    FieldFilter,
    WriteBatch,
)
from pydantic import TypeAdapter

from scenesearch.backends.gcp import documents as of
from scenesearch.backends.gcp.batches import FirestoreBatches
from scenesearch.backends.gcp.documents import Document
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.generation_store import BLIND, about, contended, gone, tries
from scenesearch.errors import Busy, Gone
from scenesearch.names import spellings
from scenesearch.ports import Assembly, Catalog, Lease
from scenesearch.video import (
    NO_COST,
    Chunk,
    Clip,
    Collection,
    Feedback,
    MediaInfo,
    SectionKey,
    SectionRecord,
    SectionState,
    Usage,
    Video,
    VideoRef,
    VideoState,
    now,
)

ENDED = frozenset({VideoState.READY, VideoState.FAILED})
TERMINAL = sorted(state.value for state in SectionState if state.terminal)
UNENDED = sorted(state.value for state in VideoState if state not in ENDED)

RESERVATION_DAYS = 40
"""Days after which Firestore deletes what was booked against the daily cap: nobody looks at a day that is over, a month helps to explain
a bill.
"""

_COLLECTION = TypeAdapter(Collection)
_FEEDBACK = TypeAdapter(Feedback)


class FirestoreCatalog(FirestoreBatches, Catalog):
    """Collections, videos, chunks, sections, feedback."""

    def atomic(self) -> AbstractContextManager[None]:
        """Nothing is grouped: what follows applies in order, and the handlers' redelivery heals what a crash leaves half done."""
        return nullcontext()

    # collections

    def collection(self, name: str) -> Collection | None:
        with translated(f"reading collection {name!r}"):
            document = self._collections.document(of.collection_id(name)).get().to_dict()
        return _COLLECTION.validate_python(document) if document else None

    def collections(self) -> list[Collection]:
        with translated("listing the collections"):
            found = [_COLLECTION.validate_python(snapshot.to_dict()) for snapshot in self._collections.stream()]
        return sorted(found, key=lambda collection: collection.name)

    def save_collection(self, collection: Collection) -> None:
        with translated(f"saving collection {collection.name!r}"):
            self._collections.document(of.collection_id(collection.name)).set(_COLLECTION.dump_python(collection))

    # videos

    def begin(self, video: Video) -> Video:
        with about(video.ref):
            try:
                self._generation(video.ref).create({**of.video_document(video), **of.spread("", self._parts(video.ref)).fields})
            except google.Conflict:
                stored = self.generation(video.ref)
                if stored is not None:
                    return stored
                raise
        return video

    def video(self, video_id: str) -> Video | None:
        return self.live([video_id]).get(video_id)

    def live(self, video_ids: Sequence[str]) -> dict[str, Video]:
        with translated(f"reading {len(video_ids)} videos"):
            return self._newest(self._among("video_id", list(dict.fromkeys(video_ids))))

    def generation(self, ref: VideoRef) -> Video | None:
        with about(ref):
            return self._video_of(self._generation(ref).get())

    def generations(self, video_id: str) -> list[VideoRef]:
        with translated(f"reading video {video_id}"):
            named = self._generations.where(filter=FieldFilter("video_id", "==", video_id)).select(["video_id", "generation"])
            return sorted(of.ref_of(snapshot.to_dict() or {}) for snapshot in named.stream())

    def videos(self, collections: frozenset[str] | None = None) -> Iterator[Video]:
        """Holds all of them at once: which generation is live shows only when all are known."""
        with translated("listing the videos"):
            live = self._newest(self._of_collections(collections))
        yield from sorted(live.values(), key=lambda video: (-video.created_at.timestamp(), video.ref))

    def named(self, name: str) -> list[Video]:
        with translated(f"looking for {name!r}"):
            asked = self._generations.where(filter=FieldFilter("names", "array_contains_any", sorted(spellings(name))))
            found = [video for snapshot in asked.stream() if (video := self._video_of(snapshot)) is not None]
        newest = self.live([video.ref.video_id for video in found])
        live = [video for video in found if (one := newest.get(video.ref.video_id)) is not None and one.ref == video.ref]
        return sorted(live, key=lambda video: (-video.created_at.timestamp(), video.ref))

    def move(self, ref: VideoRef, *, to: VideoState, when: frozenset[VideoState], error: str | None = None) -> bool:
        def change(video: Video) -> Document | None:
            unfinished = to is VideoState.ASSEMBLING and (video.open_chunks or not video.chunk_count)
            return None if video.state not in when or unfinished else {"state": to, "error": of.shortened(error)}

        return self._change(ref, change)

    def commit_plan(self, ref: VideoRef, media: MediaInfo, chunks: Sequence[Chunk]) -> list[Chunk]:
        document = TypeAdapter(MediaInfo).dump_python(media)

        def change(video: Video) -> Document | None:
            if video.state is VideoState.REMOVING:
                raise gone(ref)
            numbers = sorted(chunk.number for chunk in chunks)
            return None if video.chunk_count else {"media": document, "chunk_count": len(chunks), "open_chunks": numbers}

        def with_chunks(batch: WriteBatch) -> None:
            for chunk in chunks:
                batch.create(self._chunk(ref, chunk.number), of.chunk_document(chunk, now()))

        if not self._change(ref, change, with_chunks) and self.generation(ref) is None:
            raise gone(ref)
        return self.chunks(ref)

    def chunks(self, ref: VideoRef) -> list[Chunk]:
        with about(ref):
            found = [of.chunk_of(snapshot.to_dict() or {}) for snapshot in self._chunks(ref).stream()]
        return sorted(found, key=lambda chunk: chunk.number)

    def chunk(self, ref: VideoRef, number: int) -> Chunk | None:
        with about(ref):
            document = self._chunk(ref, number).get().to_dict()
        return of.chunk_of(document) if document else None

    def commit_clips(
        self,
        ref: VideoRef,
        number: int,
        *,
        video_clip: Clip | None,
        audio_clip: Clip | None,
        silent_clip: Clip | None = None,
        failure: str | None = None,
    ) -> None:
        clip = TypeAdapter(Clip | None)
        clips = {"video_clip": video_clip, "audio_clip": audio_clip, "silent_clip": silent_clip}
        changes = {**{name: clip.dump_python(made) for name, made in clips.items()}, "failure": of.shortened(failure)}
        with about(ref):
            self._chunk(ref, number).update({**changes, "touched_at": now()}, retry=BLIND)

    def close_chunk(self, ref: VideoRef, number: int) -> None:
        with about(ref):
            self._generation(ref).update({"open_chunks": ArrayRemove([number]), "updated_at": now()}, retry=BLIND)

    def reopen_chunk(self, ref: VideoRef, number: int) -> None:
        def change(video: Video) -> Document:
            if video.state is VideoState.REMOVING:
                raise Gone(f"video {ref.video_id} (generation {ref.generation}) is being removed")
            return {"open_chunks": ArrayUnion([number]), "state": VideoState.EXTRACTING, "error": None}

        if not self._change(ref, change, lambda batch: self._touch(batch, ref, number)):
            raise gone(ref)

    # sections

    def section(self, key: SectionKey) -> SectionRecord:
        return self._section_of(key, self._section_snapshot(key))

    def sections(self, ref: VideoRef, chunk: int | None = None) -> list[SectionRecord]:
        query: Any = self._sections(ref)
        if chunk is not None:
            query = query.where(filter=FieldFilter("chunk", "==", chunk))
        with about(ref):
            found = [(snapshot, snapshot.to_dict()) for snapshot in query.stream()]
            records = [of.section_of(ref, document, self._body(ref, snapshot)) for snapshot, document in found]
        return sorted(records, key=lambda record: record.key)

    def finished_sections(self, ref: VideoRef) -> int:
        terminal: Any = self._sections(ref).where(filter=FieldFilter("state", "in", TERMINAL)).count()
        with about(ref):
            return int(terminal.get()[0][0].value)

    def lease(self, key: SectionKey, duration: timedelta) -> Lease:
        snapshot = self._section_snapshot(key)
        record = self._section_of(key, snapshot)
        if record.state.terminal:
            raise Busy(f"{_words(key)} is {record.state} already")
        if record.leased_until is not None and record.leased_until > now():
            raise Busy(f"{_words(key)} is being worked on until {record.leased_until:%H:%M:%S} UTC")
        until = now() + duration
        leased = replace(record, attempts=record.attempts + 1, leased_until=until)
        batch = self._client.batch()
        self._write_if_unchanged(batch, snapshot, of.section_document(leased))
        self._touch(batch, key.ref, key.chunk)
        with about(key.ref):
            try:
                batch.commit()
            except (google.Conflict, google.FailedPrecondition) as error:
                raise Busy(f"somebody else was faster at {_words(key)}") from error
        return Lease(key, leased.attempts, until)

    def release(self, lease: Lease, reason: str, *, failed: bool = True, usage: Usage = NO_COST) -> None:
        for _ in tries():
            with about(lease.key.ref):
                snapshot = self._section(lease.key).get()
            document = snapshot.to_dict()
            if document is None:
                return
            record = of.section_of(lease.key.ref, document, "")
            if record.state.terminal or record.leased_until != lease.until or record.attempts != lease.attempt:
                return
            changes = {
                "leased_until": None,
                "reason": of.shortened(reason),
                "failures": record.failures + failed,
                "usage": of.usage_fields(record.usage + usage),
            }
            if self._updated(snapshot, changes):
                return

    def commit_section(self, record: SectionRecord) -> None:
        key = record.key
        ref = key.ref
        body = of.spread(of.extracted_text(record), self._parts(ref))
        document = {**of.section_document(replace(record, leased_until=None)), **body.fields}

        def finish(batch: WriteBatch) -> None:
            batch.set(self._section(key), document)
            self._touch(batch, ref, key.chunk)

        self._commit(ref, body, finish)

    def reset_section(self, key: SectionKey) -> None:
        batch = self._client.batch()
        batch.delete(self._section(key))
        self._touch(batch, key.ref, key.chunk)
        with about(key.ref):
            batch.commit(retry=BLIND)

    def await_batch(self, key: SectionKey, until: datetime) -> None:
        self._mark_batch(key, until, lambda batch: self._waits_for_a_batch(batch, key))

    def leave_batch(self, key: SectionKey) -> None:
        self._mark_batch(key, now(), lambda _: None)

    def _mark_batch(self, key: SectionKey, until: datetime, also: Callable[[WriteBatch], None]) -> None:
        """Raises `Busy` when somebody changes the section meanwhile."""
        snapshot = self._section_snapshot(key)
        record = self._section_of(key, snapshot)
        if record.state.terminal:
            return
        batch = self._client.batch()
        self._write_if_unchanged(batch, snapshot, of.section_document(replace(record, batch_until=until)))
        also(batch)
        self._touch(batch, key.ref, key.chunk)
        with about(key.ref):
            try:
                batch.commit()
            except (google.Conflict, google.FailedPrecondition) as error:
                raise Busy(f"somebody else was faster at {_words(key)}") from error

    def commit_assembly(self, ref: VideoRef, assembly: Assembly) -> None:
        body = of.spread(of.assembled_text(assembly.summary, assembly.important_scenes, assembly.gaps), self._parts(ref))
        changes = {**body.fields, "usage": of.usage_fields(assembly.usage), "updated_at": now()}
        if assembly.language is not None:
            changes["language"] = assembly.language
        self._commit(ref, body, lambda batch: batch.update(self._generation(ref), changes))

    def stalled(self, before: datetime) -> Iterator[Video]:
        """Work on sections touches their chunk, not the video: both are looked at."""
        query = (
            self._generations.where(filter=FieldFilter("state", "in", UNENDED))
            .where(filter=FieldFilter("updated_at", "<", before))
            .order_by("updated_at")
        )
        with translated("looking for stalled videos"):
            for snapshot in query.stream():
                video = self._video_of(snapshot)
                if video is not None and not self._touched_since(video.ref, before):
                    yield video

    def forget(self, ref: VideoRef) -> None:
        """In an order in which no work under way can bring anything back: no plan, no chunks, no sections, then no video."""
        self._change(ref, lambda _: {"state": VideoState.REMOVING})
        with about(ref):
            for collection in (self._chunks(ref), self._sections(ref), self._parts(ref)):
                self._delete(reference for reference in collection.list_documents(page_size=300))
            self._generation(ref).delete(retry=BLIND)

    # the daily cap and feedback

    def reserve(self, day: str, ref: VideoRef, duration_ms: int, cap_ms: int) -> bool:
        """A video that was booked on an earlier day stays booked there."""
        booked, total = self._reservations.document(of.generation_id(ref)), self._reservations.document(day)
        for _ in tries():
            with about(ref):
                if booked.get().exists:
                    return True
                snapshot = total.get()
                taken_ms = (snapshot.to_dict() or {}).get("duration_ms", 0) + duration_ms
                if taken_ms > cap_ms:
                    return False
                expires_at = now() + timedelta(days=RESERVATION_DAYS)
                batch = self._client.batch()
                batch.create(booked, {"day": day, "duration_ms": duration_ms, "expires_at": expires_at})
                self._write_if_unchanged(batch, snapshot, {"duration_ms": taken_ms, "expires_at": expires_at})
                try:
                    batch.commit()
                except (google.Conflict, google.FailedPrecondition, google.NotFound):
                    continue
                return True
        raise contended(ref)

    def save_feedback(self, feedback: Feedback) -> None:
        with translated("saving feedback"):
            self._client.collection("feedback").add(_FEEDBACK.dump_python(feedback))

    def feedback(self) -> Iterator[Feedback]:
        with translated("reading the feedback"):
            for snapshot in self._client.collection("feedback").order_by("at").stream():
                yield _FEEDBACK.validate_python(snapshot.to_dict())


def _words(key: SectionKey) -> str:
    return f"{key.section} of chunk {key.chunk} of video {key.ref.video_id}"

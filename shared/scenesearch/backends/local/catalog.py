"""The `Catalog` port over SQLite: documents as JSON, and beside them in columns what is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from scenesearch.backends.local.batches import LocalBatches
from scenesearch.backends.local.database import Row
from scenesearch.backends.local.liveness import OwnerState
from scenesearch.errors import Busy, Gone
from scenesearch.names import composed
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

INTERRUPTIONS_ALLOWED = 50
"""From then on a lease that ended with its whole runtime counts like any other: the work may be what ends it."""

_VIDEO = TypeAdapter(Video)
_CHUNK = TypeAdapter(Chunk)
_SECTION = TypeAdapter(SectionRecord)
_COLLECTION = TypeAdapter(Collection)
_FEEDBACK = TypeAdapter(Feedback)

_ENDED = (VideoState.READY, VideoState.FAILED)


class LocalCatalog(LocalBatches, Catalog):
    """Collections, videos, chunks, sections, feedback. Processes and threads may share it."""

    def atomic(self) -> AbstractContextManager[None]:
        """One commit for everything in it, publishing to a queue in the same database included; an error undoes it all."""
        return self._database.atomic()

    # collections

    def collection(self, name: str) -> Collection | None:
        row = self._database.row("SELECT document FROM collections WHERE name = ?", (name,))
        return _COLLECTION.validate_json(row["document"]) if row else None

    def collections(self) -> list[Collection]:
        return [_COLLECTION.validate_json(row["document"]) for row in self._database.rows("SELECT document FROM collections ORDER BY name")]

    def save_collection(self, collection: Collection) -> None:
        self._database.execute("INSERT OR REPLACE INTO collections VALUES (?, ?)", (collection.name, _json(_COLLECTION, collection)))

    # videos

    def begin(self, video: Video) -> Video:
        with self.atomic():
            stored = self.generation(video.ref)
            if stored is None:
                self._database.execute(
                    "INSERT INTO videos VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        *_id(video.ref),
                        video.collection,
                        video.state,
                        video.created_at.timestamp(),
                        video.updated_at.timestamp(),
                        _json(_VIDEO, video),
                    ),
                )
        return stored or video

    def video(self, video_id: str) -> Video | None:
        return self.live([video_id]).get(video_id)

    def live(self, video_ids: Sequence[str]) -> dict[str, Video]:
        rows = self._database.rows(
            "SELECT document, MAX(generation) FROM videos WHERE video_id IN (SELECT value FROM json_each(?)) GROUP BY video_id",
            (json.dumps(list(video_ids)),),
        )
        found = (_VIDEO.validate_json(row["document"]) for row in rows)
        return {video.ref.video_id: video for video in found}

    def generation(self, ref: VideoRef) -> Video | None:
        row = self._database.row("SELECT document FROM videos WHERE video_id = ? AND generation = ?", _id(ref))
        return _VIDEO.validate_json(row["document"]) if row else None

    def generations(self, video_id: str) -> list[VideoRef]:
        rows = self._database.rows("SELECT generation FROM videos WHERE video_id = ? ORDER BY generation", (video_id,))
        return [VideoRef(video_id, row["generation"]) for row in rows]

    def videos(self, collections: frozenset[str] | None = None) -> Iterator[Video]:
        rows = self._database.rows(
            """SELECT document FROM videos AS one
            WHERE generation = (SELECT MAX(generation) FROM videos WHERE video_id = one.video_id)
            AND (:all OR collection IN (SELECT value FROM json_each(:names)))
            ORDER BY created_at DESC, video_id""",
            {"all": collections is None, "names": json.dumps(sorted(collections or ()))},
        )
        return (_VIDEO.validate_json(row["document"]) for row in rows)

    def named(self, name: str) -> list[Video]:
        rows = self._database.rows(
            """SELECT document FROM videos AS one
            WHERE is_called(:name, json_extract(document, '$.title'), json_extract(document, '$.name'))
            AND generation = (SELECT MAX(generation) FROM videos WHERE video_id = one.video_id)
            ORDER BY created_at DESC, video_id""",
            {"name": composed(name)},
        )
        return [_VIDEO.validate_json(row["document"]) for row in rows]

    def move(self, ref: VideoRef, *, to: VideoState, when: frozenset[VideoState], error: str | None = None) -> bool:
        with self.atomic():
            video = self.generation(ref)
            if video is None or video.state not in when:
                return False
            if to is VideoState.ASSEMBLING and (video.open_chunks or not video.chunk_count):
                return False
            self._update(video, state=to, error=error)
        return True

    def commit_plan(self, ref: VideoRef, media: MediaInfo, chunks: Sequence[Chunk]) -> list[Chunk]:
        with self.atomic():
            video = self._live(ref)
            if not video.chunk_count:
                self._update(video, media=media, chunk_count=len(chunks), open_chunks=frozenset(chunk.number for chunk in chunks))
                for chunk in chunks:
                    self._database.execute("INSERT INTO chunks VALUES (?, ?, ?, ?)", (*_id(ref), chunk.number, _json(_CHUNK, chunk)))
            return self.chunks(ref)

    def chunks(self, ref: VideoRef) -> list[Chunk]:
        rows = self._database.rows("SELECT document FROM chunks WHERE video_id = ? AND generation = ? ORDER BY number", _id(ref))
        return [_CHUNK.validate_json(row["document"]) for row in rows]

    def chunk(self, ref: VideoRef, number: int) -> Chunk | None:
        row = self._database.row(
            "SELECT document FROM chunks WHERE video_id = ? AND generation = ? AND number = ?",
            (*_id(ref), number),
        )
        return _CHUNK.validate_json(row["document"]) if row else None

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
        with self.atomic():
            known = self._live_chunk(ref, number)
            chunk = replace(known, video_clip=video_clip, audio_clip=audio_clip, silent_clip=silent_clip, failure=failure)
            self._database.execute(
                "UPDATE chunks SET document = ? WHERE video_id = ? AND generation = ? AND number = ?",
                (_json(_CHUNK, chunk), *_id(ref), number),
            )
            self._touch(ref)

    def close_chunk(self, ref: VideoRef, number: int) -> None:
        with self.atomic():
            video = self._live(ref)
            self._update(video, open_chunks=video.open_chunks - {number})

    def reopen_chunk(self, ref: VideoRef, number: int) -> None:
        with self.atomic():
            self._live_chunk(ref, number)
            video = self._live(ref)
            if video.state is VideoState.REMOVING:
                raise Gone(f"video {ref.video_id} (generation {ref.generation}) is being removed")
            self._update(video, open_chunks=video.open_chunks | {number}, state=VideoState.EXTRACTING, error=None)

    # sections

    def section(self, key: SectionKey) -> SectionRecord:
        row = self._section_row(key)
        if row is None:
            self._live_chunk(key.ref, key.chunk)
            return SectionRecord(key=key)
        return _SECTION.validate_json(row["document"])

    def sections(self, ref: VideoRef, chunk: int | None = None) -> list[SectionRecord]:
        rows = self._database.rows(
            """SELECT document FROM sections WHERE video_id = ? AND generation = ? AND (? IS NULL OR chunk = ?)
            ORDER BY chunk, section""",
            (*_id(ref), chunk, chunk),
        )
        return [_SECTION.validate_json(row["document"]) for row in rows]

    def finished_sections(self, ref: VideoRef) -> int:
        rows = self._database.rows(
            """SELECT COUNT(*) AS finished FROM sections WHERE video_id = ? AND generation = ?
            AND json_extract(document, '$.state') != ?""",
            (*_id(ref), SectionState.PENDING),
        )
        finished: int = rows[0]["finished"]
        return finished

    def lease(self, key: SectionKey, duration: timedelta) -> Lease:
        """A lease whose process is gone is free at once; it counts as an attempt unless its whole runtime ended with it."""
        with self.atomic():
            record, row = self.section(key), self._section_row(key)
            if record.state.terminal:
                raise Busy(f"{_words(key)} is {record.state} already")
            interruptions: int = row["interruptions"] if row else 0
            counted = 1
            if record.leased_until is not None and row is not None and row["owner"] is not None:
                state = self._database.liveness.state(row["owner"])
                if state is OwnerState.ALIVE and record.leased_until > now():
                    raise Busy(f"{_words(key)} is being worked on until {record.leased_until:%H:%M:%S} UTC")
                if state is OwnerState.INTERRUPTED:
                    interruptions += 1
                    counted = 0 if interruptions <= INTERRUPTIONS_ALLOWED else 1
            until = now() + duration
            leased = replace(record, attempts=record.attempts + counted, leased_until=until)
            self._write_section(leased, self._database.liveness.owner, interruptions)
        return Lease(key, leased.attempts, until)

    def release(self, lease: Lease, reason: str, *, failed: bool = True, usage: Usage = NO_COST) -> None:
        with self.atomic():
            row = self._section_row(lease.key)
            if row is None:
                return
            record = _SECTION.validate_json(row["document"])
            if record.state is SectionState.PENDING and record.leased_until == lease.until and record.attempts == lease.attempt:
                spent, failures = record.usage + usage, record.failures + failed
                freed = replace(record, leased_until=None, reason=reason, failures=failures, usage=spent)
                self._write_section(freed, None, row["interruptions"])

    def commit_section(self, record: SectionRecord) -> None:
        with self.atomic():
            self._live_chunk(record.key.ref, record.key.chunk)
            self._write_section(replace(record, leased_until=None), None, 0)
            self._touch(record.key.ref)

    def reset_section(self, key: SectionKey) -> None:
        with self.atomic():
            self._live_chunk(key.ref, key.chunk)
            self._database.execute(
                "DELETE FROM sections WHERE video_id = ? AND generation = ? AND chunk = ? AND section = ?",
                (*_id(key.ref), key.chunk, key.section),
            )

    def await_batch(self, key: SectionKey, until: datetime) -> None:
        with self.atomic():
            record = self.section(key)
            if not record.state.terminal:
                self._mark_batch(replace(record, batch_until=until))
                self._waits_for_a_batch(key)
                self._touch(key.ref)

    def leave_batch(self, key: SectionKey) -> None:
        with self.atomic():
            record = self.section(key)
            if not record.state.terminal:
                self._mark_batch(replace(record, batch_until=now()))

    def commit_assembly(self, ref: VideoRef, assembly: Assembly) -> None:
        with self.atomic():
            video = self._live(ref)
            self._update(
                video,
                language=assembly.language or video.language,
                summary=assembly.summary,
                important_scenes=assembly.important_scenes,
                gaps=assembly.gaps,
                usage=assembly.usage,
            )

    def stalled(self, before: datetime) -> Iterator[Video]:
        rows = self._database.rows(
            "SELECT document FROM videos WHERE state NOT IN (?, ?) AND updated_at < ? ORDER BY updated_at",
            (*_ENDED, before.timestamp()),
        )
        return (_VIDEO.validate_json(row["document"]) for row in rows)

    def forget(self, ref: VideoRef) -> None:
        self._database.execute("DELETE FROM videos WHERE video_id = ? AND generation = ?", _id(ref))

    # the daily cap and feedback

    def reserve(self, day: str, ref: VideoRef, duration_ms: int, cap_ms: int) -> bool:
        """A video that was booked on an earlier day stays booked there."""
        with self.atomic():
            if self._database.row("SELECT 1 FROM bookings WHERE video_id = ? AND generation = ?", _id(ref)):
                return True
            booked = self._database.rows("SELECT COALESCE(SUM(duration_ms), 0) AS total FROM bookings WHERE day = ?", (day,))
            if booked[0]["total"] + duration_ms > cap_ms:
                return False
            self._database.execute("INSERT INTO bookings VALUES (?, ?, ?, ?)", (*_id(ref), day, duration_ms))
        return True

    def save_feedback(self, feedback: Feedback) -> None:
        self._database.execute("INSERT INTO feedback (document) VALUES (?)", (_json(_FEEDBACK, feedback),))

    def feedback(self) -> Iterator[Feedback]:
        return (_FEEDBACK.validate_json(row["document"]) for row in self._database.rows("SELECT document FROM feedback ORDER BY id"))

    def _live(self, ref: VideoRef) -> Video:
        video = self.generation(ref)
        if video is None:
            raise Gone(f"video {ref.video_id} (generation {ref.generation}) was removed or replaced meanwhile")
        return video

    def _live_chunk(self, ref: VideoRef, number: int) -> Chunk:
        chunk = self.chunk(ref, number)
        if chunk is None:
            raise Gone(f"chunk {number} of video {ref.video_id} (generation {ref.generation}) was removed meanwhile")
        return chunk

    def _update(self, video: Video, **changes: Any) -> None:
        changed = replace(video, updated_at=now(), **changes)
        self._database.execute(
            "UPDATE videos SET state = ?, updated_at = ?, document = ? WHERE video_id = ? AND generation = ?",
            (changed.state, changed.updated_at.timestamp(), _json(_VIDEO, changed), *_id(video.ref)),
        )

    def _touch(self, ref: VideoRef) -> None:
        self._update(self._live(ref))

    def _section_row(self, key: SectionKey) -> Row | None:
        return self._database.row(
            "SELECT owner, interruptions, document FROM sections WHERE video_id = ? AND generation = ? AND chunk = ? AND section = ?",
            (*_id(key.ref), key.chunk, key.section),
        )

    def _mark_batch(self, record: SectionRecord) -> None:
        row = self._section_row(record.key)
        self._write_section(record, row["owner"] if row else None, row["interruptions"] if row else 0)

    def _write_section(self, record: SectionRecord, owner: str | None, interruptions: int) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO sections VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*_id(record.key.ref), record.key.chunk, record.key.section, owner, interruptions, _json(_SECTION, record)),
        )


def _id(ref: VideoRef) -> tuple[str, int]:
    return ref.video_id, ref.generation


def _json(adapter: TypeAdapter[Any], value: object) -> str:
    return adapter.dump_json(value).decode()


def _words(key: SectionKey) -> str:
    return f"{key.section} of chunk {key.chunk} of video {key.ref.video_id}"

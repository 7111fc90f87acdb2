"""What is known of every video: its state, its chunks, its sections, and who may read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from scenesearch.metadata import Entry
from scenesearch.ports.ledger import BatchLedger
from scenesearch.video import (
    NO_COST,
    Chunk,
    Clip,
    Collection,
    Feedback,
    Gap,
    MediaInfo,
    Profile,
    SectionKey,
    SectionRecord,
    Usage,
    Video,
    VideoRef,
    VideoState,
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a section until `until`; `attempt` counts from 1."""

    key: SectionKey
    attempt: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What `assemble` adds to a video. `language`: the one that is mostly heard, for a video that was not said to be in any."""

    summary: str
    important_scenes: tuple[Entry, ...]
    gaps: tuple[Gap, ...]
    language: str | None = None
    usage: Usage = field(default_factory=Usage)


class Catalog(BatchLedger, Protocol):
    """Collections, videos, chunks, sections, feedback. Every key holds the generation, so old and new work never meet."""

    def atomic(self) -> AbstractContextManager[None]:
        """Groups what follows (publishing included) into one commit where the backend can; elsewhere it applies in order."""
        ...

    # collections
    def collection(self, name: str) -> Collection | None:
        """The collection of this name, or None when nobody has made it."""
        ...

    def collections(self) -> list[Collection]:
        """Every collection, in order of name."""
        ...

    def save_collection(self, collection: Collection) -> None:
        """Store the collection in place of the one of its name."""
        ...

    def profile(self, collection: str) -> Profile:
        """What a collection tells the models; nothing, when there is no such collection."""
        known = self.collection(collection)
        return known.profile if known else Profile()

    # videos
    def begin(self, video: Video) -> Video:
        """Create this generation, or return it as it is stored. The newest generation of a video is the live one."""
        ...

    def video(self, video_id: str) -> Video | None:
        """The live generation; None when there is no such video."""
        ...

    def live(self, video_ids: Sequence[str]) -> dict[str, Video]:
        """Return the live generation of each known video, in one read."""
        ...

    def generation(self, ref: VideoRef) -> Video | None:
        """This generation, live or not; None when it is gone."""
        ...

    def generations(self, video_id: str) -> list[VideoRef]:
        """Every generation that the catalog still knows, oldest first."""
        ...

    def videos(self, collections: frozenset[str] | None = None) -> Iterator[Video]:
        """The live videos (of these collections), newest first."""
        ...

    def named(self, name: str) -> list[Video]:
        """The live videos of this title, object name or file name (with or without its extension), newest first.

        Names are compared in Unicode's composed form.
        """
        ...

    def move(self, ref: VideoRef, *, to: VideoState, when: frozenset[VideoState], error: str | None = None) -> bool:
        """One transaction: state `to` and `error` if the state is one of `when`. False if not, or if there is no such generation.

        To `ASSEMBLING` only when there is a plan and none of its chunks is open.
        """
        ...

    def commit_plan(self, ref: VideoRef, media: MediaInfo, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Store the plan with all its numbers open, unless one is stored; returns the stored one. Raises `Gone`."""
        ...

    def chunks(self, ref: VideoRef) -> list[Chunk]:
        """The plan, in order of number; empty when there is none."""
        ...

    def chunk(self, ref: VideoRef, number: int) -> Chunk | None:
        """One chunk of the plan; None when there is no such chunk."""
        ...

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
        """Record what was cut for a chunk, or why it could not be. Raises `Gone`."""
        ...

    def close_chunk(self, ref: VideoRef, number: int) -> None:
        """Take the number out of the open set, blindly: twice is once. Raises `Gone`."""
        ...

    def reopen_chunk(self, ref: VideoRef, number: int) -> None:
        """Put the number back (retry): the video is `EXTRACTING` again. Raises `Gone`."""
        ...

    # sections
    def section(self, key: SectionKey) -> SectionRecord:
        """The record; a fresh `PENDING` one when nothing happened yet. Raises `Gone` when the chunk is gone."""
        ...

    def sections(self, ref: VideoRef, chunk: int | None = None) -> list[SectionRecord]:
        """The stored records (of one chunk), in order of chunk and section."""
        ...

    def finished_sections(self, ref: VideoRef) -> int:
        """How many sections are terminal; nothing of what they hold is read."""
        ...

    def lease(self, key: SectionKey, duration: timedelta) -> Lease:
        """Take the section for `duration` and count one more attempt.

        Raises `Busy` when somebody else holds it or it is terminal already, `Gone` when the chunk is gone.
        """
        ...

    def release(self, lease: Lease, reason: str, *, failed: bool = True, usage: Usage = NO_COST) -> None:
        """Give an unfinished section back, with why; a failure is counted if it `failed`, what the work cost is added to the record.

        Nothing happens when the lease is not held.
        """
        ...

    def commit_section(self, record: SectionRecord) -> None:
        """Store a section's terminal state in one batch, ending its lease. The last write wins. Raises `Gone`."""
        ...

    def reset_section(self, key: SectionKey) -> None:
        """Back to `PENDING` with no attempts and no failures (retry). Raises `Gone`."""
        ...

    def commit_assembly(self, ref: VideoRef, assembly: Assembly) -> None:
        """Store what `assemble` made of the video. Raises `Gone`."""
        ...

    def stalled(self, before: datetime) -> Iterator[Video]:
        """Every generation that has not ended and was last touched before this time."""
        ...

    def forget(self, ref: VideoRef) -> None:
        """Remove every document of this generation; nothing happens when there is none."""
        ...

    # the daily cap and feedback
    def reserve(self, day: str, ref: VideoRef, duration_ms: int, cap_ms: int) -> bool:
        """Book this video's duration on that day (once); False when the cap would be exceeded."""
        ...

    def save_feedback(self, feedback: Feedback) -> None:
        """Store somebody's word on a scene."""
        ...

    def feedback(self) -> Iterator[Feedback]:
        """Everything that was said of scenes, oldest first."""
        ...

"""The seams: what the pipeline and the search ask of the outside. Two real implementations each, one contract suite.

An implementation translates its driver's errors into `scenesearch.errors` at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from scenesearch.messages import Message, Topic
from scenesearch.metadata import Entry, Section
from scenesearch.rows import Row, any_text, is_written, told_text, written_text
from scenesearch.timeline import Span, hull
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

Vectors = NDArray[np.float32]
"""Rows of unit length: shape (texts, dimension)."""


# --- objects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One generation of one object. `metadata` holds what its uploader said: `title`, `language`, `tags` (by comma)."""

    bucket: str
    name: str
    generation: int
    size_bytes: int
    content_type: str
    metadata: Mapping[str, str]
    updated_at: datetime


class ObjectStore(Protocol):
    """One bucket. Writing or deleting in the uploads bucket publishes `ObjectChanged` on the topic `objects`."""

    @property
    def bucket(self) -> str: ...

    def stat(self, name: str, generation: int | None = None) -> ObjectInfo:
        """Raises `ObjectNotFound` when the object is gone or has another generation."""
        ...

    def open(self, name: str, generation: int | None = None) -> BinaryIO:
        """A seekable reader that fetches only the ranges that are read. Raises `ObjectNotFound`."""
        ...

    def as_file(self, name: str, generation: int | None = None) -> AbstractContextManager[Path]:
        """The object as a file on this machine for the time of the context; never to be changed. Raises `ObjectNotFound`."""
        ...

    def uri(self, name: str) -> str:
        """`gs://bucket/name` or `file:///…`: how models that fetch for themselves name the object."""
        ...

    def create(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        """Write the object if it is absent; else leave it and return what is there. Whole or not at all.

        Raises `StorageFull`.
        """
        ...

    def replace(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        """Write the object as a new generation. Whole or not at all. Raises `StorageFull`."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose names start with `prefix`, in order of name."""
        ...

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete the object (only at `generation`, when given). False when there was nothing to delete."""
        ...

    def signed_url(
        self, name: str, *, expires: timedelta, method: str = "GET", content_type: str | None = None, disposition: str | None = None
    ) -> str:
        """A URL that lets whoever holds it read (or write) this one object for a while.

        `disposition`: the `Content-Disposition` that reading it is answered with.
        """
        ...


# --- messages --------------------------------------------------------------------------------------------------------


class Publisher(Protocol):
    """At least once, in no order, after `delay`."""

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        """Returns when the message is durable. Raises `Unavailable`."""
        ...


# --- catalog ---------------------------------------------------------------------------------------------------------


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


class Catalog(Protocol):
    """Collections, videos, chunks, sections, feedback. Every key holds the generation, so old and new work never meet."""

    def atomic(self) -> AbstractContextManager[None]:
        """Groups what follows (publishing included) into one commit where the backend can; elsewhere it applies in order."""
        ...

    # collections
    def collection(self, name: str) -> Collection | None: ...
    def collections(self) -> list[Collection]: ...
    def save_collection(self, collection: Collection) -> None: ...

    # videos
    def begin(self, video: Video) -> Video:
        """Create this generation, or return it as it is stored. The newest generation of a video is the live one."""
        ...

    def video(self, video_id: str) -> Video | None:
        """The live generation."""
        ...

    def live(self, video_ids: Sequence[str]) -> dict[str, Video]:
        """Of each of these videos that there is, the live generation, all read at once."""
        ...

    def generation(self, ref: VideoRef) -> Video | None: ...

    def generations(self, video_id: str) -> list[VideoRef]:
        """Every generation that the catalog still knows, oldest first."""
        ...

    def videos(self, collections: frozenset[str] | None = None) -> Iterator[Video]:
        """The live videos (of these collections), newest first."""
        ...

    def named(self, name: str) -> list[Video]:
        """The live videos whose title, object name or file name (its last part) this is, newest first. Reads no others."""
        ...

    def move(self, ref: VideoRef, *, to: VideoState, when: frozenset[VideoState], error: str | None = None) -> bool:
        """One transaction: state `to` and `error` if the state is one of `when`. False if not, or if there is no such generation.

        To `ASSEMBLING` only when there is a plan and none of its chunks is open.
        """
        ...

    def commit_plan(self, ref: VideoRef, media: MediaInfo, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Store the plan with all its numbers open, unless one is stored; returns the stored one. Raises `Gone`."""
        ...

    def chunks(self, ref: VideoRef) -> list[Chunk]: ...
    def chunk(self, ref: VideoRef, number: int) -> Chunk | None: ...

    def commit_clips(
        self, ref: VideoRef, number: int, *, video_clip: Clip | None, audio_clip: Clip | None, failure: str | None = None
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
        """Raises `Gone`."""
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

    def save_feedback(self, feedback: Feedback) -> None: ...
    def feedback(self) -> Iterator[Feedback]: ...


# --- index -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The unit of the index: a window of consecutive rows of one chunk, from its row `first_row` on. `number` counts within the chunk.

    Where something is written on the screen while other things are said or seen, the same rows are two moments, one of them `written`,
    so that neither drowns the other. `text` is what its vector is made of; `entries` are those it can be found by.
    """

    ref: VideoRef
    collection: str
    language: str | None
    chunk: int
    number: int
    first_row: int
    rows: tuple[Row, ...]
    written: bool = False

    @property
    def text(self) -> str:
        if self.written:
            return written_text(self.rows)
        return told_text(self.rows) or written_text(self.rows) or any_text(self.rows)

    @property
    def span(self) -> Span:
        return hull(row.span for row in self.rows)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for row in self.rows for entry in row.entries if is_written(entry) or not self.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the index itself filters by. None: everything; an empty `collections` finds nothing. `section`: what a moment must hold."""

    collections: frozenset[str] | None = None
    language: str | None = None
    video_id: str | None = None
    section: Section | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordWeights:
    """How much of a question each of its words carries (together at most 1), and how many words an average moment has."""

    shares: Mapping[str, float]
    average_length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question as an index sees it.

    A moment's strength is on one scale for all questions and indexes of an embedder: its cosine in units of the embedder's
    `spread` above its `unrelated`, plus `lexical` times the share of the question that its words answer (0 when none does),
    plus `hinted` when it holds an entry of `sections`. Every word of every one of `phrases` must be in the moment.
    A `vector` of zeros, read on a scale whose `unrelated` is 0, asks by the words alone.
    `text` is the question itself, for services that look for candidates by models of their own; strengths do not depend on it.
    """

    vector: NDArray[np.float32]
    likeness: Likeness
    words: WordWeights
    text: str = ""
    phrases: tuple[tuple[str, ...], ...] = ()
    sections: frozenset[Section] = frozenset()
    lexical: float = 3.0
    hinted: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A moment found: where it is, and its strength (see `Probe`)."""

    ref: VideoRef
    chunk: int
    number: int
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A moment with its entries, its cosine with the question, and its strength (see `Probe`)."""

    moment: Moment
    similarity: float
    strength: float


class SceneIndex(Protocol):
    """Moments under dense and lexical search at once. Remembers embedder and dimension and refuses others with `IndexMismatch`."""

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """These, and only these, are the moments of this chunk; `vectors` has one row a moment. Searchable on return."""
        ...

    def remove(self, video_id: str, generation: int | None = None) -> None:
        """Drop every moment of the video (or of one generation)."""
        ...

    def clear(self) -> None:
        """Forget every moment, and the embedder: the next `replace` says what the index holds from then on."""
        ...

    def weigh(self, words: Sequence[str]) -> WordWeights:
        """How telling each of these words is in the whole index, whatever the filters of a question leave of it."""
        ...

    def find(self, probe: Probe, filters: Filters, limit: int, per_video: int) -> list[Hit]:
        """The `limit` strongest moments, at most `per_video` of one video, strongest first."""
        ...

    def read(self, refs: Sequence[VideoRef], probe: Probe, limit: int) -> dict[VideoRef, list[Candidate]]:
        """Of each of these videos its (at most) `limit` strongest moments, strongest first; phrases are not asked for."""
        ...


# --- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Likeness:
    """How an embedder's cosines are to be read: what a question and a passage without relation have, and what one step more is worth.

    Cosines of different models lie on different scales, so this belongs to the model and is measured for it. A strength of `even`
    (see `Probe`) is one at which hits and misses are even.
    """

    unrelated: float
    spread: float
    even: float = 6.0

    def score(self, strength: float) -> float:
        """A strength as a score of 0 to 1 that means the same for every question: one half at `even`."""
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, (strength - self.even) / 2))))


class Embedder(Protocol):
    """Query and passage vectors in one multilingual space. `name` and `dimension` identify the space."""

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def likeness(self) -> Likeness: ...
    def queries(self, texts: Sequence[str]) -> Vectors: ...
    def passages(self, texts: Sequence[str]) -> Vectors: ...


class Spending:
    """What models have cost so far for one piece of work, also where nothing came of it. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = Usage()

    def add(self, usage: Usage) -> None:
        with self._lock:
            self._total += usage

    @property
    def total(self) -> Usage:
        return self._total


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInput:
    """What an extractor is given: one clip of one chunk, and what its collection says.

    Models that are paid for add what they cost to `spending` as they go, so that it is known when the work fails.
    """

    clip: Clip
    store: ObjectStore
    profile: Profile
    language: str | None = None
    spending: Spending = field(default_factory=Spending, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What an extractor gives back. Spans are relative to the clip's own start; `pipeline.extract` rebases them.

    `language` is the one that is spoken, as a tag ("ja"), where the extractor knows it.
    `usage` is all that it cost. `rejected` counts the entries that stayed unusable after the model was asked to repair them.
    """

    entries: tuple[Entry, ...]
    digest: str = ""
    language: str | None = None
    model: str
    prompt_version: str = ""
    usage: Usage = field(default_factory=Usage)
    rejected: int = 0


class SectionExtractor(Protocol):
    """A clip in, entries out."""

    @property
    def section(self) -> Section: ...

    @property
    def wants_audio(self) -> bool:
        """Whether it is given the audio-only clip."""
        ...

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """Raises `Skipped`, `Blocked`, `ModelError`, `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The assembled view of a video: what extractive or generative summaries return.

    `speakers` holds the name to use by `speaker_key`: each chunk's model named its speakers alone, so "Speaker 1" of one chunk
    may be "Speaker 2" of the next. Speakers that are not in it keep the name they have.
    """

    summary: str
    important_scenes: tuple[Entry, ...]
    speakers: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


def speaker_key(chunk: int, speaker: str) -> str:
    """How `Digest.speakers` names a speaker as one chunk calls it."""
    return f"{chunk}/{speaker}"


class Summarizer(Protocol):
    """All entries and chunk digests of a video in; summary, important scenes and one name per speaker out."""

    def summarize(self, video: Video, sections: Sequence[SectionRecord], profile: Profile, spending: Spending | None = None) -> Digest:
        """What it costs is added to `spending` as it goes: it is known when it fails. Raises `Blocked`, `ModelError`, `Unavailable`."""
        ...


# --- the scene reader ---


@dataclass(frozen=True, slots=True)
class Window:
    """The rows `first` to before `after` of a passage as one moment of the index, and its cosine with the question."""

    first: int
    after: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive rows of a video in order of time, and the moments of the index that they were found by."""

    rows: tuple[Row, ...]
    windows: tuple[Window, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for row in self.rows for entry in row.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader is given of one video: the neighbourhoods of its strongest moments, whole entries only, in order of time."""

    video: Video
    passages: tuple[Passage, ...]
    profile: Profile


class Waiting(Protocol):
    """Whoever waits for an answer. Models that are paid for ask nothing more once they have left, and end what they are asking."""

    @property
    def left(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def pause(self, seconds: float) -> None:
        """Returns after so many seconds, or as soon as they leave."""
        ...

    def on_leaving(self, stop: Callable[[], object]) -> None:
        """Have `stop` called as soon as they leave, at once if they have."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `language` is the one to answer in; `phrases` must match; `precise` wants no false hit.

    `sections` are those that the question speaks of ("who says …"); `words` and `likeness` tell readers without a model of their own
    how telling each word is and how to read the similarities of passages. Models that are paid for add what they cost to `spending`,
    and raise `AskerLeft` once `asker` has left.
    """

    text: str
    phrases: tuple[str, ...] = ()
    language: str | None = None
    precise: bool = False
    sections: frozenset[Section] = frozenset()
    words: WordWeights = field(default_factory=lambda: WordWeights(shares={}, average_length=1.0))
    likeness: Likeness = Likeness(0.0, 1.0)
    spending: Spending = field(default_factory=Spending, compare=False, repr=False)
    asker: Waiting | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundScene:
    """A reader's answer, before grounding: `quotes` are lines it rests on; `score` 0 to 1, the same scale for all files and questions."""

    span: Span
    description: str
    quotes: tuple[str, ...]
    score: float


class SceneReader(Protocol):
    """A question and metadata text in, scenes out."""

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int:
        """How many files it gains by reading at the same time: many where it waits for a server, one where it computes."""
        ...

    def read(self, question: Question, reading: Reading, *, limit: int, deadline: datetime) -> list[FoundScene]:
        """At most `limit` scenes, best first. Raises `Blocked`, `ModelError`, `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody who watched a scene says: of each criterion of the question whether it is met."""

    criteria: tuple[tuple[str, bool], ...]

    @property
    def met(self) -> float:
        """The share of the criteria that are met, 0 to 1."""
        return sum(yes for _, yes in self.criteria) / len(self.criteria) if self.criteria else 0.0


class SceneWatcher(Protocol):
    """A question and a place in a video in, a verdict out: a model that watches the clip itself."""

    def watch(self, question: Question, video: Video, span: Span, *, deadline: datetime) -> Verdict:
        """Raises `Blocked`, `ModelError`, `Unavailable`."""
        ...


# --- all of them ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The seams that the verbs of ingest work through, as `bootstrap` has chosen them."""

    uploads: ObjectStore
    work: ObjectStore
    publisher: Publisher
    catalog: Catalog
    index: SceneIndex
    embedder: Embedder


class Models(Protocol):
    """One set of models; each is loaded when it is first used."""

    @property
    def embedder(self) -> Embedder: ...
    @property
    def summarizer(self) -> Summarizer: ...
    @property
    def reader(self) -> SceneReader: ...
    def extractor(self, section: Section) -> SectionExtractor: ...

"""What models do: embed, extract, summarise, read and watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import Entry, Section
from scenesearch.moments import Passage
from scenesearch.ports.cancellation import Cancellation
from scenesearch.ports.catalog import Catalog
from scenesearch.ports.index import ScoreScale, Vectors, WordWeights
from scenesearch.ports.objects import ObjectStore
from scenesearch.price import Price
from scenesearch.timeline import Span
from scenesearch.video import Clip, Profile, SectionRecord, Usage, Video

if TYPE_CHECKING:
    from scenesearch.ports.batches import BatchJobs


class Embedder(Protocol):
    """Query and passage vectors in one multilingual space. `name` and `dimension` identify the space."""

    @property
    def name(self) -> str:
        """The model's name; an index that was built with another refuses these vectors."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    @property
    def scale(self) -> ScoreScale:
        """How the cosines of this space are to be read."""
        ...

    def queries(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each question, shape (texts, dimension). Raises `ModelError`, `Unavailable`."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each passage, shape (texts, dimension). Raises `ModelError`, `Unavailable`."""
        ...


class Spending:
    """What models have cost so far for one piece of work, also where nothing came of it. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = Usage()

    def add(self, usage: Usage) -> None:
        """Count one more request."""
        with self._lock:
            self._total += usage

    @property
    def total(self) -> Usage:
        """The sum of what was counted so far."""
        return self._total


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInput:
    """What an extractor is given: one clip of one chunk, and what its collection says.

    Models that are paid for add what they cost to `spending` as they go, so that it is known when the work fails.
    `answer` is what a batch job answered to the request about this very clip (`BatchAnswer.response`), in place of the first request.
    """

    clip: Clip
    store: ObjectStore
    profile: Profile
    language: str | None = None
    spending: Spending = field(default_factory=Spending, compare=False, repr=False)
    price: Price = Price.STANDARD
    answer: bytes | None = None


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
    def section(self) -> Section:
        """The section that it makes."""
        ...

    @property
    def wants_audio(self) -> bool:
        """Whether it is given the audio-only clip instead of the one with pictures."""
        ...

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """The entries of the clip, in seconds from its start; the work must end before `deadline`.

        Raises `Skipped` when there is nothing of this kind in the clip, `Blocked`, `ModelError`, `Unavailable`.
        """
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
        """Sum the video up from its chunk sections, in order of chunk. The cost goes to `spending` as it arises, also when this fails.

        Raises `Blocked`, `ModelError`, `Unavailable`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader is given of one video: the neighbourhoods of its strongest moments, whole entries only, in order of time."""

    video: Video
    passages: tuple[Passage, ...]
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `language` is the one to answer in; `phrases` must match; `precise` wants no false hit.

    `sections` are those that the question speaks of ("who says …"). `words`, `scale` and `vector` (None where no model gave one) tell
    readers without a model of their own how telling each word is, how to read the similarities of passages, and which lines answer.
    Models that are paid for add what they cost to `spending`, and raise `Cancelled` once it is cancelled.
    """

    text: str
    phrases: tuple[str, ...] = ()
    language: str | None = None
    precise: bool = False
    sections: frozenset[Section] = frozenset()
    words: WordWeights = field(default_factory=lambda: WordWeights(shares={}, average_length=1.0))
    scale: ScoreScale = field(default_factory=lambda: ScoreScale(0.0, 1.0))
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    spending: Spending = field(default_factory=Spending, compare=False, repr=False)
    cancellation: Cancellation | None = field(default=None, compare=False, repr=False)


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
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def at_once(self) -> int:
        """How many files to read at the same time: many where it waits for a server, one where it computes."""
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
        """Watch the span of the video and judge it by the question; the work must end before `deadline`.

        Raises `Blocked`, `ModelError`, `Unavailable`.
        """
        ...


class Models(Protocol):
    """One set of models; each is loaded when it is first used."""

    @property
    def embedder(self) -> Embedder:
        """The vector space of texts and questions."""
        ...

    @property
    def summarizer(self) -> Summarizer:
        """What sums a video up."""
        ...

    @property
    def reader(self) -> SceneReader:
        """What finds scenes in metadata text."""
        ...

    @property
    def reads_premises(self) -> bool:
        """Whether scenes are judged by the premises of a profile."""
        ...

    def watcher(self, catalog: Catalog, work: ObjectStore) -> SceneWatcher | None:
        """What watches the clips of found scenes: `catalog` knows them, `work` holds them. None where no model can."""
        ...

    @property
    def batches(self) -> BatchJobs | None:
        """The service's batch jobs; None where there is none."""
        ...

    def extractor(self, section: Section) -> SectionExtractor:
        """The extractor of a chunk section."""
        ...

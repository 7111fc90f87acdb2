"""Videos, their generations, chunks, clips and collections: the state that the pipeline moves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath

from scenesearch.metadata import CHUNK_SECTIONS, Entry, Section
from scenesearch.names import composed
from scenesearch.price import Price
from scenesearch.timeline import Span

DEFAULT_COLLECTION = "default"

LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"
"""A language as people and models name it: "ja", "en-US"."""


class VideoState(StrEnum):
    """Where a video stands. Every video ends `ready` or `failed`."""

    WAITING = "waiting"
    SPLITTING = "splitting"
    EXTRACTING = "extracting"
    ASSEMBLING = "assembling"
    READY = "ready"
    FAILED = "failed"
    REMOVING = "removing"


class SectionState(StrEnum):
    """Where the extraction of one section of one chunk stands."""

    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether nothing more is done for the section."""
        return self is not SectionState.PENDING


@dataclass(frozen=True, slots=True, order=True)
class VideoRef:
    """One generation of one video: what every piece of work is keyed by."""

    video_id: str
    generation: int


@dataclass(frozen=True, slots=True, order=True)
class SectionKey:
    """The key of one unit of extraction work."""

    ref: VideoRef
    chunk: int
    section: Section


@dataclass(frozen=True, slots=True)
class Usage:
    """What work cost: model tokens by modality ("text", "audio", "video", "output"), seconds of compute, US dollars."""

    tokens: Mapping[str, int] = field(default_factory=dict)
    compute_s: float = 0.0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        tokens = {k: self.tokens.get(k, 0) + other.tokens.get(k, 0) for k in sorted({*self.tokens, *other.tokens})}
        return Usage(tokens, self.compute_s + other.compute_s, self.cost_usd + other.cost_usd)


NO_COST = Usage()


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a file. `number` is FFmpeg's, `kind` "video", "audio", "subtitle" or "data"; `note` says why it is (not) used."""

    number: int
    kind: str
    codec: str
    language: str = ""
    title: str = ""
    used: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """From this byte of the file on, so many ticks (of the track's time base) are added to the time stamps of this track."""

    track: int
    position: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file, in bytes, the keyframe lies that is shown at `at_ms`."""

    at_ms: int
    position: int


@dataclass(frozen=True, slots=True)
class Clock:
    """How the time stamps of a file become one clock that never starts again: empty for a file whose own clock is sound.

    `places`: where to begin reading, some 10 s apart, in files that cannot be searched by their time stamps.
    """

    steps: tuple[ClockStep, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of time of which the file holds nothing, and why. In milliseconds; it may lie after the end of what can be read."""

    start_ms: int
    end_ms: int
    reason: str

    def __str__(self) -> str:
        return str(Span(self.start_ms, self.end_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What the container says about itself, and what reading it has shown.

    Codec names as FFmpeg spells them; `timecode` is the source's start, if any; `timecode_rate` the frames a second that it
    counts, where that is known. `video_track`, `audio_track` and `first_track` (the one
    that begins first) are numbers of `tracks`. `sound_changes`: the sound is coded in several ways, one after the other.
    `lost_by_mixing`: adding up its channels loses what is said. `notes`: what was found odd about the file and mended, in sentences.
    """

    container: str
    duration_ms: int
    video_codec: str
    width: int
    height: int
    frame_rate: float
    rotation: int = 0
    audio_codec: str | None = None
    timecode: str | None = None
    timecode_rate: float | None = None
    tracks: tuple[Track, ...] = ()
    video_track: int | None = None
    audio_track: int | None = None
    first_track: int | None = None
    sound_changes: bool = False
    lost_by_mixing: bool = False
    clock: Clock = Clock()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """A file cut for a chunk, in the work bucket. `start_ms` is measured, on the video's clock."""

    object_name: str
    content_type: str
    start_ms: int
    duration_ms: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a video a few minutes long. `failure` says why it could not be cut.

    `silent_clip` has the pictures of `video_clip` alone, where models are paid for sound that they need not hear.
    """

    number: int
    span: Span
    transcode: bool = False
    video_clip: Clip | None = None
    audio_clip: Clip | None = None
    silent_clip: Clip | None = None
    failure: str | None = None

    def clip(self, *, audio: bool) -> Clip | None:
        """The clip that a section is read from: the sound, or the pictures (without their sound, where there is such a clip)."""
        return self.audio_clip if audio else self.silent_clip or self.video_clip


class SubtitleUse(StrEnum):
    """What is done with subtitles: `replace` the transcription of their language, `add` them to it, or `ignore` them."""

    REPLACE = "replace"
    ADD = "add"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Subtitles that were looked at for a section, and what came of them, for people ("replaces the transcription").

    `generation` is that of the file's object; 0 for subtitles inside the video.
    """

    name: str
    generation: int = 0
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionRecord:
    """One section of one chunk as the catalog knows it: its state, its work so far, and its entries on the video's clock.

    `digest` says in a sentence or two what the chunk shows (for `assemble`), `language` what is spoken there. `attempts` counts leases
    taken (real work, not deliveries), `failures` those that ended with a reason: the rest ended with their worker. `track`: the number
    of the file's track that was listened to. Until `batch_until` the section waits for a batch job; once that has passed, it is asked
    about online (None: it has not waited for one).
    `sources` are the subtitles that were looked at.
    """

    key: SectionKey
    state: SectionState = SectionState.PENDING
    reason: str | None = None
    entries: tuple[Entry, ...] = ()
    digest: str = ""
    language: str | None = None
    attempts: int = 0
    failures: int = 0
    leased_until: datetime | None = None
    batch_until: datetime | None = None
    track: int | None = None
    model: str = ""
    prompt_version: str = ""
    usage: Usage = field(default_factory=Usage)
    sources: tuple[Source, ...] = ()

    @property
    def waits_for_batch(self) -> bool:
        """Whether nothing is to be done about the section but to wait for a batch job."""
        return not (self.state.terminal or self.attempts) and self.batch_until is not None and self.batch_until > now()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch job over the clips of many chunks, for one section. `job`: the service's name for it, once it was started.

    Until `starting_until` somebody is at starting it, and nobody else does.
    """

    id: str
    section: Section
    created_at: datetime
    job: str = ""
    starting_until: datetime | None = None

    def may_be_started(self, held: datetime | None = None) -> bool:
        """Whether its job is still to be started, by whoever asks or by somebody who holds that right until `held`."""
        return not self.job and (self.starting_until is None or self.starting_until == held or self.starting_until <= now())


@dataclass(frozen=True, slots=True)
class Gap:
    """A section that a `ready` video lacks, and why. `section` None: all of them. `span`: which time is missing, where that is known."""

    chunk: int
    section: Section | None
    reason: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """One generation of an uploaded object and how far its ingest has come. `audio_track`: the sound track that was asked for, from 1."""

    ref: VideoRef
    bucket: str
    name: str
    collection: str
    title: str
    language: str | None = None
    tags: tuple[str, ...] = ()
    price: Price = Price.STANDARD
    subtitles: SubtitleUse = SubtitleUse.REPLACE
    content_type: str = ""
    size_bytes: int = 0
    audio_track: int | None = None
    created_at: datetime
    updated_at: datetime
    state: VideoState = VideoState.SPLITTING
    error: str | None = None
    media: MediaInfo | None = None
    chunk_count: int = 0
    open_chunks: frozenset[int] = frozenset()
    summary: str = ""
    important_scenes: tuple[Entry, ...] = ()
    gaps: tuple[Gap, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def duration_ms(self) -> int:
        """How long the video is; 0 before its file was read."""
        return self.media.duration_ms if self.media else 0

    def progress(self, finished_sections: int) -> float:
        """0 to 1: the plan, then the share of sections that are terminal (those of closed chunks are); 1 only when the video has ended."""
        if self.state in (VideoState.READY, VideoState.FAILED):
            return 1.0
        if not self.chunk_count:
            return 0.0
        sections = len(CHUNK_SECTIONS)
        done = max(finished_sections, sections * (self.chunk_count - len(self.open_chunks)))
        return 0.05 + 0.9 * done / (sections * self.chunk_count)


@dataclass(frozen=True, slots=True)
class CastMember:
    """Somebody or something that appears, and how to recognise it."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a collection tells the models: languages (BCP 47), cast, and the unsaid rules of its users."""

    languages: tuple[str, ...] = ()
    cast: tuple[CastMember, ...] = ()
    premises: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of videos. Readers and writers are e-mail addresses, `domain:…` or `*`; empty means admins only."""

    name: str
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Somebody's word on a scene: the evaluation set of tomorrow."""

    query: str
    ref: VideoRef
    span: Span
    right: bool
    caller: str
    at: datetime


def media_notes(media: MediaInfo | None, gaps: Sequence[Gap]) -> tuple[str, ...]:
    """What a reader of the metadata text must know: which times are missing and why, and what was odd about the file's clock."""
    missing = [f"Missing, {gap.span}{f', {gap.section.value}' if gap.section else ''}: {gap.reason}" for gap in gaps if gap.span]
    return (*missing, *(f"Note: {note}" for note in (media.notes if media else ())))


def video_id(bucket: str, name: str) -> str:
    """The id of the video that is uploaded as `name` in `bucket`: stable over overwrites, safe in paths and URLs."""
    return "v" + hashlib.sha256(f"{bucket}/{name}".encode()).hexdigest()[:20]


def collection_of(object_name: str) -> str:
    """The collection that an object name says: its first segment, or `default` when there is no slash."""
    first, slash, _ = composed(object_name).partition("/")
    return first if slash and first else DEFAULT_COLLECTION


def title_of(object_name: str) -> str:
    """The default title: the file's name without its extension."""
    path = PurePosixPath(composed(object_name))
    return path.stem or path.name


def base_language(tag: str | None) -> str | None:
    """The language of a tag without its region, as the index knows it ("en" of "en-US"); None for what is no tag."""
    return tag.partition("-")[0].lower() if tag and re.match(LANGUAGE_TAG, tag) else None


def now() -> datetime:
    """The current time in UTC: the one clock of catalog and index."""
    return datetime.now(UTC)


def work_prefix(ref: VideoRef) -> str:
    """Where everything derived from this generation lies in the work bucket; `remove` sweeps it."""
    return f"{ref.video_id}/{ref.generation}/"

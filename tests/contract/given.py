"""What the contract suites store: full of everything that a document can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TypeVar

from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.timeline import Span
from scenesearch.video import Chunk, Clip, MediaInfo, SectionKey, SectionRecord, SectionState, Usage, Video, VideoRef

T = TypeVar("T")

BEGUN = datetime(2026, 11, 3, 9, 30, 15, 123456, tzinfo=UTC)
MEDIA = MediaInfo(
    container="mov,mp4",
    duration_ms=600_000,
    video_codec="h264",
    width=1280,
    height=720,
    frame_rate=29.97,
    rotation=90,
    audio_codec="aac",
    timecode="01:00:00:00",
)
CLIP = Clip("v1/1/chunk-0.mp4", "video/mp4", start_ms=12, duration_ms=300_000, size_bytes=4_000_000)


def a_ref(video_id: str = "v1", generation: int = 1) -> VideoRef:
    return VideoRef(video_id, generation)


def a_video(ref: VideoRef | None = None, *, collection: str = "default", begun: datetime = BEGUN) -> Video:
    ref = ref or a_ref()
    return Video(
        ref=ref,
        bucket="uploads",
        name=f"{collection}/夏祭り 🎆 {ref.video_id}.mp4",
        collection=collection,
        title=f"夏祭り 🎆 {ref.video_id}",
        language="ja",
        tags=("festival", "夜"),
        content_type="video/mp4",
        size_bytes=123_456_789,
        created_at=begun,
        updated_at=begun,
    )


def chunks(count: int, *, seconds: int = 300) -> list[Chunk]:
    length = seconds * 1000
    return [Chunk(number=n, span=Span(n * length, (n + 1) * length), transcode=n % 2 == 1) for n in range(count)]


def entries(text: str = "the red car") -> tuple[Entry, ...]:
    return (
        Entry(section=Section.TRANSCRIPTION, span=Span(0, 900), text=text, speaker="Mika"),
        Entry(
            section=Section.TEXTS,
            span=Span(100, 5000),
            text="STOP / 止まれ",
            lines=("STOP", "止まれ"),
            layout=Layout("bottom center", (0.1, 0.8, 0.5, 0.15), "vertical"),
            kind=TextKind.CAPTION,
        ),
        Entry(section=Section.VISUAL_INFO, span=Span(0, 3000), text='"quoted"\n\\ and \u2028 odd', subject_scale=0.25),
    )


def a_key(ref: VideoRef | None = None, chunk: int = 0, section: Section = Section.TEXTS) -> SectionKey:
    return SectionKey(ref or a_ref(), chunk, section)


def a_record(key: SectionKey | None = None, state: SectionState = SectionState.DONE, text: str = "the red car") -> SectionRecord:
    return SectionRecord(
        key=key or a_key(),
        state=state,
        reason=None if state is SectionState.DONE else "no speech",
        entries=entries(text),
        digest="A car passes.",
        attempts=1,
        failures=0,
        model="a model 1.0",
        prompt_version="3",
        usage=Usage({"video": 1200, "output": 40}, compute_s=1.5, cost_usd=0.0021),
    )


def soon() -> timedelta:
    """A lease short enough to see its end."""
    return timedelta(seconds=0.2)


def long() -> timedelta:
    return timedelta(minutes=15)


def noise(size: int) -> bytes:
    """The same bytes every time, without a pattern."""
    return hashlib.shake_256(b"scenesearch").digest(size)


def together(count: int, work: Callable[[int], T]) -> Sequence[T]:
    """`work(0) … work(count - 1)`, all begun at the same moment in as many threads; their results in order."""
    gate = Barrier(count)

    def begun_with_the_others(number: int) -> T:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begun_with_the_others, range(count)))

"""A video as people and programs see it: the same fields in the API and on the command line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath

from pydantic import BaseModel

from scenesearch.errors import InvalidRequest, VideoNotFound
from scenesearch.metadata import CHUNK_SECTIONS, Entry, MetadataText, Section
from scenesearch.names import composed
from scenesearch.ports import Catalog
from scenesearch.price import Price
from scenesearch.timeline import format_timestamp
from scenesearch.video import SectionState, Source, Usage, Video, VideoState, media_notes

BATCH_JOB = "a batch job (half price, within a day)"
"""What videos at the batch price wait for."""


class GapView(BaseModel):
    """What is missing and why. `section` null: all of them. `timestamp`: which time is missing, where that is known."""

    chunk: int
    section: Section | None
    reason: str
    timestamp: str | None = None


class TrackView(BaseModel):
    """One stream of the file: `number` from 0, `kind` video, audio, subtitle or data; `note` says why it is (not) used."""

    number: int
    kind: str
    codec: str
    language: str
    title: str
    used: bool
    note: str


class VideoView(BaseModel):
    """One live video. `name` is its object's; `progress` 0 to 1; `duration` in seconds.

    `waits_for`: what makes it take long though nothing is wrong.
    """

    video_id: str
    title: str
    name: str
    collection: str
    state: VideoState
    progress: float
    gaps: list[GapView]
    error: str | None
    duration: float
    waits_for: str | None = None


class SceneView(BaseModel):
    """An important scene: `start` and `end` in seconds."""

    timestamp: str
    start: float
    end: float
    description: str


class EntryView(BaseModel):
    """One timed line: `start` and `end` in seconds, `box` in fractions of the frame, `language` that of a translation."""

    section: Section
    start: float
    end: float
    text: str
    speaker: str | None = None
    language: str | None = None
    lines: list[str] = []
    position: str | None = None
    box: tuple[float, float, float, float] | None = None


class StageView(BaseModel):
    """How far one section is over all chunks, and what made it: models, and subtitles with their use. `waiting`: for a batch job."""

    section: Section
    done: int
    of: int
    waiting: int = 0
    models: list[str]
    sources: list[str] = []


class VideoDetails(VideoView):
    """A video with what was found out about it."""

    language: str | None
    tags: list[str]
    created_at: datetime
    size_bytes: int
    summary: str
    important_scenes: list[SceneView]
    stages: list[StageView]
    usage: Usage
    tracks: list[TrackView] = []
    notes: list[str] = []


def view(video: Video, catalog: Catalog) -> VideoView:
    """The short form, for lists. Only of a video that is being worked on something more is looked up."""
    at_work = video.chunk_count and video.state in (VideoState.SPLITTING, VideoState.EXTRACTING)
    return _view(video, catalog.finished_sections(video.ref) if at_work else 0)


def _view(video: Video, finished_sections: int) -> VideoView:
    return VideoView(
        video_id=video.ref.video_id,
        title=video.title,
        name=video.name,
        collection=video.collection,
        state=video.state,
        progress=round(video.progress(finished_sections), 3),
        gaps=[
            GapView(chunk=gap.chunk, section=gap.section, reason=gap.reason, timestamp=str(gap.span) if gap.span else None)
            for gap in video.gaps
        ],
        error=video.error,
        duration=video.duration_ms / 1000,
        waits_for=BATCH_JOB if video.price is Price.BATCH and video.state is VideoState.EXTRACTING else None,
    )


def details(video: Video, catalog: Catalog) -> VideoDetails:
    """The long form, with progress and models per section."""
    records = catalog.sections(video.ref)
    stages = [
        StageView(
            section=section,
            done=sum(r.key.section is section and r.state is not SectionState.PENDING for r in records),
            of=video.chunk_count,
            waiting=sum(r.key.section is section and r.waits_for_batch for r in records),
            models=sorted({r.model for r in records if r.key.section is section and r.model}),
            sources=list(dict.fromkeys(_source(source) for r in records if r.key.section is section for source in r.sources)),
        )
        for section in CHUNK_SECTIONS
    ]
    return VideoDetails(
        **_view(video, sum(stage.done for stage in stages)).model_dump(),
        language=video.language,
        tags=list(video.tags),
        created_at=video.created_at,
        size_bytes=video.size_bytes,
        summary=video.summary,
        important_scenes=[scene_view(e) for e in video.important_scenes],
        stages=stages,
        usage=video.usage,
        tracks=[TrackView(**asdict(track)) for track in (video.media.tracks if video.media else ())],
        notes=list(video.media.notes) if video.media else [],
    )


def _source(source: Source) -> str:
    return f"{PurePosixPath(source.name).name}: {source.use}"


def scene_view(entry: Entry) -> SceneView:
    """An important scene for the outside."""
    return SceneView(timestamp=str(entry.span), start=entry.span.start_s, end=entry.span.end_s, description=entry.text)


def entry_view(entry: Entry) -> EntryView:
    """A timed line for the outside."""
    return EntryView(
        section=entry.section,
        start=entry.span.start_s,
        end=entry.span.end_s,
        text=entry.text,
        speaker=entry.speaker,
        language=entry.language,
        lines=list(entry.lines),
        position=entry.layout.position if entry.layout else None,
        box=entry.layout.box if entry.layout else None,
    )


def metadata_text(video: Video, catalog: Catalog) -> MetadataText:
    """All five sections of a video as the catalog has them now (also of one that is still being worked on)."""
    return MetadataText(
        video.summary,
        video.important_scenes,
        [e for r in catalog.sections(video.ref) for e in r.entries],
        media_notes(video.media, video.gaps),
    )


def entries(video: Video, catalog: Catalog) -> list[EntryView]:
    """All timed lines of a video for the outside, in order of section and time."""
    content = metadata_text(video, catalog)
    return [entry_view(entry) for section in Section if section is not Section.SUMMARY for entry in content.of(section)]


def find(wanted: str, catalog: Catalog) -> Video:
    """Return the live video with this id, else the only one of this title or object name, else the only one of this file name.

    Raises `VideoNotFound` and, when several fit, `InvalidRequest`.
    """
    if (video := catalog.video(wanted)) is not None:
        return video
    fits = catalog.named(wanted)
    fits = [one for one in fits if composed(wanted) in {composed(one.title), composed(one.name)}] or fits
    if len(fits) > 1:
        ids = ", ".join(f"{v.ref.video_id} ({v.name})" for v in fits)
        raise InvalidRequest(f"{wanted!r} fits {len(fits)} videos, name one by its id: {ids}")
    if not fits:
        raise VideoNotFound(f"there is no video {wanted!r}: `scenesearch videos` lists them")
    return fits[0]


def state_in_words(video: VideoView) -> str:
    """`ready, 2 gaps`, `extracting 40%`, `failed: …`."""
    if video.state is VideoState.FAILED:
        return f"failed: {video.error}"
    if video.state is VideoState.READY:
        return "ready" + (f", {len(video.gaps)} gap{'s'[: len(video.gaps) != 1]}" if video.gaps else "")
    if video.state is VideoState.WAITING:
        return f"waiting: {video.error}"
    return f"{video.state} {video.progress:.0%}" + (f", waits for {video.waits_for}" if video.waits_for else "")


def duration_in_words(video: VideoView) -> str:
    """`MM:SS`, or a dash while it is not known."""
    return format_timestamp(round(video.duration * 1000)) if video.duration else "–"

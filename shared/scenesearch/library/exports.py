"""Take a scene away as a file: the extension of its name says what is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from scenesearch.errors import NO_SPACE, InvalidRequest, InvalidSpan, NotFound, StorageFull, TooLarge
from scenesearch.library.captions import to_srt, to_vtt
from scenesearch.library.views import metadata_text
from scenesearch.metadata import Entry, MetadataText, Section
from scenesearch.ports import Catalog, ObjectStore
from scenesearch.timeline import Span, format_timestamp
from scenesearch.video import Video

END_TOLERANCE_MS = 1000
"""Times that people read are whole seconds: an end this little after the video's is the video's end."""


LONGEST_EXACT_MS = 3_600_000
"""The longest clip that is encoded anew: an hour of 1080p takes about 20 minutes of two cores."""

LARGEST_BYTES = 4_000_000_000
"""The largest export, by the share of the video that it is: it lies on the disk (in the cloud: in memory files of the instance) first."""


@dataclass(frozen=True, slots=True)
class Take:
    """What is exported: a span of a video, and where its bytes and its entries come from.

    `exact` cuts an MP4 at the very frame (and encodes it anew); else packets are copied from the keyframe before.
    """

    video: Video
    span: Span
    exact: bool
    uploads: ObjectStore
    catalog: Catalog
    progress: Callable[[float], object] = lambda share: None

    def entries(self, *sections: Section) -> list[Entry]:
        """The entries of these sections that overlap the span, in order of time."""
        content = metadata_text(self.video, self.catalog)
        return [entry for section in sections for entry in content.of(section) if entry.span.overlaps(self.span)]


def export_clip(
    video: Video,
    span: Span,
    to: Path,
    *,
    uploads: ObjectStore,
    catalog: Catalog,
    exact: bool = True,
    progress: Callable[[float], object] = lambda share: None,
) -> Span:
    """Write the span as `to` (whole or not at all) and return what it covers: longer than asked where it starts at a keyframe.

    `progress` is told how far it is (0 to 1); what it raises ends the export.

    Raises:
        InvalidSpan: the span is not inside the video.
        InvalidRequest: the extension is unknown, `to` cannot be written, or the video cannot be exported this way.
        NotFound: the video is not there any more, or has nothing of this kind in the span.
        UnreadableMedia: the video cannot be read there.
        StorageFull: no space is left.
        TooLarge: it would be longer, or take more bytes, than one export may.
    """
    made = FORMATS.get(to.suffix.lower())
    if made is None:
        raise InvalidRequest(f"{to.name!r} has no known extension: use one of {' '.join(FORMATS)}")
    take = Take(
        video, check_export(video, span, exact=exact) if made.write is _clip else _inside(span, video), exact, uploads, catalog, progress
    )
    if not to.parent.is_dir():
        raise InvalidRequest(f"there is no folder {str(to.parent)!r} to write {to.name!r} into: make it first")
    draft = to.with_name(f".{uuid4().hex}{to.suffix}")
    try:
        covered = made.write(take, draft)
        draft.replace(to)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise StorageFull(f"no space left to write {str(to)!r}: free some, then export again") from error
        raise InvalidRequest(f"{str(to)!r} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return covered


def check_export(video: Video, span: Span, *, exact: bool) -> Span:
    """The span of a clip, inside the video; what nobody should wait for is refused before it begins.

    Raises `InvalidSpan`, `InvalidRequest`, `TooLarge`.
    """
    span = _inside(span, video)
    expected = video.size_bytes * span.duration_ms // max(1, video.duration_ms)
    if exact and span.duration_ms > LONGEST_EXACT_MS:
        raise TooLarge(
            f"a frame-accurate clip lasts {LONGEST_EXACT_MS // 60_000} minutes at most, and {span} is longer: export it in parts, or "
            "copy it from the keyframe before (`exact`: false)"
        )
    if expected > LARGEST_BYTES:
        raise TooLarge(f"{span} is about {expected / 1e9:.1f} GB; an export has {LARGEST_BYTES / 1e9:.0f} at most: export it in parts")
    return span


def _inside(span: Span, video: Video) -> Span:
    if video.media is None:
        raise InvalidRequest(f"{video.title!r} has not been read yet: wait until its state is at least `extracting`")
    length = video.duration_ms
    if span.start_ms >= length or span.end_ms > length + END_TOLERANCE_MS:
        raise InvalidSpan(f"{span} is not inside {video.title!r}, which ends at {format_timestamp(length)} ({length / 1000:.3f} s)")
    return Span(span.start_ms, min(span.end_ms, length))


def _clip(take: Take, to: Path) -> Span:
    from scenesearch.media.isolated import exported_clip

    with take.uploads.open(take.video.name, take.video.ref.generation) as source:
        return exported_clip(source, take.span, to, take.video.media, exact=take.exact, progress=take.progress)


def _still(take: Take, to: Path) -> Span:
    from PIL import Image

    from scenesearch.media.isolated import frame_meant

    with take.uploads.open(take.video.name, take.video.ref.generation) as source:
        Image.fromarray(frame_meant(source, take.span.start_ms, take.video.media).image).save(to, "PNG")
    return take.span


def _subtitles(write: Callable[[list[Entry], Span], str]) -> Callable[[Take, Path], Span]:
    def export(take: Take, to: Path) -> Span:
        said = take.entries(Section.TRANSCRIPTION)
        if not said:
            raise NotFound(f"nothing is said between {take.span} of {take.video.title!r}: there are no subtitles to export")
        to.write_text(write(said, take.span), encoding="utf-8")
        return take.span

    return export


def _text(take: Take, to: Path) -> Span:
    entries = take.entries(Section.VISUAL_INFO, Section.TRANSCRIPTION, Section.TEXTS)
    to.write_text(MetadataText(important_scenes=take.entries(Section.IMPORTANT_SCENES), entries=entries).render(), encoding="utf-8")
    return take.span


def _edit_list(take: Take, to: Path) -> Span:
    from scenesearch.library.edit_lists import write_edit_list

    write_edit_list(take.video, take.span, to)
    return take.span


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file. `label` is its name for people, `group` says beside which others the page offers it."""

    write: Callable[[Take, Path], Span]
    label: str
    group: Literal["clip", "still", "subtitles", "editors"]


FORMATS: Mapping[str, Format] = {
    ".mp4": Format(_clip, "MP4", "clip"),
    ".png": Format(_still, "PNG", "still"),
    ".vtt": Format(_subtitles(to_vtt), "WebVTT", "subtitles"),
    ".srt": Format(_subtitles(to_srt), "SRT", "subtitles"),
    ".txt": Format(_text, "TXT", "subtitles"),
    ".otio": Format(_edit_list, "OTIO", "editors"),
    ".edl": Format(_edit_list, "EDL", "editors"),
}
"""What can be exported, by extension: the one table of the command line, the API and the page."""

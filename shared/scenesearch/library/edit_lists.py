"""A scene for editing programs: OpenTimelineIO, or a CMX 3600 edit list, with the source's own timecode."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from scenesearch.errors import InvalidRequest
from scenesearch.media.frame_grid import end_frame, first_frame
from scenesearch.metadata import one_line
from scenesearch.timeline import Span
from scenesearch.video import Video

REEL_LENGTH = 32
"""Longer reel names are cut: CMX 3600 allows 8, today's programs 32."""


TIMECODE_RATES = (24.0, 25.0, 30.0, 24000 / 1001, 30000 / 1001, 48.0, 50.0, 60.0, 60000 / 1001)
"""Frames a second that timecode is counted in (SMPTE ST 12), in the order in which they are tried."""


def write_edit_list(video: Video, span: Span, to: Path) -> None:
    """Write a timeline with this one scene. The source starts at the file's timecode, or at zero where it carries none.

    Raises `InvalidRequest` when the video has no frame rate, or this Python is too new for the timeline library.
    """
    try:
        import opentimelineio as otio
    except ModuleNotFoundError as error:
        raise InvalidRequest("edit lists need opentimelineio, which has no release for this Python yet: use 3.11 to 3.13") from error

    if video.media is None or not video.media.frame_rate:
        raise InvalidRequest(f"{video.title!r} has no frame rate: it cannot be put on an editor's timeline")
    own = video.media.frame_rate
    real = _timecode_rate(own) if to.suffix == ".edl" else own
    drop = ";" in (video.media.timecode or "")
    rate = real if drop or to.suffix != ".edl" else float(round(real))  # without drop, frames of 29.97 are labelled as of 30
    zero = _zero(video.media.timecode, video.media.timecode_rate or _timecode_rate(own), rate)

    def frames(count: float) -> Any:
        return otio.opentime.RationalTime(round(count), rate)

    file_name = PurePosixPath(video.name).name
    source = otio.schema.ExternalReference(
        target_url=file_name,
        available_range=otio.opentime.TimeRange(zero, frames(end_frame(video.duration_ms, real))),
        metadata={"scenesearch": {"video_id": video.ref.video_id}},
    )
    source.name = file_name
    first, end = frames(first_frame(span.start_ms, own) * real / own), frames(end_frame(span.end_ms, real))
    length = max(end - first, otio.opentime.RationalTime(1, rate))
    reel = "".join(c if c.isascii() and c.isalnum() else "_" for c in PurePosixPath(video.name).stem)[:REEL_LENGTH] or "AX"
    clip = otio.schema.Clip(
        name=one_line(video.title),
        media_reference=source,
        source_range=otio.opentime.TimeRange(zero + first, length),
        metadata={"cmx_3600": {"reel": reel}},
    )
    timeline = otio.schema.Timeline(name=f"{one_line(video.title)} {span}")
    timeline.global_start_time = otio.opentime.RationalTime(0, rate)
    timeline.tracks.append(otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video, children=[clip]))
    if to.suffix == ".edl":
        title, events = otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate).split("\n", 1)
        counting = "DROP FRAME" if drop else "NON-DROP FRAME"
        to.write_text(f"{title}\nFCM: {counting}\n{events}", encoding="utf-8")
    else:
        to.write_text(otio.adapters.write_to_string(timeline, "otio_json"), encoding="utf-8")


def _timecode_rate(rate: float) -> float:
    """The rate that an edit list counts frames in: the video's own, a multiple of it, or 30 where none has timecode."""
    return next((counted for counted in TIMECODE_RATES if abs(counted / rate - max(1, round(counted / rate))) < 0.0005), 30.0)


def _zero(timecode: str | None, counted: float, rate: float) -> Any:
    """The time of the source's first frame, in `rate`; its timecode counts in `counted` frames a second."""
    import opentimelineio as otio

    if timecode:
        try:
            label = otio.opentime.from_timecode(timecode, counted)
            return otio.opentime.RationalTime(round(label.value * round(rate) / round(counted)), rate)
        except ValueError:
            pass  # not a timecode that counts in this rate: the file's own clock is all there is
    return otio.opentime.RationalTime(0, rate)

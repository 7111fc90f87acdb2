"""A scene for editing programs: OpenTimelineIO, or a CMX 3600 edit list, with the source's own timecode."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from scenesearch.errors import InvalidRequest
from scenesearch.metadata import one_line
from scenesearch.timeline import Span
from scenesearch.video import Video

REEL_LENGTH = 32
"""Longer reel names are cut: CMX 3600 allows 8, today's programs 32."""


def write_edit_list(video: Video, span: Span, to: Path) -> None:
    """Write a timeline with this one scene. The source starts at the file's timecode, or at zero where it carries none.

    Raises `InvalidRequest` when the video's frame rate has no timecode (EDL only).
    """
    import opentimelineio as otio

    if video.media is None or not video.media.frame_rate:
        raise InvalidRequest(f"{video.title!r} has no frame rate: it cannot be put on an editor's timeline")
    rate = _timecode_rate(video.media.frame_rate) if to.suffix == ".edl" else video.media.frame_rate
    zero = _zero(video.media.timecode, rate)

    def at(ms: int) -> Any:
        return otio.opentime.RationalTime(round(ms * rate / 1000), rate)

    file_name = PurePosixPath(video.name).name
    source = otio.schema.ExternalReference(
        target_url=file_name,
        available_range=otio.opentime.TimeRange(zero, at(video.duration_ms)),
        metadata={"scenesearch": {"video_id": video.ref.video_id}},
    )
    source.name = file_name
    first, end = at(span.start_ms), at(span.end_ms)
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
        to.write_text(otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate), encoding="utf-8")
    else:
        to.write_text(otio.adapters.write_to_string(timeline, "otio_json"), encoding="utf-8")


def _timecode_rate(rate: float) -> float:
    import opentimelineio as otio

    nearest = float(otio.opentime.RationalTime.nearest_valid_timecode_rate(rate))
    if abs(nearest - rate) > 0.02 * rate:
        raise InvalidRequest(f"an edit list counts frames, and {rate:g} frames a second has no timecode: export .otio or .mp4 instead")
    return nearest


def _zero(timecode: str | None, rate: float) -> Any:
    """The time of the source's first frame."""
    import opentimelineio as otio

    if timecode:
        try:
            return otio.opentime.from_timecode(timecode, _timecode_rate(rate)).rescaled_to(rate)
        except (ValueError, InvalidRequest):
            pass  # not a timecode that counts in this rate: the file's own clock is all there is
    return otio.opentime.RationalTime(0, rate)

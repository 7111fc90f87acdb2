"""What the plan learns of a file's time: its end, where it can be cut, its clock, and what of it is missing.

A file with an index that can be trusted is asked as little as that allows. Any other is read through once, packet by packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from scenesearch.media.clock import RESTARTING, Timekeeper, holes, set_to_one_clock, steps_of
from scenesearch.media.codecs import COPYABLE_VIDEO
from scenesearch.media.keyframes import APART_MS, IndexedKeyframes, Keyframes, ListedKeyframes, ProbedKeyframes, span_ms, timed
from scenesearch.media.parameters import SteadyStream
from scenesearch.media.source import OpenVideo, stamp_of, time_base
from scenesearch.video import Clock, ClockStep, Missing, Place

if TYPE_CHECKING:
    from av.stream import Stream

    from scenesearch.media.clock import Run

TAIL_MS = 5_000
"""The last packets of a file are looked for in its last seconds: headers of streams and cut-off files are not to be believed."""

READ_THROUGH_BYTES = 48_000_000
"""A file up to this size (in bytes) is read through whatever it is: that takes a tenth of a second, and shows all that may be wrong."""

CUT_SHORT_MS = 1_500
"""How long before the end that its header states a file may end without being called cut short: rounding makes less."""

PLACES_APART_MS, MAX_PLACES = 10_000, 500
"""How far apart the places are where reading a file without a sound clock may begin, and how many the catalog keeps of one video."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Where a file can be cut, how its clock is mended, what it lacks, and what is odd about it.

    `sound_changes`: its sound is coded in several ways, one after the other.
    """

    keyframes: Keyframes
    clock: Clock = field(default_factory=Clock)
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    sound_changes: bool = False


def survey_of(video: OpenVideo) -> Survey:
    """The cheapest reliable way for this file: its header's index, else seek probes, else one pass over all packets."""
    stated_ms = video.stated_duration_ms
    indexed = video.format.startswith("mov") and stated_ms is not None and _index_covers(video, stated_ms)
    restarting = video.container_name in RESTARTING
    if stated_ms is None or restarting or (not indexed and video.size_bytes <= READ_THROUGH_BYTES):
        return _read_through(video)
    if indexed:
        end_ms, missing = _lost_beyond_the_end(video, stated_ms)
    else:
        end_ms = _measured_end_ms(video, stated_ms)
        if end_ms <= 0:
            return _read_through(video)
        missing = _cut_short(end_ms, stated_ms)
    if video.video.codec.canonical_name not in COPYABLE_VIDEO:
        return Survey(ListedKeyframes([], [], end_ms, video.size_bytes), missing=missing)
    keyframes = IndexedKeyframes.read(video, end_ms) if indexed else ProbedKeyframes(video, end_ms)
    return Survey(keyframes, missing=missing)


def _cut_short(end_ms: int, stated_ms: int) -> tuple[Missing, ...]:
    if 0 < end_ms < stated_ms - CUT_SHORT_MS:
        return (Missing(end_ms, stated_ms, "the file is cut short: it promises to last until then, but what it holds ends here"),)
    return ()


def _index_covers(video: OpenVideo, duration_ms: int) -> bool:
    """Whether the index of an MP4 lists the file to its end (that of a fragmented one does not), for one of its tracks."""
    tracks = [stream for stream in streams_of(video) if len(stream.index_entries)]
    return len(video.video.index_entries) > 0 and any(
        video.at_ms(stream.index_entries[-1].timestamp, stream) >= duration_ms - TAIL_MS for stream in tracks
    )


def _lost_beyond_the_end(video: OpenVideo, stated_ms: int) -> tuple[int, tuple[Missing, ...]]:
    """Where the file ends of which the index of an MP4 tells, and what lies beyond the file's last byte."""
    lost = {stream.type: at for stream in streams_of(video) if (at := _first_lost_ms(video, stream)) is not None}
    if len(lost) == len(streams_of(video)):
        end_ms = max(0, min(max(lost.values()), stated_ms))
        return end_ms, _cut_short(end_ms, stated_ms)
    reason = "the file is cut short: its {} ends here"
    return stated_ms, tuple(
        Missing(max(0, at), stated_ms, reason.format("sound" if kind == "audio" else "picture"))
        for kind, at in lost.items()
        if at < stated_ms - CUT_SHORT_MS
    )


def _first_lost_ms(video: OpenVideo, stream: Stream) -> int | None:
    entries = stream.index_entries
    if not len(entries) or entries[-1].pos + entries[-1].size <= video.size_bytes:
        return None
    return next(video.at_ms(entry.timestamp, stream) for entry in entries if entry.pos + entry.size > video.size_bytes)


def _measured_end_ms(video: OpenVideo, stated_ms: int) -> int:
    """Return the end of the last packet."""
    video.seek(max(0, stated_ms - TAIL_MS))
    return max((span_ms(video, packet)[1] for packet in timed(video, *streams_of(video))), default=0)


def streams_of(video: OpenVideo) -> tuple[Stream, ...]:
    """The pictures, and the sound if there is any."""
    return (video.video, video.audio) if video.audio else (video.video,)


@dataclass(frozen=True, slots=True)
class _SeenKeyframe:
    run: Run
    stamp: int
    size: int
    position: int


def _read_through(video: OpenVideo) -> Survey:
    """Reads every packet once."""
    streams = streams_of(video)
    keepers = {stream.index: Timekeeper(stream.index, time_base(stream)) for stream in streams}
    pictures, seen, size, position, number = video.video.index, list[_SeenKeyframe](), 0, 0, 0
    steady, sound_changes = SteadyStream(video.audio) if video.audio else None, False
    apart = round(Fraction(APART_MS, 1000) / time_base(video.video))
    video.seek(0)
    for number, packet in enumerate(video.packets(*streams)):
        shown, length = stamp_of(packet), packet.size
        if shown is None:
            continue
        track, at = packet.stream_index, packet.pos
        position = at if at is not None and at >= 0 else position
        keeper = keepers[track]
        keeper.see(number, position, packet.dts, shown, packet.duration or 0)
        if track == pictures and packet.is_keyframe:
            run = keeper.runs[-1]
            if not seen or seen[-1].run is not run or shown >= seen[-1].stamp + apart:
                seen.append(_SeenKeyframe(run, shown, size, position))
        elif track != pictures and steady and not sound_changes:
            sound_changes = steady.changed(packet)
        size += length
    notes = set_to_one_clock(keepers.values(), container=video.container_name)
    steps = steps_of(keepers.values())
    end_ms = max((_at_ms(video, run, run.end) for keeper in keepers.values() for run in keeper.runs), default=0)
    keyframes = _in_order([(_at_ms(video, each.run, each.stamp), each) for each in seen])
    listed = ListedKeyframes([at for at, _ in keyframes], [each.size for _, each in keyframes], end_ms, size)
    if video.video.codec.canonical_name not in COPYABLE_VIDEO:
        listed = ListedKeyframes([], [], end_ms, size)
    return Survey(listed, _clock(steps, keyframes), _missing(video, list(keepers.values()), end_ms, steps), tuple(notes), sound_changes)


def _missing(video: OpenVideo, keepers: list[Timekeeper], end_ms: int, steps: tuple[ClockStep, ...]) -> tuple[Missing, ...]:
    zero = float(video.zero)
    found = [
        Missing(max(0, round((start - zero) * 1000)), round((end - zero) * 1000), "nothing was recorded then, or the file has lost it")
        for start, end in holes(keepers)
        if end > zero
    ]
    stated_ms = video.stated_duration_ms
    trusted = stated_ms is not None and not steps and video.container_name not in RESTARTING - {"flv"}
    return (*found, *(_cut_short(end_ms, stated_ms) if trusted and stated_ms is not None else ()))


def _at_ms(video: OpenVideo, run: Run, stamp: int) -> int:
    """A stamp of this run, on the video's clock."""
    stream: Stream = video.container.streams[run.track]
    return video.at_ms(stamp + round(run.shift_s / run.base), stream)


def _in_order(keyframes: Sequence[tuple[int, _SeenKeyframe]]) -> list[tuple[int, _SeenKeyframe]]:
    """Without those that would be shown before an earlier one of the file, or at the same time."""
    kept: list[tuple[int, _SeenKeyframe]] = []
    for at_ms, each in keyframes:
        if not kept or at_ms > kept[-1][0]:
            kept.append((at_ms, each))
    return kept


def _clock(steps: tuple[ClockStep, ...], keyframes: Sequence[tuple[int, _SeenKeyframe]]) -> Clock:
    if not steps:
        return Clock()
    apart_ms = max(PLACES_APART_MS, (keyframes[-1][0] if keyframes else 0) // MAX_PLACES)
    places: list[Place] = []
    for at_ms, each in keyframes:
        if at_ms > 0 and (not places or at_ms >= places[-1].at_ms + apart_ms):
            places.append(Place(at_ms, each.position))
    return Clock(steps, tuple(places))

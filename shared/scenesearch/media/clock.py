"""Give every video one clock, even where that of the file restarts or jumps: the plan computes it once, from the times of packets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from scenesearch.timeline import format_timestamp
from scenesearch.video import Clock, ClockStep

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

BACK_S, REORDERED = 0.3, 17
"""Decoding times that go back by more than this many seconds are a clock that starts again; less is rounding.

Where a container has no decoding times yet, they must go back by more than so many pictures (H.264 and HEVC hold back 16 at most).
"""

AHEAD_S = 1.0
"""The seconds above which a leap of decoding times is examined: it is a jump of the clock, a still picture, or a gap."""

TOGETHER_S = 1.5
"""The difference in seconds below which two tracks leap together: then the clock jumped, and no track paused."""

NEAR_S = 5.0
"""How many seconds apart tracks that leap together may leap: containers interleave loosely."""

ALONE_S = 10.0
"""A leap of the only track there is counts as a jump of the clock from here on (FFmpeg's `dts_delta_threshold`)."""

APART_S = 5.0
"""A picture that would be shown so many seconds apart from when it is decoded has one of these times from the other side of a joint."""

MAX_RUNS = 2_000
"""The most runs of a track: one with more breaks is damaged beyond repair. It bounds what a plan stores in memory and the catalog."""

RESTARTING = frozenset({"mpegts", "mpeg", "flv", "ogg"})
"""Containers without a clock of their own: recordings in them are joined and spliced as they are, and their clocks leap ahead."""


@dataclass(slots=True)
class Run:
    """A stretch of one track's packets whose times follow each other, in ticks of the track.

    `first` and `last` count the packets of the file; `position` is where it begins, in bytes. `start` and `next`: when its first packet
    is decoded, and when one after its last would be. `begin` and `end`: from when until when it is shown or heard.
    """

    track: int
    base: Fraction
    position: int
    first: int
    start: int
    next: int
    begin: int
    end: int
    last: int
    shift_s: float = 0.0

    @property
    def start_s(self) -> float:
        """When the run begins, in seconds on the file's own clock."""
        return float(self.start * self.base)

    @property
    def next_s(self) -> float:
        """When its next packet would be due, in seconds on the file's own clock."""
        return float(self.next * self.base)

    @property
    def begin_s(self) -> float:
        """From when it is shown, in seconds on the file's own clock."""
        return float(self.begin * self.base)

    @property
    def end_s(self) -> float:
        """Until when it is shown, in seconds on the file's own clock."""
        return float(self.end * self.base)


class Timekeeper:
    """Divides the packets of one track into runs as they are read."""

    def __init__(self, track: int, base: Fraction) -> None:
        self.runs: list[Run] = []
        self._track, self._base = track, base
        self._reordered, self._apart = False, round(APART_S / base)
        self._back, self._ahead = round(BACK_S / base), round(AHEAD_S / base)

    def see(self, number: int, position: int, decoded: int | None, shown: int, duration: int) -> bool:
        """Take the file's packet `number`, with its times in ticks, and return whether a run begins with it."""
        run = self.runs[-1] if self.runs else None
        back = self._back
        if decoded is None or self._reordered:
            back, self._reordered = max(back, REORDERED * duration), decoded is None
        decoded = shown if decoded is None else decoded
        if abs(shown - decoded) > self._apart:
            shown = decoded
        begins = run is None or not -back <= decoded - run.next <= self._ahead
        if run is None or (begins and len(self.runs) < MAX_RUNS):
            run = Run(self._track, self._base, position, number, decoded, decoded, shown, shown, number)
            self.runs.append(run)
        run.next, run.last = decoded + duration, number
        run.begin, run.end = min(run.begin, shown), max(run.end, shown + duration)
        return begins


def set_to_one_clock(keepers: Iterable[Timekeeper], *, container: str) -> list[str]:
    """Give every run the shift that joins all to one clock, and return what was repaired, in sentences."""
    runs = {keeper.runs[0].track: keeper.runs for keeper in keepers if keeper.runs}
    notes: list[str] = []
    before: dict[int, Run] = {}
    zero = min((of[0].begin_s for of in runs.values()), default=0.0)
    for run in sorted((run for of in runs.values() for run in of), key=lambda run: run.first):
        previous = before.get(run.track)
        others = [other for track, other in before.items() if track != run.track]
        if previous is None:
            run.shift_s = max(others, key=lambda other: other.first).shift_s if others else 0.0
        else:
            due_s = previous.next_s + previous.shift_s
            leap_s = run.start_s - previous.next_s
            known = [other.shift_s for other in others] + [earlier.shift_s for earlier in runs[run.track] if earlier.first < run.first]
            joins = next((shift for shift in known if shift != previous.shift_s and abs(run.start_s + shift - due_s) < TOGETHER_S), None)
            if joins is not None:
                run.shift_s = joins
            elif leap_s < 0 or (container in RESTARTING and _all_leap(run, previous, runs)):
                run.shift_s, at_s = _appended(run, before, runs)
                notes.append(
                    f"at {format_timestamp(max(0, round((at_s - zero) * 1000)))} the file's own clock jumps "
                    f"{'ahead' if leap_s > 0 else 'back'} by {abs(leap_s):.1f} s: what follows is counted on from there"
                )
            else:
                run.shift_s = previous.shift_s
        before[run.track] = run
    return notes


def steps_of(keepers: Iterable[Timekeeper]) -> tuple[ClockStep, ...]:
    """Return the shifts of runs that have one, in the form in which they are stored."""
    steps: list[ClockStep] = []
    for keeper in keepers:
        shift_s = 0.0
        for run in keeper.runs:
            if run.shift_s != shift_s:
                shift_s = run.shift_s
                steps.append(ClockStep(run.track, run.position, round(shift_s / run.base)))
    return tuple(steps)


def _appended(run: Run, before: dict[int, Run], runs: dict[int, list[Run]]) -> tuple[float, float]:
    """The shift with which this run, and those of other tracks that begin with it, follow all that was before; and when that is."""
    pairs = [(before[run.track], run)]
    for track, last in before.items():
        after = next((other for other in runs[track] if other.first > last.first), None)
        if track != run.track and after is not None and abs(after.start_s - run.start_s) < NEAR_S:
            pairs.append((last, after))
    at_s = max(last.end_s + last.shift_s for last, _ in pairs)
    return at_s - min(after.begin_s for _, after in pairs), at_s


def _all_leap(run: Run, previous: Run, runs: dict[int, list[Run]]) -> bool:
    """Return whether every other track that continues past this leap leaps with it."""
    leap_s, at_s = run.start_s - previous.next_s, previous.next_s + previous.shift_s
    going_on = [of for track, of in runs.items() if track != run.track and of[0].first < run.first < of[-1].last]
    if not going_on:
        return leap_s > ALONE_S
    return all(
        any(
            abs(after.start_s - before.next_s - leap_s) < TOGETHER_S and abs(before.next_s + previous.shift_s - at_s) < NEAR_S
            for before, after in pairwise(of)
        )
        for of in going_on
    )


class ClockHand:
    """Puts packets on the video's clock as they are read, from whatever place in the file."""

    def __init__(self, clock: Clock) -> None:
        self._steps: dict[int, tuple[list[int], list[int]]] = {}
        for step in clock.steps:
            positions, ticks = self._steps.setdefault(step.track, ([], [0]))
            positions.append(step.position)
            ticks.append(step.ticks)
        self._now = dict.fromkeys(self._steps, 0)

    def put(self, packet: Packet[Stream]) -> None:
        """Change the times of the packet."""
        track = packet.stream_index
        steps = self._steps.get(track)
        if steps is None:
            return
        position = packet.pos
        if position is not None and position >= 0:
            self._now[track] = steps[1][bisect_right(steps[0], position)]
        ticks, shown, decoded = self._now[track], packet.pts, packet.dts
        if shown is not None and decoded is not None and abs(shown - decoded) * (packet.time_base or 0) > APART_S:
            packet.pts = decoded
        if ticks:
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts += ticks


def holes(keepers: Sequence[Timekeeper], *, longest_s: float = AHEAD_S) -> list[tuple[float, float]]:
    """Return the stretches without packets of any track, in seconds on the repaired clock; a single track may pause, so it has none."""
    if sum(bool(keeper.runs) for keeper in keepers) < 2:
        return []
    covered = sorted((run.begin_s + run.shift_s, run.end_s + run.shift_s) for keeper in keepers for run in keeper.runs)
    found: list[tuple[float, float]] = []
    end_s = covered[0][1]
    for start_s, until_s in covered[1:]:
        if start_s - end_s > longest_s:
            found.append((end_s, start_s))
        end_s = max(end_s, until_s)
    return found

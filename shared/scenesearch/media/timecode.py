"""The timecode of a video's first frame, and the rate that it counts in, which may be another than the pictures'."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from scenesearch.media.source import OpenVideo

if TYPE_CHECKING:
    from av.stream import Stream

NOMINAL_RATES = (24, 25, 30, 48, 50, 60)
"""Frames a second that timecode is labelled in; NTSC's counts are 1000/1001 of them (SMPTE ST 12)."""

NTSC = Fraction(1000, 1001)

FIRST_PACKETS = 64
"""The one sample of a timecode track lies at the file's beginning: among this many packets, or it is not looked for."""

LABEL = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d)")


@dataclass(frozen=True, slots=True)
class Timecode:
    """`label`: as the file says it (`;` before the frames: drop frame). `rate`: frames a second, None where only the label is known."""

    label: str
    rate: Fraction | None


def timecode_of(video: OpenVideo) -> Timecode | None:
    """The source's start timecode, wherever the container keeps it."""
    streams: list[Stream] = list(video.container.streams)
    track = next((stream for stream in streams if stream.type == "data" and stream.metadata.get("timecode")), None)
    places = [video.video.metadata, video.container.metadata, *(stream.metadata for stream in streams)]
    label = next((place["timecode"] for place in places if place.get("timecode")), None)
    if label is None:
        return None
    count = _count(video, track) if track is not None else None
    return Timecode(label, _rate(label, count, video.video.average_rate) if count is not None else None)


def frames_before(label: str, nominal: int) -> int | None:
    """How many frames come before this label when `nominal` of them are labelled a second; None for what is no such label."""
    found = LABEL.fullmatch(label)
    if not found:
        return None
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    minutes += 60 * hours
    dropped = nominal // 15 * (minutes - minutes // 10) if found[4] != ":" else 0
    return (60 * minutes + seconds) * nominal + frames - dropped


def _count(video: OpenVideo, track: Stream) -> int | None:
    """The number in the timecode track's sample: how many of its frames come before the first."""
    video.seek(0)
    for number, packet in enumerate(video.packets(track, video.video)):
        if packet.stream is track and packet.size == 4:
            return int.from_bytes(bytes(packet), "big")
        if number >= FIRST_PACKETS:
            break
    return None


def _rate(label: str, count: int, pictures: Fraction | None) -> Fraction | None:
    """The rate in which this label is the frame of this number: the pictures' own where several are."""
    fitting = [nominal for nominal in NOMINAL_RATES if frames_before(label, nominal) == count]
    if not fitting or not pictures:
        return None
    found = LABEL.fullmatch(label)
    nominal = min(fitting, key=lambda rate: abs(rate - pictures))
    stretched = pictures / (nominal * max(1, round(pictures / nominal)))  # NTSC's rates are 1/1001 slower than they are called
    ntsc = (found is not None and found[4] != ":") or abs(stretched - NTSC) < abs(stretched - 1)
    return nominal * NTSC if ntsc else Fraction(nominal)

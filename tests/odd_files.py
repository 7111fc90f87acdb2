"""Odd files by the hundred: container × codecs × clock × streams × size × where the file ends, chosen by a seed.

Every picture shows the number of its frame and every second of sound has its own tone, so that what became of each second can be told.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from media_files import drawn

SECONDS = 3
"""How long each part of a file is."""

CLIP = (192, 96)
LARGER = (384, 192)

HOLDS = {
    "mp4": (("libx264", "mpeg4", "libx265", "mjpeg", "libsvtav1"), ("aac", "libmp3lame", "ac3", "alac")),
    "mov": (("libx264", "prores", "mjpeg"), ("aac", "pcm_s16le", "pcm_s16be")),
    "matroska": (("libx264", "ffv1", "libvpx", "mpeg2video"), ("aac", "flac", "libopus", "ac3", "pcm_s16le")),
    "webm": (("libvpx", "libvpx-vp9"), ("libopus",)),
    "mpegts": (("libx264", "mpeg2video", "libx265"), ("aac", "mp2", "ac3", "libmp3lame")),
    "mpeg": (("mpeg1video", "mpeg2video"), ("mp2", "ac3")),
    "avi": (("mpeg4", "mjpeg", "libx264"), ("libmp3lame", "pcm_s16le")),
    "flv": (("libx264", "flv"), ("aac", "libmp3lame")),
    "asf": (("wmv2", "msmpeg4"), ("wmav2",)),
}
"""What each container is filled with: FFmpeg's names of encoders."""

JOINABLE = ("mpegts", "mpeg")
"""Containers whose files may be put one after the other, byte by byte."""

CLOCKS = ("sound", "again", "back", "ahead", "hours", "wrap", "late pictures", "late sound", "long sound", "standing")
STREAMS = ("mono", "stereo", "reversed leg", "only the centre", "silent first", "third of three", "no sound")
CHANGES = ("none", "size", "channels", "rate", "pixels", "profile")
ENDS = ("whole", "whole", "whole", "cut off")
COLOURS = ("unsaid", "full range", "BT.709")


@dataclass(frozen=True)
class OddFile:
    """One of them. `seconds` is how much of everything it was made with."""

    seed: int
    container: str
    video: str
    audio: str
    clock: str
    streams: str
    change: str
    end: str
    colour: str

    @property
    def fps(self) -> int:
        """Pictures a second: MPEG-1 and MPEG-2 know only those of television."""
        return 25 if self.video in ("mpeg1video", "mpeg2video") else 10

    @property
    def parts(self) -> int:
        return 2 if self.container in JOINABLE and (self.clock in CLOCKS[1:6] or self.change != "none") else 1

    @property
    def seconds(self) -> int:
        return SECONDS * self.parts + (2 if self.clock in ("late pictures", "long sound", "late sound") else 0)

    def __str__(self) -> str:
        told = (self.container, self.video, self.audio, self.clock, self.streams, self.change, self.end, self.colour)
        return f"{self.seed}: " + ", ".join(told)


def odd_files(count: int, seed: int = 13) -> list[OddFile]:
    """As many files as asked for, always the same ones; containers and clocks take turns, the rest is drawn."""
    chance = random.Random(seed)  # noqa: S311 - the same files every time
    made = []
    for number in range(count):
        container = list(HOLDS)[number % len(HOLDS)]
        clocks = CLOCKS if container in JOINABLE else [clock for clock in CLOCKS if clock not in CLOCKS[1:6]]
        video, audio = (chance.choice(kinds) for kinds in HOLDS[container])
        one = OddFile(
            seed=number,
            container=container,
            video=video,
            audio=audio,
            clock=clocks[number // len(HOLDS) % len(clocks)],
            streams=chance.choice(STREAMS),
            change=chance.choice(CHANGES) if container in JOINABLE else "none",
            end=chance.choice(ENDS),
            colour=chance.choice(COLOURS),
        )
        made.append(_possible(one))
    return made


def _possible(one: OddFile) -> OddFile:
    """Without what the container or the codec cannot hold."""
    several = one.container in ("mp4", "mov", "matroska", "mpegts")
    channels = one.audio in ("aac", "ac3", "flac", "pcm_s16le", "pcm_s16be", "alac", "libopus")
    if one.streams in ("silent first", "third of three") and not several:
        one = replace(one, streams="stereo")
    if one.streams == "only the centre" and not (channels and one.audio not in ("alac", "libopus") and one.container not in ("flv", "avi")):
        one = replace(one, streams="reversed leg")
    if one.streams == "no sound" and one.clock in ("late pictures", "late sound", "long sound"):
        one = replace(one, streams="mono")
    if one.clock in ("late pictures", "late sound", "long sound"):
        one = replace(one, change="none")
    if one.change == "pixels" and one.video not in ("libx264",):
        one = replace(one, change="size")
    if one.change == "profile" and one.video != "libx264":
        one = replace(one, change="none")
    if one.change == "size" and one.video == "mpeg1video":
        one = replace(one, change="channels")
    if one.container == "avi" and one.clock in ("late sound", "late pictures"):  # it has no times: what comes first is heard first
        one = replace(one, clock="sound")
    if one.clock == "standing" and (one.container in ("avi", "mpeg") or one.video.startswith("mpeg") or one.video in ("flv", "libsvtav1")):
        one = replace(one, clock="sound")
    return one


def bytes_of(one: OddFile) -> bytes:
    """Make the file."""
    content = b"".join(_part(one, number) for number in range(one.parts))
    if one.end == "cut off":
        content = content[: int(len(content) * random.Random(one.seed).uniform(0.4, 0.95))]  # noqa: S311
    return content


STARTS = {
    "sound": (0, SECONDS),
    "again": (0, 0),
    "back": (70, 2),
    "ahead": (0, 45),
    "hours": (0, 11 * 3600),
    "wrap": (95_440, 95_440 + SECONDS),
}
"""Where the clocks of the parts of a file begin, in seconds; 33 bits of 90 kHz wrap after 95,443.7 s."""


def _part(one: OddFile, part: int) -> bytes:
    with tempfile.NamedTemporaryFile() as made:
        _write(made.name, one, part)
        return made.read()


def _write(path: str, one: OddFile, part: int) -> None:
    start = STARTS.get(one.clock, STARTS["sound"])[part]
    first = part * SECONDS
    changed = one.change if part else "none"
    pictures = (first, first + SECONDS)
    sound = (first, first + SECONDS)
    if one.clock == "late pictures":
        pictures, sound = (2, 2 + SECONDS), (0, 2 + SECONDS)
    elif one.clock == "late sound":
        pictures, sound = (0, 2 + SECONDS), (2, 2 + SECONDS)
    elif one.clock == "long sound":
        sound = (0, 2 + SECONDS)
    options = {"movflags": "+faststart"} if one.container in ("mp4", "mov") else {}
    with av.open(path, "w", format=one.container, options=options) as file:
        size = LARGER if changed == "size" else CLIP
        video = _video(file, one, size, changed)
        tracks = _tracks(one, changed)
        encoders = [_audio(file, one, layout, 44_100 if changed == "rate" else 48_000) for layout, _ in tracks]
        heard = [_sounds(encoder, kind, sound, start - first) for encoder, (_, kind) in zip(encoders, tracks, strict=True)]
        waiting = [next(each, None) for each in heard]
        for number, picture in _pictures(video, one, pictures, size):
            at = number / one.fps
            for index, encoder in enumerate(encoders):
                while (frame := waiting[index]) is not None and frame[0] <= at:
                    file.mux(encoder.encode(frame[1]))
                    waiting[index] = next(heard[index], None)
            base = video.codec_context.time_base or Fraction(1, one.fps)
            picture.pts, picture.time_base = round(Fraction(number - first * one.fps, one.fps) / base + Fraction(start) / base), base
            file.mux(video.encode(picture))
        for index, encoder in enumerate(encoders):
            while (frame := waiting[index]) is not None:
                file.mux(encoder.encode(frame[1]))
                waiting[index] = next(heard[index], None)
            file.mux(encoder.encode(None))
        file.mux(video.encode(None))


def _video(file: av.container.OutputContainer, one: OddFile, size: tuple[int, int], changed: str) -> av.VideoStream:
    options = {"threads": "1"}
    if one.video in ("libx264", "libx265"):
        options |= {"preset": "ultrafast", "bf": "0"}
    if one.video == "libx265":
        options["x265-params"] = "log-level=none:pools=none:frame-threads=1"
    if one.video.startswith("libvpx"):
        options |= {"deadline": "realtime", "cpu-used": "8", "b": "300k"}
    if one.video == "libsvtav1":
        options |= {"preset": "12", "svtav1-params": "lp=1"}
    stream = file.add_stream(one.video, rate=one.fps, options=options)
    stream.width, stream.height = size
    stream.pix_fmt = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}.get(one.video, "yuv444p" if changed == "pixels" else "yuv420p")
    context = stream.codec_context
    context.gop_size = one.fps
    if one.video not in ("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "wmv2", "mjpeg", "prores", "flv", "ffv1"):
        context.time_base = Fraction(1, 1000)
    if one.colour == "full range" and one.video in ("libx264", "libx265", "mjpeg"):
        context.color_range = 2
    if one.colour == "BT.709" and one.video in ("libx264", "libx265"):
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1
    return stream


def _audio(file: av.container.OutputContainer, one: OddFile, layout: str, rate: int) -> av.AudioStream:
    stream = file.add_stream(one.audio, rate=48_000 if one.audio == "libopus" else rate)
    stream.codec_context.layout = layout
    stream.codec_context.bit_rate = 128_000
    return stream


def _tracks(one: OddFile, changed: str) -> list[tuple[str, str]]:
    """Layout and content of each sound track."""
    tracks = {
        "mono": [("mono", "tones")],
        "stereo": [("stereo", "tones")],
        "reversed leg": [("stereo", "reversed")],
        "only the centre": [("5.1", "centre")],
        "silent first": [("stereo", "silence"), ("mono", "tones")],
        "third of three": [("mono", "silence"), ("stereo", "silence"), ("mono", "tones")],
        "no sound": [],
    }[one.streams]
    if changed == "channels":
        tracks = [("stereo" if layout == "mono" else "mono", "tones" if kind == "reversed" else kind) for layout, kind in tracks]
    return tracks


def _sounds(encoder: av.AudioStream, kind: str, span: tuple[int, int], shift: float) -> Iterator[tuple[float, av.AudioFrame]]:
    """Frames of sound and their true time; `shift` (seconds) is added on the file's clock."""
    rate, layout = encoder.codec_context.sample_rate, encoder.codec_context.layout.name
    channels = encoder.codec_context.layout.nb_channels
    resampler = av.AudioResampler(encoder.codec_context.format, layout, rate, frame_size=encoder.codec_context.frame_size or 1024)
    at = round(span[0] * rate)
    while at < span[1] * rate:
        stamps = np.arange(at, min(at + 1024, span[1] * rate)) / rate
        tone = 0.4 * np.sin(2 * np.pi * (200 + 20 * np.floor(stamps)) * stamps)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(_legs(tone, kind, channels), np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), at + round(shift * rate)
        at += len(stamps)
        for piece in resampler.resample(frame):
            yield float(piece.pts * piece.time_base) - shift, piece
    for piece in resampler.resample(None):
        yield float(piece.pts * piece.time_base) - shift, piece


def _legs(tone: NDArray[np.float64], kind: str, channels: int) -> NDArray[np.float64]:
    legs = np.zeros((channels, len(tone)))
    if kind == "tones":
        legs[:] = tone
    elif kind == "reversed":
        legs[0], legs[1] = tone, -tone
    elif kind == "centre":
        legs[2 if channels > 2 else 0] = tone
    return legs


def _pictures(video: av.VideoStream, one: OddFile, span: tuple[int, int], size: tuple[int, int]) -> Iterator[tuple[int, Any]]:
    """Pictures with the number of their frame; `standing` ones leave out the second second."""
    for number in range(span[0] * one.fps, span[1] * one.fps):
        if one.clock == "standing" and one.fps <= number < 2 * one.fps:
            continue
        picture = av.VideoFrame.from_ndarray(drawn(number, *size), format="rgb24").reformat(format=str(video.pix_fmt))
        yield number, picture

"""Video files of every odd kind, made from scratch. Each frame shows its own number as black and white blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

WIDTH, HEIGHT, BITS, BLOCK = 192, 96, 16, 12
RATE = 44_100
FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to make. Times in seconds; `gop` in frames; `stamps` overrides the frames' times (variable frame rate)."""

    seconds: float = 4
    fps: int = 10
    gop: int = 10
    codec: str = "libx264"
    audio: str | None = "aac"
    audio_tracks: int = 1
    format: str = "mp4"
    b_frames: int = 2
    start: float = 0
    rotation: int = 0
    stamps: tuple[float, ...] | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    still: bool = False
    noise: bool = False
    audio_seconds: float | None = None
    audio_start: float = 0
    open_gop: bool = False
    commentary_first: bool = False
    timecode: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def make(path: Path, recipe: Recipe = Recipe()) -> Path:
    """Write the video and return its path."""
    stamps = recipe.stamps or tuple(n / recipe.fps for n in range(round(recipe.seconds * recipe.fps)))
    with av.open(path, "w", format=recipe.format, options=recipe.options) as out:
        video = _video_stream(out, recipe)
        if recipe.timecode:
            video.metadata["timecode"] = recipe.timecode
        tracks = [_audio_stream(out, recipe.audio) for _ in range(recipe.audio_tracks)] if recipe.audio else []
        if recipe.commentary_first:
            tracks[0].disposition = av.stream.Disposition.comment
            tracks[1].disposition = av.stream.Disposition.default
        paint, picture = _painter(recipe, str(video.pix_fmt)), None
        spoken = [_Sound(recipe, number, track.codec_context.sample_rate) for number, track in enumerate(tracks)]
        for number, stamp in enumerate(stamps):
            for frame_iter, track in zip(spoken, tracks, strict=True):
                for frame in frame_iter.until(stamp):
                    out.mux(track.encode(frame))
            if picture is None or not recipe.still:
                picture = paint(number)
            picture.pts = round((stamp + recipe.start) / video.codec_context.time_base)
            picture.time_base = video.codec_context.time_base
            out.mux(video.encode(picture))
        for frame_iter, track in zip(spoken, tracks, strict=True):
            for frame in frame_iter.until(recipe.seconds):
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
        out.mux(video.encode(None))
    return path


def drawn(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A frame (height, width, 3) that shows `number` in binary, most significant bit left, over a grey ground."""
    image = np.full((height, width, 3), 96, np.uint8)
    block = width // BITS
    for bit in range(BITS):
        value = 235 if number >> (BITS - 1 - bit) & 1 else 16
        image[: height // 2, bit * block : (bit + 1) * block] = value
    return image


def _painter(recipe: Recipe, pixel_format: str) -> Callable[[int], av.VideoFrame]:
    """Makes the nth frame. One converter with one thread serves them all: making one costs more than the frame does."""
    converter = VideoReformatter()
    width, height = recipe.size

    def paint(number: int) -> av.VideoFrame:
        image = drawn(number, width, height)
        if recipe.noise:
            image[height // 2 :] = np.random.default_rng(number).integers(0, 255, (-(-height // 2), width, 3), np.uint8)
        pixels = np.ascontiguousarray(np.rot90(image, -recipe.rotation // 90))
        return converter.reformat(av.VideoFrame.from_ndarray(pixels, format="rgb24"), format=pixel_format, threads=1)

    return paint


def read_number(image: NDArray[np.uint8]) -> int:
    """The number that a frame shows."""
    height, width = image.shape[:2]
    block = width // BITS
    strip = image[height // 8 : height * 3 // 8].mean(axis=(0, 2))
    bits = [strip[bit * block + block // 4 : (bit + 1) * block - block // 4].mean() > 126 for bit in range(BITS)]
    return int("".join("1" if b else "0" for b in bits), 2)


def song(path: Path, *, cover: bool = False) -> Path:
    """Two seconds of sound in an MP4, with or without a cover picture."""
    with av.open(path, "w", format="mp4") as out:
        track = _audio_stream(out, "aac")
        if cover:
            picture = out.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(drawn(1, 64, 64), format="rgb24").reformat(format="yuvj420p")
        for sound in _Sound(Recipe(seconds=2), 0, RATE).until(2):
            out.mux(track.encode(sound))
        out.mux(track.encode(None))
        if cover:
            out.mux([*picture.encode(frame), *picture.encode(None)])
    return path


def cover_art_song(path: Path) -> Path:
    """A song with a picture of its cover."""
    return song(path, cover=True)


class _Sound:
    """A tone whose pitch tells the second (200 Hz + 20 Hz a second; the second track an octave up)."""

    def __init__(self, recipe: Recipe, track: int, rate: int) -> None:
        self.recipe, self.track, self.rate = recipe, track, rate
        self.at = round(recipe.audio_start * rate)
        self.end = recipe.seconds if recipe.audio_seconds is None else recipe.audio_seconds

    def until(self, second: float) -> list[av.AudioFrame]:
        made = []
        while self.at < min(second, self.end) * self.rate:
            stamps = np.arange(self.at, self.at + 1024) / self.rate
            wave = 0.4 * np.sin(2 * np.pi * (200 + 20 * np.floor(stamps)) * (1 + self.track) * stamps)
            frame = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
            frame.pts = self.at + round(self.recipe.start * self.rate)
            self.at += 1024
            made.append(frame)
        return made


def _video_stream(out: av.container.OutputContainer, recipe: Recipe) -> av.VideoStream:
    options = {"threads": "1"}
    if recipe.codec == "libx264":
        options |= {"preset": "ultrafast", "crf": "30", "sc_threshold": "0", "bf": str(recipe.b_frames), "keyint_min": "1"}
        if recipe.open_gop:
            options |= {"x264-params": "open-gop=1", "preset": "veryfast"}
    if recipe.codec == "libvpx-vp9":
        options |= {"deadline": "realtime", "cpu-used": "8", "b": "200k"}
    if recipe.codec == "libx265":
        options |= {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"}
    if recipe.codec == "libsvtav1":
        options |= {"preset": "12", "svtav1-params": "lp=1"}
    rate = 25 if recipe.codec.startswith("mpeg") else recipe.fps
    stream = out.add_stream(recipe.codec, rate=rate, options=options)
    stream.width, stream.height = recipe.size if recipe.rotation % 180 == 0 else recipe.size[::-1]
    stream.pix_fmt = "yuvj420p" if recipe.codec == "mjpeg" else "yuv420p"
    stream.codec_context.gop_size = recipe.gop
    by_frame = recipe.format == "avi" or recipe.codec.startswith("mpeg")
    stream.codec_context.time_base = Fraction(1, rate if by_frame else 1000)
    if recipe.codec == "mpeg1video":
        stream.codec_context.max_b_frames = 0
    if recipe.codec == "mjpeg":
        stream.codec_context.color_range = 2
    if recipe.rotation:
        stream.set_display_rotation(recipe.rotation)
    return stream


def _audio_stream(out: av.container.OutputContainer, codec: str) -> av.AudioStream:
    options = {"aac_coder": "fast"} if codec == "aac" else {}
    stream = out.add_stream(codec, rate=48_000 if codec == "libopus" else RATE, options=options)
    stream.layout = "mono"
    return stream

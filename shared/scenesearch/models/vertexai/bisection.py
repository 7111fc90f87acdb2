"""Bisect a clip whose answer was too long: copy at the keyframe nearest to the middle, or re-encode when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from scenesearch.errors import ModelError, UnreadableMedia
from scenesearch.media.clip_writer import ClipWriter
from scenesearch.media.codecs import Wrapper, audio_wrapper, video_wrapper
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.isolation import Limits, reading
from scenesearch.media.probe import probe
from scenesearch.media.source import time_base
from scenesearch.timeline import Span
from scenesearch.video import Chunk

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

LEAST_MS = 500
"""The shortest half in milliseconds: models get no frames from clips under about 0.4 s (FACTS of Gemini on Vertex AI)."""

MOST_BYTES = 200_000_000
"""The most bytes of a re-encoded half: half of what a clip may have."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half as a file, positioned at its beginning. `start_ms` is the measured start, from the start of the bisected clip."""

    file: BinaryIO
    wrapper: Wrapper
    start_ms: int
    duration_ms: int


@contextmanager
def bisected(clip: BinaryIO, *, audio: bool, duration_ms: int) -> Iterator[tuple[Half, Half]]:
    """Yield both halves of `clip` (`duration_ms` long) as temporary files: of its sound when `audio`, else of its pictures.

    Video is cut at the keyframe nearest to the middle, audio at any packet.

    Raises:
        ModelError: the clip is too short to be cut.
        UnreadableMedia: the clip cannot be read.
        StorageFull: no space is left.
    """
    if duration_ms <= 2 * LEAST_MS:
        raise ModelError(f"the answer about a clip was cut off, and the clip is too short to be bisected ({duration_ms} ms)")
    with reading(clip, Limits.load(), _halves, audio=audio, duration_ms=duration_ms) as job:
        first, second = cast("tuple[Half, Half]", job.next())
        with first.file, second.file:
            yield first, second


def _halves(clip: BinaryIO, *, audio: bool, duration_ms: int) -> Iterator[tuple[Half, Half]]:
    """Bisect in the child process."""
    import av

    with ExitStack() as files:
        try:
            with av.open(clip, "r") as source:
                stream = _stream(source, audio=audio)
                zero = Fraction(source.start_time or 0, 1_000_000)
                border_ms = _border(_keyframes_ms(source, stream, zero), duration_ms)
            clip.seek(0)
            if border_ms is None:
                halves = _encoded(clip, duration_ms, files)
            else:
                with av.open(clip, "r") as source:
                    halves = _copied(source, _stream(source, audio=audio), zero, border_ms, duration_ms, files)
        except av.FFmpegError as error:
            raise UnreadableMedia(f"a clip cannot be cut in two: {error}") from error
        yield halves


def _stream(source: InputContainer, *, audio: bool) -> VideoStream | AudioStream:
    found = source.streams.audio if audio else source.streams.video
    if not found:
        raise UnreadableMedia(f"the clip has no {'audio' if audio else 'video'} stream to cut")
    return found[0]


def _at_ms(stamp: int, stream: Stream, zero: Fraction) -> int:
    return round((stamp * time_base(stream) - zero) * 1000)


def _keyframes_ms(source: InputContainer, stream: Stream, zero: Fraction) -> list[int]:
    return [_at_ms(packet.pts, stream, zero) for packet in source.demux(stream) if packet.pts is not None and packet.is_keyframe]


def _border(keyframes_ms: list[int], duration_ms: int) -> int | None:
    inside = [at for at in keyframes_ms if LEAST_MS < at < duration_ms - LEAST_MS]
    return min(inside, key=lambda at: abs(2 * at - duration_ms), default=None)


def _copied(
    source: InputContainer, stream: VideoStream | AudioStream, zero: Fraction, border_ms: int, duration_ms: int, files: ExitStack
) -> tuple[Half, Half]:
    codec = stream.codec.canonical_name
    wrapper = audio_wrapper(codec) if stream.type == "audio" else video_wrapper(codec, None)
    first, second = _scratch(files), _scratch(files)
    with ExitStack() as open_writers:
        writers = [open_writers.enter_context(ClipWriter(file, wrapper, at)) for file, at in ((first, 0), (second, border_ms))]
        tracks = [writer.copied(stream, zero + Fraction(writer.zero_ms, 1000)) for writer in writers]
        for half, packet in _dealt_out(source, stream, zero, border_ms):
            tracks[half].write_all((packet,))
    for file in (first, second):
        file.seek(0)
    return Half(first, wrapper, 0, border_ms), Half(second, wrapper, border_ms, duration_ms - border_ms)


def _scratch(files: ExitStack) -> BinaryIO:
    return cast("BinaryIO", files.enter_context(TemporaryFile()))


def _dealt_out(source: InputContainer, stream: Stream, zero: Fraction, border_ms: int) -> Iterator[tuple[int, Packet[Stream]]]:
    """Yield each packet with its half, 0 or 1. Leading pictures of the border's keyframe are dropped: they refer to the other half."""
    border: int | None = None
    for packet in source.demux(stream):
        if packet.pts is None:
            continue
        if border is None and packet.is_keyframe and _at_ms(packet.pts, stream, zero) >= border_ms:
            border = packet.pts
        if border is None:
            yield 0, packet
        elif packet.pts >= border:
            yield 1, packet


def _encoded(clip: BinaryIO, duration_ms: int, files: ExitStack) -> tuple[Half, Half]:
    """Cut in the very middle of a stretch without keyframes. The halves last as long as `files`."""
    middle_ms = duration_ms // 2
    media = replace(probe(clip), duration_ms=duration_ms)
    cutter = files.enter_context(ChunkCutter(clip, media, clip_max_bytes=MOST_BYTES))
    halves = []
    for number, span in enumerate((Span(0, middle_ms), Span(middle_ms, duration_ms))):
        pictures = files.enter_context(cutter.cut(Chunk(number=number, span=span, transcode=True))).pictures
        halves.append(Half(pictures.file, pictures.wrapper, span.start_ms, span.duration_ms))
    return halves[0], halves[1]

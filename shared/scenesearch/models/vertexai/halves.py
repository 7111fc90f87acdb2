"""Cut a clip in two, where its streams allow it without a new encoding, because an answer about all of it was too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scenesearch.errors import ModelError, UnreadableMedia

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

LEAST_MS = 500
"""A half is longer than this: models see nothing in clips of less than about 0.4 s."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half: a file with the one stream that is looked at. `start_ms` is measured, from the start of the clip that was cut."""

    path: Path
    start_ms: int
    duration_ms: int


def halved(clip: BinaryIO, name: str, folder: Path, *, audio: bool, duration_ms: int) -> tuple[Half, Half]:
    """The two halves of `clip`, written to `folder` under its name's extension: its sound when `audio`, else its pictures.

    Pictures are cut at the keyframe nearest to the middle, sound at any packet.

    Raises:
        ModelError: there is no place to cut at that leaves two halves longer than `LEAST_MS`.
        UnreadableMedia: the clip cannot be read.
    """
    import av

    try:
        with av.open(clip, "r") as source:
            stream = _stream(source, audio=audio)
            zero = Fraction(source.start_time or 0, 1_000_000)
            at_ms = _border(_keyframes_ms(source, stream, zero), duration_ms)
        clip.seek(0)
        paths = [folder / f"{part}{Path(name).suffix}" for part in ("first", "second")]
        with av.open(clip, "r") as source:
            _write(source, _stream(source, audio=audio), zero, at_ms, paths)
    except av.FFmpegError as error:
        raise UnreadableMedia(f"the clip {name} cannot be cut in two: {error}") from error
    return Half(paths[0], 0, at_ms), Half(paths[1], at_ms, duration_ms - at_ms)


def _stream(source: InputContainer, *, audio: bool) -> VideoStream | AudioStream:
    found = source.streams.audio if audio else source.streams.video
    if not found:
        raise UnreadableMedia(f"the clip has no {'audio' if audio else 'video'} stream to cut")
    return found[0]


def _at_ms(stamp: int, stream: VideoStream | AudioStream, zero: Fraction) -> int:
    return round((stamp * (stream.time_base or Fraction(1, 1_000_000)) - zero) * 1000)


def _keyframes_ms(source: InputContainer, stream: VideoStream | AudioStream, zero: Fraction) -> list[int]:
    return [_at_ms(packet.pts, stream, zero) for packet in source.demux(stream) if packet.pts is not None and packet.is_keyframe]


def _border(keyframes_ms: list[int], duration_ms: int) -> int:
    inside = [at for at in keyframes_ms if LEAST_MS < at < duration_ms - LEAST_MS]
    if not inside:
        raise ModelError("the answer about a clip was cut off, and the clip has no keyframe at which it could be halved")
    return min(inside, key=lambda at: abs(2 * at - duration_ms))


def _write(source: InputContainer, stream: VideoStream | AudioStream, zero: Fraction, at_ms: int, paths: list[Path]) -> None:
    import av

    with ExitStack() as open_files:
        outputs = [open_files.enter_context(av.open(path, "w")) for path in paths]
        copies = [out.add_stream_from_template(stream) for out in outputs]
        for half, packet, start in _sorted_out(source, stream, zero, at_ms):
            packet.pts = None if packet.pts is None else packet.pts - start
            packet.dts = None if packet.dts is None else packet.dts - start
            packet.stream = copies[half]
            outputs[half].mux(packet)


def _sorted_out(
    source: InputContainer, stream: VideoStream | AudioStream, zero: Fraction, at_ms: int
) -> Iterator[tuple[int, Packet[Stream], int]]:
    """Each packet with its half and the stamp that is zero there. Pictures that lead the border's keyframe need what the cut took away."""
    border: int | None = None
    first = round(zero / (stream.time_base or Fraction(1, 1_000_000)))
    for packet in source.demux(stream):
        if packet.pts is None or packet.dts is None:
            continue
        if border is None and packet.is_keyframe and _at_ms(packet.pts, stream, zero) >= at_ms:
            border = packet.pts
        if border is None:
            yield 0, packet, first
        elif packet.pts >= border:
            yield 1, packet, border

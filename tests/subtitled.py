"""Videos with subtitles inside them: streams of text, closed captions, chapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet

RATE = 30
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, \
ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

Lines = Sequence[tuple[float, float, str]]


def subtitled(
    path: Path,
    seconds: int,
    *,
    streams: Mapping[tuple[str, str], Lines] | None = None,
    captions: Lines = (),
    codec: str = "libx264",
    chapters: Lines = (),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a grey video; `streams` are lines by (codec, language), `captions` are hidden in its pictures as EIA-608."""
    hidden = dict(enumerate(_pairs(captions, seconds))) if captions else {}
    with av.open(path, "w") as out:
        video = out.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        made = []
        for (kind, language), lines in (streams or {}).items():
            stream = out.add_stream(kind)
            stream.metadata["language"] = language
            stream.codec_context.subtitle_header, stream.codec_context.time_base = ASS_HEADER, Fraction(1, 1000)
            made.append((stream, lines))
        out.metadata.update(metadata or {})
        if chapters:
            spans = [(round(start * 1000), round(end * 1000), {"title": title}) for start, end, title in chapters]
            millisecond = Fraction(1, 1000)
            out.set_chapters(
                [
                    {"id": number, "start": start, "end": end, "time_base": millisecond, "metadata": said}
                    for number, (start, end, said) in enumerate(spans)
                ]
            )
        packets = []
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 60 + number % 60, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            packets += video.encode(frame)
        for packet in [*packets, *video.encode(None)]:
            number = round(packet.pts * packet.time_base * RATE)
            if hidden:
                packet = _with_captions(packet, hidden.get(number, (0, 0)), h264=codec == "libx264")
            out.mux(packet)
        for stream, lines in made:
            for order, (start, end, text) in enumerate(lines):
                said = SubtitleSet.create(f"{order},0,Default,,0,0,0,,{text}".encode(), 0, round((end - start) * 1000), round(start * 1e6))
                packet = stream.codec_context.encode_subtitle(said)
                packet.pts = packet.dts = round(start * 1000)
                packet.duration, packet.time_base, packet.stream = round((end - start) * 1000), Fraction(1, 1000), stream
                out.mux(packet)
    return path


def _pairs(captions: Lines, seconds: int) -> Iterator[tuple[int, int]]:
    """The two bytes of each frame that put these captions on the screen and take them off (pop-on, field 1)."""
    due: dict[int, list[tuple[int, int]]] = {}
    for start, end, text in captions:
        letters = text.encode("ascii") + b"\0" * (len(text) % 2)
        load = [(0x14, 0x20), (0x14, 0x2E), (0x14, 0x70), *zip(letters[::2], letters[1::2], strict=True)]
        first = round(start * RATE) - len(load)
        due |= {first + n: [pair] for n, pair in enumerate(load)}
        due[round(start * RATE)] = [(0x14, 0x2F)]
        due[round(end * RATE)] = [(0x14, 0x2C)]
    for number in range(seconds * RATE):
        yield due.get(number, [(0, 0)])[0]


def _with_captions(packet: av.Packet, pair: tuple[int, int], *, h264: bool) -> av.Packet:
    """The picture with the pair in its user data (ATSC A/53), as a packet of its own."""

    def odd(byte: int) -> int:
        return byte | (0x80 if byte.bit_count() % 2 == 0 else 0)

    data = b"GA94\x03\xc1\xff" + bytes((0xFC, odd(pair[0]), odd(pair[1]))) + b"\xff"
    if h264:
        message = b"\xb5\x00\x31" + data
        made = b"\x00\x00\x00\x01\x06\x04" + bytes((len(message),)) + message + b"\x80" + bytes(packet)
    else:  # MPEG-2: before the first slice
        at = bytes(packet).index(b"\x00\x00\x01\x01")
        made = bytes(packet)[:at] + b"\x00\x00\x01\xb2" + data + bytes(packet)[at:]
    new = av.Packet(made)
    new.pts, new.dts, new.duration, new.time_base, new.stream = packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream
    new.is_keyframe = packet.is_keyframe
    return new

"""Files that mean harm, made from scratch: small to store, dear to read."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from media_files import Recipe, drawn, make


def sample_count(path: Path) -> Path:
    """An MP4 whose tables promise a hundred million samples of one byte each."""
    content = bytearray(make(path, Recipe(audio=None, seconds=1, b_frames=0)).read_bytes())
    count = 100_000_000
    at = content.index(b"stsz")
    struct.pack_into(">II", content, at + 8, 1, count)
    at = content.index(b"stts")
    struct.pack_into(">I", content, at + 12, count)
    at = content.index(b"stsc")
    struct.pack_into(">I", content, at + 16, count)
    path.write_bytes(content)
    return path


def fragment_samples(path: Path) -> Path:
    """22 kB: 250 fragments, each of which promises a million samples without saying more of them."""
    plain = make(path, Recipe(audio=None, seconds=1, b_frames=0, options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}))
    content = plain.read_bytes()
    head = content[: content.index(b"moof") - 4]

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), kind) + body

    # tfhd: default duration, size and flags; trun: no field of a sample
    header = box(b"tfhd", struct.pack(">IIIII", 0x020038, 1, 1, 1, 0))
    run = box(b"trun", struct.pack(">II", 0, 1_000_000))
    fragment = box(b"moof", box(b"mfhd", struct.pack(">II", 0, 1)) + box(b"traf", header + run)) + box(b"mdat", b"")
    path.write_bytes(head + fragment * 250)
    return path


def late_audio(path: Path) -> Path:
    """Two seconds of pictures, and one packet of sound that comes eleven days later."""
    with av.open(path, "w", format="matroska") as out:
        shown = out.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "0", "threads": "1"})
        shown.width, shown.height, shown.pix_fmt = 192, 96, "yuv420p"
        heard = out.add_stream("mp2", rate=44_100, layout="mono")
        for number in range(20):
            picture = av.VideoFrame.from_ndarray(drawn(number), format="rgb24").reformat(format="yuv420p", threads=1)
            picture.pts, picture.time_base = number, Fraction(1, 10)
            out.mux(shown.encode(picture))
        for at in (0, 1_000_000):
            sound = av.AudioFrame.from_ndarray(np.full((1, 1152), 9_000, np.int16), format="s16", layout="mono")
            sound.sample_rate, sound.time_base, sound.pts = 44_100, Fraction(1, 44_100), at * 44_100
            out.mux(heard.encode(sound))
        out.mux([*shown.encode(None), *heard.encode(None)])
    return path


def huge_picture(path: Path) -> Path:
    """A motion JPEG of two small pictures that say that they are 65,500 pixels wide and high."""
    content = bytearray(make(path, Recipe(codec="mjpeg", audio=None, seconds=0.2, format="avi")).read_bytes())
    at = content.find(b"\xff\xc0")
    while at >= 0:
        struct.pack_into(">HH", content, at + 5, 65_500, 65_500)
        at = content.find(b"\xff\xc0", at + 2)
    path.write_bytes(content)
    return path


def many_streams(path: Path) -> Path:
    """An MP4 whose one track is listed 200 times."""
    content = make(path, Recipe(audio=None, seconds=1)).read_bytes()
    at, track = content.index(b"moov") - 4, content.index(b"trak") - 4
    length = struct.unpack_from(">I", content, track)[0]
    whole = struct.unpack_from(">I", content, at)[0] + 199 * length
    copies = content[track : track + length] * 200
    path.write_bytes(content[:at] + struct.pack(">I", whole) + content[at + 4 : track] + copies + content[track + length :])
    return path


def deep_nesting(path: Path) -> Path:
    """An MP4 of boxes in boxes, twenty thousand deep."""
    body = b""
    for _ in range(20_000):
        body = struct.pack(">I4s", 8 + len(body), b"udta") + body
    path.write_bytes(struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + struct.pack(">I4s", 8 + len(body), b"moov") + body)
    return path


BOMBS: dict[str, Callable[[Path], Path]] = {
    "samples.mp4": sample_count,
    "fragments.mp4": fragment_samples,
    "late.mkv": late_audio,
    "picture.avi": huge_picture,
    "streams.mp4": many_streams,
    "nested.mp4": deep_nesting,
}


# --- jobs for the child process that do harm themselves --------------------------------------------------------------


def hoard(source: BinaryIO, megabytes: int) -> int:
    """Fill memory."""
    return len(np.ones(megabytes * 1_000_000, np.uint8))


def idle(source: BinaryIO) -> None:
    """Never come back."""
    while True:
        source.seek(0)


def crash(source: BinaryIO) -> None:
    """End like a library that finds itself broken."""
    os.abort()


def variables(source: BinaryIO) -> list[str]:
    """The names of what the environment tells."""
    return sorted(os.environ)


def process(source: BinaryIO) -> int:
    """Who works."""
    return os.getpid()


def stranger(source: BinaryIO) -> object:
    """Answer with something that runs a program when it is unpickled."""
    return Stranger()


class Stranger:
    def __reduce__(self) -> object:
        return os.system, ("true",)


def halves(source: BinaryIO) -> Iterator[bytes]:
    """Read the source in two steps."""
    for _ in range(2):
        yield source.read(200_000)

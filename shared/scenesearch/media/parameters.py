"""How a stream is coded, as its packets say: what is copied into a clip must be coded alike from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

    Signature = Callable[[memoryview], bytes | None]

SPS: dict[str, tuple[Callable[[int], int], int]] = {"h264": (lambda head: head & 0x1F, 7), "hevc": (lambda head: head >> 1 & 0x3F, 33)}
"""How the first byte of a NAL unit says its type, and the type of a sequence parameter set (ITU-T H.264 table 7-1, H.265 table 7-1)."""

HEAD_BYTES = 4096
"""Parameter sets are looked for in this many first bytes of a packet: they stand before the picture."""

SEQUENCE_HEADER = 1
"""The type of an AV1 sequence header OBU (AV1 specification, 6.2.2)."""


class CodingChanged(Exception):
    """What is being copied is coded in another way from here on: it has to be encoded."""


class SteadyStream:
    """Watches a stream that is copied."""

    def __init__(self, stream: Stream) -> None:
        self._pictures = stream.type == "video"
        self._extradata = stream.codec_context.extradata
        self._signature = SIGNATURES.get(stream.codec.canonical_name)
        self._known = self._signature(memoryview(self._extradata)) if self._signature and self._extradata and _annex_b(stream) else None

    def changed(self, packet: Packet[Stream]) -> bool:
        """Whether this packet, or what comes with it, says that the stream is coded otherwise than it began."""
        if next(packet.iter_sidedata(), None) is not None and self._comes_with_other(packet):
            return True
        if self._signature is None or (self._pictures and not packet.is_keyframe):
            return False
        found = self._signature(memoryview(packet)[:HEAD_BYTES])
        if found is None:
            if not self._pictures:
                self._signature = None  # its frames do not say how they are coded: they need not be asked again
            return False
        if self._known is None:
            self._known = found
        return found != self._known

    def _comes_with_other(self, packet: Packet[Stream]) -> bool:
        return packet.has_sidedata("new_extradata") and bytes(packet.get_sidedata("new_extradata")) != self._extradata


def _annex_b(stream: Stream) -> bool:
    extradata = stream.codec_context.extradata
    return extradata is not None and bytes(extradata[:3]) in (b"\0\0\0", b"\0\0\1") and stream.codec.canonical_name in SPS


def _adts(data: memoryview) -> bytes | None:
    """Profile, rate and channels of an AAC frame with its ADTS header (ISO/IEC 13818-7, 6.2); None for one without."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    return bytes((data[2] & 0xFD, data[3] & 0xC0))


def _parameter_sets(codec: str) -> Signature:
    type_of, wanted = SPS[codec]

    def signature(data: memoryview) -> bytes | None:
        found = [unit for unit in _nal_units(bytes(data)) if unit and type_of(unit[0]) == wanted]
        return b"|".join(found) or None

    return signature


def _nal_units(data: bytes) -> Iterator[bytes]:
    """The first units of a packet, after start codes or after lengths of four bytes."""
    if data[:3] == b"\0\0\1" or data[:4] == b"\0\0\0\1":
        for unit in data.split(b"\0\0\1")[1:]:
            yield unit.rstrip(b"\0")
        return
    at = 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size].rstrip(b"\0")
        at += 4 + size


def _vp9_size(data: memoryview) -> bytes | None:
    """Profile, colours and size of a VP9 keyframe (VP9 bitstream specification, 6.2)."""
    head = bytes(data[:16])
    if len(head) < 12:
        return None
    bits = int.from_bytes(head, "big")
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return bits >> (8 * len(head) - at) & ((1 << count) - 1)

    marker, low, high = read(2), read(1), read(1)
    profile = high << 1 | low
    if profile == 3:
        read(1)
    if marker != 2 or read(1) or read(1):
        return None
    read(2)
    if read(24) != 0x498342:
        return None
    depth = read(1) if profile >= 2 else 0
    colours = read(3)
    if colours != 7:
        read(1)
        if profile in (1, 3):
            read(3)
    elif profile in (1, 3):
        read(1)
    return bytes((profile, depth)) + read(16).to_bytes(2, "big") + read(16).to_bytes(2, "big")


def _av1_sequence(data: memoryview) -> bytes | None:
    """The sequence header among the first units of an AV1 packet."""
    at = 0
    while at + 2 <= len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        if not sized:
            return None
        size = shift = 0
        while at < len(data):
            size |= (data[at] & 0x7F) << shift
            shift, at, more = shift + 7, at + 1, data[at] & 0x80
            if not more or shift > 28:  # bits: no unit has a size of more than 32 (AV1 specification, 4.10.5)
                break
        if kind == SEQUENCE_HEADER:
            return bytes(data[at : at + size])
        at += size
    return None


SIGNATURES: dict[str, Signature] = {
    "h264": _parameter_sets("h264"),
    "hevc": _parameter_sets("hevc"),
    "vp9": _vp9_size,
    "av1": _av1_sequence,
    "aac": _adts,
}

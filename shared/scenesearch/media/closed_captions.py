"""Closed captions (EIA-608) that broadcasters hide in the pictures of H.264, HEVC and MPEG-2, decoded by FFmpeg."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from scenesearch.media.source import OpenVideo, stamp_of
from scenesearch.media.subtitles import Cue
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from av.subtitles.subtitle import AssSubtitle

MARK = b"GA94\x03"
"""How caption data begins in the user data of a picture, in all three codecs (ATSC A/53 part 4, 6.2.3)."""

CARRIERS = frozenset({"h264", "hevc", "mpeg2video"})
"""Video codecs (as FFmpeg spells them) whose pictures may hold captions."""

LOOKED_FOR = 60
"""Pictures among which captions have to show; broadcasters put data into every one, also while nobody speaks."""

FRAME_MS = 33
"""What a frame of the text format is long that FFmpeg reads caption data from (`libavformat/sccdec.c`)."""

CLEAR = (0x94, 0x2C)
"""The command that takes the captions off the screen: after it the last one is known whole."""


def captions_in(video: OpenVideo, span: Span) -> list[Cue]:
    """Return the captions of the first field (CC1) in the span; reads a few pictures of a video that has none."""
    pairs: dict[int, list[tuple[int, int]]] = {}
    seen = 0
    if video.video.codec.canonical_name not in CARRIERS:
        return []
    for packet in video.packets_from(span.start_ms, video.video):
        stamp = stamp_of(packet)
        if stamp is None:
            continue
        at_ms = video.at_ms(stamp, video.video)
        if at_ms >= span.end_ms + 2 * FRAME_MS:
            break
        if MARK in memoryview(packet).tobytes():
            pairs.setdefault(at_ms, []).extend(_pairs(bytes(packet)))
        seen += 1
        if seen == LOOKED_FOR and not pairs:
            return []
    return _decoded(sorted(pairs.items())) if pairs else []


def _pairs(data: bytes) -> Iterator[tuple[int, int]]:
    """The pairs of bytes of the first field in one picture; padding is left out."""
    at = data.find(MARK)
    while at >= 0:
        count = data[at + len(MARK)] & 0x1F if at + len(MARK) < len(data) else 0
        # a picture's data may not hold 00 00 01, so that encoders put a 3 after two zeros
        triplets = data[at + len(MARK) + 2 :][: 6 * count].replace(b"\x00\x00\x03", b"\x00\x00")
        for first in range(0, 3 * min(count, len(triplets) // 3), 3):
            kind, one, other = triplets[first : first + 3]
            if kind & 0x07 == 0x04 and (one & 0x7F or other & 0x7F):
                yield one, other
        at = data.find(MARK, at + len(MARK))


def _decoded(pictures: list[tuple[int, list[tuple[int, int]]]]) -> list[Cue]:
    """The captions, by FFmpeg's decoder: the data are written as a Scenarist text, the one format that hands it over with its times."""
    import av

    from scenesearch.media.subtitle_streams import ass_cue

    lines, at_ms = ["Scenarist_SCC V1.0", ""], 0
    for at_ms, pairs in [*pictures, (pictures[-1][0] + 2 * FRAME_MS, [CLEAR, CLEAR])]:
        lines += [f"{_clock(max(0, at_ms))}\t{' '.join(f'{one:02x}{other:02x}' for one, other in pairs)}", ""]
    cues = []
    with av.open(io.BytesIO("\n".join(lines).encode()), "r", format="scc") as container:
        decoder = container.streams.subtitles[0].codec_context
        for packet in container.demux():
            shown = decoder.decode2(packet) if packet.size else None
            if shown is not None:
                start_ms = round(shown.pts / 1000)
                written = [line.ass.decode("utf-8", "replace") for line in cast("list[AssSubtitle]", list(shown))]
                cues += [ass_cue(line, start_ms, start_ms + shown.end_display_time) for line in written]
    return cues


def _clock(at_ms: int) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{min(29, at_ms % 1000 // FRAME_MS):02}"

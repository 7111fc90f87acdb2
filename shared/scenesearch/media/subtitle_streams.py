"""Subtitles inside a video: streams of text, and closed captions in its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from scenesearch.media.closed_captions import captions_in
from scenesearch.media.source import OpenVideo, opened, stamp_of, time_base
from scenesearch.media.subtitle_names import language_tag
from scenesearch.media.subtitles import Cue, Subtitles, subtitles_of
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

TEXT_CODECS = frozenset({"ass", "ssa", "subrip", "srt", "mov_text", "webvtt", "text", "eia_608", "cc_dec", "microdvd", "sami", "ttml"})
"""Subtitle codecs (as FFmpeg spells them) that hold text. Others hold pictures of text (DVD, Blu-ray, DVB) or teletext pages."""

STANDS_MS = 4_000
"""How long a line stands that neither says how long nor is followed by another."""

LEAD_MS = 10_000
"""Lines that began so long before a chunk may still stand in it."""


def subtitles_inside(source: BinaryIO, span: Span, duration_ms: int) -> list[Subtitles]:
    """Return the lines that stand in this span of a video, one `Subtitles` for each stream; one without lines says why in its notes.

    Reads the packets of the span. Raises `UnreadableMedia`.
    """
    with opened(source) as video:
        streams = [stream for stream in video.container.streams.subtitles if stream.codec_context is not None]
        unknown = [stream for stream in video.container.streams if stream.type == "subtitle" and stream.codec_context is None]
        readable = [stream for stream in streams if stream.codec.canonical_name in TEXT_CODECS]
        cues = _cues_of(video, readable, span) if readable else {}
        found = [_of_stream(stream, cues.get(stream.index, []), span, duration_ms) for stream in readable]
        others = [*(stream for stream in streams if stream not in readable), *unknown]
        found += [Subtitles(source=_name(stream), language=_language(stream), notes=(_why_not(stream),)) for stream in others]
        if captions := captions_in(video, span):
            found.append(_within(subtitles_of(captions, "closed captions", duration_ms, language=None, forced=False), span))
        return found


def _cues_of(video: OpenVideo, streams: list[SubtitleStream], span: Span) -> dict[int, list[Cue]]:
    """The cues of each stream (by its index) from a little before the span to its end."""
    cues: dict[int, list[Cue]] = {stream.index: [] for stream in streams}
    video.seek(max(0, span.start_ms - LEAD_MS))
    done: set[int] = set()
    for packet in video.packets(*streams, *_clock(video)):
        stamp = stamp_of(packet)
        if stamp is None:
            continue
        at_ms = video.at_ms(stamp, packet.stream)
        if at_ms >= span.end_ms:
            done.add(packet.stream.index)
            if packet.stream is video.video or done.issuperset(cues):
                break
        elif packet.stream.index in cues:
            cues[packet.stream.index] += _decoded(packet, at_ms)
    return cues


def _clock(video: OpenVideo) -> Iterable[Stream]:
    """What else has to be read so that it is seen when the span is over: nothing where an index leads to the lines themselves."""
    return () if video.format.startswith("mov") else (video.video,)


def _decoded(packet: Packet[Stream], at_ms: int) -> Iterator[Cue]:
    import av

    duration_ms = round((packet.duration or 0) * time_base(packet.stream) * 1000)
    try:
        for line in packet.decode():
            written = getattr(line, "ass", b"").decode("utf-8", "replace")
            if written:
                yield ass_cue(written, at_ms, at_ms + (duration_ms or STANDS_MS))
    except av.FFmpegError:
        return


def ass_cue(written: str, start_ms: int, end_ms: int) -> Cue:
    """Return the cue of a line as FFmpeg decodes all subtitles: `ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text`."""
    import pysubs2

    *head, text = written.split(",", 8)
    event = pysubs2.SSAEvent(text=text)
    return Cue(start_ms, end_ms, "" if event.is_drawing else event.plaintext, head[3].strip() or None if len(head) > 3 else None)


def _of_stream(stream: SubtitleStream, cues: list[Cue], span: Span, duration_ms: int) -> Subtitles:
    from av.stream import Disposition

    forced = bool(stream.disposition & Disposition.forced) or "forced" in _title(stream).casefold()
    return _within(subtitles_of(cues, _name(stream), duration_ms, language=_language(stream), forced=forced), span)


def _within(found: Subtitles, span: Span) -> Subtitles:
    """Only the lines whose midpoint lies in the span: each belongs to one chunk."""
    return replace(found, entries=tuple(entry for entry in found.entries if span.contains(entry.span.midpoint_ms)))


def _name(stream: Stream) -> str:
    return f"subtitle stream {stream.index}" + (f" ({title})" if (title := _title(stream)) else "")


def _title(stream: Stream) -> str:
    titles = (stream.metadata.get(key, "") for key in ("title", "name"))
    return next(filter(None, titles), "")


def _language(stream: Stream) -> str | None:
    said = stream.metadata.get("language", "")
    return language_tag(said) if said else None


def _why_not(stream: Stream) -> str:
    kind = stream.codec_context.name if stream.codec_context is not None else "of an unknown kind"
    if "teletext" in kind or kind == "of an unknown kind":
        return "it is not used: teletext pages and unknown kinds are not read; put its text into a .srt file beside the video"
    return f"it is not used: its lines are pictures ({kind}); put its text into a .srt file beside the video"

"""What is said, as subtitles. The words are untrusted: they can neither end a cue nor carry markup."""

from __future__ import annotations

from collections.abc import Iterable

from scenesearch.metadata import Entry, one_line
from scenesearch.timeline import Span

_WORD_JOINER = "\u2060"


def to_vtt(entries: Iterable[Entry], within: Span) -> str:
    """WebVTT of the entries inside the span, times from its start; speakers as voice tags."""
    return _rendered(entries, within, "vtt")


def to_srt(entries: Iterable[Entry], within: Span) -> str:
    """SubRip of the entries inside the span, times from its start; speakers before their words."""
    return _rendered(entries, within, "srt")


def _rendered(entries: Iterable[Entry], within: Span, kind: str) -> str:
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for entry in entries:
        if (span := entry.span.clipped(within)) is not None:
            words = _vtt_words(entry) if kind == "vtt" else _srt_words(entry)
            start, end = span.start_ms - within.start_ms, span.end_ms - within.start_ms
            subtitles.append(pysubs2.SSAEvent(start=start, end=end, text=words))
    subtitles.sort()
    return subtitles.to_string(kind, keep_ssa_tags=True)


def _vtt_words(entry: Entry) -> str:
    def escaped(text: str) -> str:
        return _without_commands(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    return f"<v {escaped(entry.speaker)}>{escaped(entry.text)}" if entry.speaker else escaped(entry.text)


def _srt_words(entry: Entry) -> str:
    # SubRip has no escapes: a space keeps players from taking what was said for a tag
    words = _without_commands(entry.text if not entry.speaker else f"{entry.speaker}: {entry.text}")
    return words.replace("<", "< ").replace("-->", "—>")


def _without_commands(text: str) -> str:
    """One line, and no backslash that pysubs2 takes for a command (`{\\i1}`, `\\N`)."""
    return one_line(text).replace("\\", "\\" + _WORD_JOINER)

"""What is said, as subtitles. The words are untrusted: they can neither end a cue nor carry markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from scenesearch.library.subtitle_layout import Caption, set_captions
from scenesearch.metadata import Entry, one_line
from scenesearch.timeline import Span

_WORD_JOINER = "\u2060"


def to_vtt(entries: Iterable[Entry], within: Span) -> str:
    """WebVTT of the entries inside the span, times from its start; speakers as voice tags."""
    captions = _set(entries, within, lambda entry: Caption(0, 0, (_plain(entry.text),), _plain(entry.speaker or "") or None))

    def words(caption: Caption) -> str:
        text = "\\N".join(map(_escaped, caption.lines))
        return f"<v {_escaped(caption.speaker)}>{text}" if caption.speaker else text

    return _rendered(captions, words, "vtt")


def to_srt(entries: Iterable[Entry], within: Span) -> str:
    """SubRip of the entries inside the span, times from its start; speakers before their words."""

    def caption(entry: Entry) -> Caption:
        # SubRip has no escapes: a space keeps players from taking what was said for a tag
        prefix, words = (_plain(text).replace("<", "< ").replace("-->", "—>") for text in (entry.speaker or "", entry.text))
        prefix = f"{prefix}: " if prefix else ""
        return Caption(0, 0, (prefix + words,), entry.speaker, prefix)

    return _rendered(_set(entries, within, caption), lambda caption: "\\N".join(caption.lines), "srt")


def _set(entries: Iterable[Entry], within: Span, caption: Callable[[Entry], Caption]) -> list[Caption]:
    """The captions of what is said in the span; translations are none."""
    spoken = [(entry, span) for entry in entries if entry.language is None and (span := entry.span.clipped(within)) is not None]
    zero = within.start_ms
    said = [replace(caption(entry), start_ms=span.start_ms - zero, end_ms=span.end_ms - zero) for entry, span in spoken]
    return set_captions(said, within.duration_ms)


def _rendered(captions: Iterable[Caption], words: Callable[[Caption], str], kind: str) -> str:
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for caption in captions:
        subtitles.append(pysubs2.SSAEvent(start=caption.start_ms, end=caption.end_ms, text=words(caption)))
    return subtitles.to_string(kind, keep_ssa_tags=True)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    """One line, and no backslash that pysubs2 takes for a command (`{\\i1}`, `\\N`)."""
    return one_line(text).replace("\\", "\\" + _WORD_JOINER)

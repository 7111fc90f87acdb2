"""What is known about a video: sections of timed entries, and the text that people and readers see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scenesearch.timeline import Span


class Section(StrEnum):
    """One kind of extracted metadata."""

    SUMMARY = "summary"
    IMPORTANT_SCENES = "important_scenes"
    VISUAL_INFO = "visual_info"
    TRANSCRIPTION = "transcription"
    TEXTS = "texts"


CHUNK_SECTIONS = (Section.VISUAL_INFO, Section.TRANSCRIPTION, Section.TEXTS)
"""The sections that are extracted chunk by chunk; the other two belong to the whole video."""


def section_bits(sections: Collection[Section]) -> int:
    """One bit for each section, in the order of `CHUNK_SECTIONS`."""
    return sum(1 << bit for bit, section in enumerate(CHUNK_SECTIONS) if section in sections)


HEADINGS: Mapping[Section, str] = {section: f"[{section.value.replace('_', ' ')}]" for section in Section}
"""`[summary]`, `[important scenes]`, `[visual info]`, `[transcription]`, `[texts]`: in the order of the text."""


class TextKind(StrEnum):
    """What an on-screen text is."""

    CAPTION = "caption"
    TEXT = "text"
    TIMECODE = "timecode"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where on the screen a text stands.

    `position` in words ("bottom center"); `box` as fractions of the frame (left, top, width, height), 0 to 1;
    `direction` is "horizontal" or "vertical".
    """

    position: str
    box: tuple[float, float, float, float] | None = None
    direction: str = "horizontal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One timed line of a section.

    `text` is the description, the words said, or the lines written (joined by " / ").
    `speaker` belongs to `transcription`; `lines`, `layout` and `kind` to `texts`; `subject_scale`
    (how much of the frame's height the main subject fills, 0 to 1) to `visual_info`. `measured`: nothing but colours,
    motion and the like is told, which says how a picture is made and not what it shows. `language` (a tag) belongs to a line of
    `transcription` that is a translation of what is said; None: it is in the language that is spoken.
    """

    section: Section
    span: Span
    text: str
    speaker: str | None = None
    lines: tuple[str, ...] = ()
    layout: Layout | None = None
    kind: TextKind | None = None
    subject_scale: float | None = None
    measured: bool = False
    language: str | None = None

    def render(self) -> str:
        """The entry as its one line of the metadata text."""
        parts = [str(self.span)]
        if self.section is Section.TRANSCRIPTION:
            parts.append(one_line(self.speaker or "?"))
        if self.layout is not None:
            direction = "" if self.layout.direction == "horizontal" else f", {self.layout.direction}"
            parts.append(one_line(self.layout.position + direction))
        parts.append(one_line(self.text))
        if self.language is not None:
            parts.append(f"({one_line(self.language)})")
        if self.kind is not None and self.kind is not TextKind.TEXT:
            parts.append(f"({self.kind})")
        if self.subject_scale is not None:
            parts.append(f"(subject scale {self.subject_scale:.2f})")
        return " | ".join(parts)


@dataclass(frozen=True, slots=True)
class MetadataText:
    """All five sections of one video, ready to be rendered. `notes` say what is missing of it: lines below the summary."""

    summary: str = ""
    important_scenes: Sequence[Entry] = ()
    entries: Sequence[Entry] = field(default=())
    notes: Sequence[str] = ()

    def of(self, section: Section) -> list[Entry]:
        """The entries of one timed section, in order of time."""
        pool = self.important_scenes if section is Section.IMPORTANT_SCENES else self.entries
        return sorted((e for e in pool if e.section is section), key=lambda e: (e.span, e.text))

    def lines(self) -> Iterator[str]:
        """The text, line by line, without line ends."""
        for number, (section, heading) in enumerate(HEADINGS.items()):
            if number:
                yield ""
            yield heading
            if section is Section.SUMMARY:
                if self.summary:
                    yield one_line(self.summary)
                yield from map(one_line, self.notes)
            else:
                yield from (entry.render() for entry in self.of(section))

    def render(self) -> str:
        """One UTF-8 text: the five headings in order, one entry a line, times as `MM:SS-MM:SS`."""
        return "\n".join(self.lines()) + "\n"


def one_line(text: str) -> str:
    """`text` with line breaks, control characters and runs of spaces folded: extracted text is untrusted."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def in_time(entries: Iterable[Entry]) -> list[Entry]:
    """Entries in the one order that is the same on every run: start, end, section, text."""
    return sorted(entries, key=lambda e: (e.span, e.section, e.text, e.speaker or ""))

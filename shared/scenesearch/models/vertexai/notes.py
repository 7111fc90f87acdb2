"""Notes on a video as numbered lines that fit a budget: what the summarizer reads, and what its answers point at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scenesearch.metadata import Entry, Section, TextKind, in_time, one_line
from scenesearch.models.vertexai.tokens import estimate
from scenesearch.ports import speaker_key
from scenesearch.timeline import Span
from scenesearch.video import SectionRecord

KINDS = {Section.VISUAL_INFO: "seen", Section.TRANSCRIPTION: "said", Section.TEXTS: "written", Section.IMPORTANT_SCENES: "scene"}

LONGEST_LINE = 400
"""The most characters of an entry in a line: a summary needs no more."""

TOKENS_BEFORE_TEXT = 14
"""About how many tokens the number, times and kind of a line are: an estimate for budgets, not for bills."""


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered line that an answer may refer to."""

    span: Span
    text: str

    @property
    def tokens(self) -> int:
        """The estimated tokens of the line."""
        return TOKENS_BEFORE_TEXT + estimate(self.text)


@dataclass(frozen=True, slots=True)
class ChunkNotes:
    """The notes on one chunk: its digest, and its lines in order of time."""

    digest: str
    lines: tuple[Line, ...]

    @property
    def tokens(self) -> int:
        """The estimated tokens of the digest and all lines."""
        return estimate(self.digest) + sum(line.tokens for line in self.lines)

    def thinned(self, budget: int) -> ChunkNotes:
        """Return these notes with as many lines, evenly chosen, as fit into `budget` tokens."""
        lines = self.lines
        # each round drops every fourth line
        while lines and estimate(self.digest) + sum(line.tokens for line in lines) > budget:
            lines = tuple(line for place, line in enumerate(lines) if place % 4 != 3) if len(lines) > 3 else lines[:-1]
        return ChunkNotes(self.digest, lines)


def notes_of(records: Sequence[SectionRecord], names: Mapping[str, str]) -> list[ChunkNotes]:
    """Return the notes on each chunk, in order; empty chunks are left out. Speakers are named by `names` (keyed by `speaker_key`)."""
    notes = []
    for chunk in sorted({record.key.chunk for record in records}):
        here = [record for record in records if record.key.chunk == chunk]
        digest = " ".join(one_line(r.digest) for r in sorted(here, key=lambda r: r.key.section) if r.digest)
        lines = tuple(
            _line(entry, chunk, names) for entry in in_time(e for r in here for e in r.entries) if entry.kind is not TextKind.TIMECODE
        )
        if digest or lines:
            notes.append(ChunkNotes(digest, lines))
    return notes


def grouped(chunks: Sequence[ChunkNotes], budget: int) -> list[list[ChunkNotes]]:
    """Split the notes into groups of at most `budget` tokens; notes that are larger by themselves are thinned."""
    groups: list[list[ChunkNotes]] = [[]]
    for chunk in (p if p.tokens <= budget else p.thinned(budget) for p in chunks):
        if groups[-1] and sum(p.tokens for p in groups[-1]) + chunk.tokens > budget:
            groups.append([])
        groups[-1].append(chunk)
    return groups


def written_out(chunks: Sequence[ChunkNotes]) -> tuple[str, list[Line]]:
    """Return the notes as text, and their lines: line number `n` of the text is item `n - 1`."""
    lines = [line for chunk in chunks for line in chunk.lines]
    return "\n".join(_text(chunks)), lines


def _text(chunks: Sequence[ChunkNotes]) -> Iterator[str]:
    number = 0
    for place, chunk in enumerate(chunks, 1):
        yield f"== part {place} of {len(chunks)} =="
        if chunk.digest:
            yield f"in short: {chunk.digest}"
        for line in chunk.lines:
            number += 1
            yield f"{number} | {line.span} | {line.text}"


def _line(entry: Entry, chunk: int, names: Mapping[str, str]) -> Line:
    who = f"{one_line(names.get(speaker_key(chunk, entry.speaker), entry.speaker))}: " if entry.speaker else ""
    text = one_line(entry.text)
    return Line(entry.span, f"{KINDS[entry.section]} | {who}{text[:LONGEST_LINE]}{'…' if len(text) > LONGEST_LINE else ''}")

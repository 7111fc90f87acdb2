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
"""Letters of an entry that go into a line: a story needs no more."""

TOKENS_BEFORE_TEXT = 14
"""What a line's number, times and kind come to, about."""


@dataclass(frozen=True, slots=True)
class Line:
    """One moment that an answer may point at."""

    span: Span
    text: str

    @property
    def tokens(self) -> int:
        return TOKENS_BEFORE_TEXT + estimate(self.text)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the video: what it is about, and its moments in order of time."""

    digest: str
    lines: tuple[Line, ...]

    @property
    def tokens(self) -> int:
        return estimate(self.digest) + sum(line.tokens for line in self.lines)

    def thinned(self, budget: int) -> Passage:
        """The passage with as many lines, evenly chosen, as `budget` tokens hold."""
        lines = self.lines
        while lines and estimate(self.digest) + sum(line.tokens for line in lines) > budget:
            lines = tuple(line for place, line in enumerate(lines) if place % 4 != 3) if len(lines) > 3 else lines[:-1]
        return Passage(self.digest, lines)


def passages_of(records: Sequence[SectionRecord], names: Mapping[str, str]) -> list[Passage]:
    """One passage a chunk, in order; chunks without a word are left out. Speakers go by their `names` (by `speaker_key`)."""
    passages = []
    for chunk in sorted({record.key.chunk for record in records}):
        here = [record for record in records if record.key.chunk == chunk]
        digest = " ".join(one_line(r.digest) for r in sorted(here, key=lambda r: r.key.section) if r.digest)
        lines = tuple(
            _line(entry, chunk, names) for entry in in_time(e for r in here for e in r.entries) if entry.kind is not TextKind.TIMECODE
        )
        if digest or lines:
            passages.append(Passage(digest, lines))
    return passages


def grouped(passages: Sequence[Passage], budget: int) -> list[list[Passage]]:
    """The passages in runs of at most `budget` tokens each; one that is larger by itself is thinned."""
    groups: list[list[Passage]] = [[]]
    for passage in (p if p.tokens <= budget else p.thinned(budget) for p in passages):
        if groups[-1] and sum(p.tokens for p in groups[-1]) + passage.tokens > budget:
            groups.append([])
        groups[-1].append(passage)
    return groups


def written_out(passages: Sequence[Passage]) -> tuple[str, list[Line]]:
    """The passages as text, and their lines by number: line `n` of the text is item `n - 1`."""
    lines = [line for passage in passages for line in passage.lines]
    return "\n".join(_text(passages)), lines


def _text(passages: Sequence[Passage]) -> Iterator[str]:
    number = 0
    for place, passage in enumerate(passages, 1):
        yield f"== part {place} of {len(passages)} =="
        if passage.digest:
            yield f"in short: {passage.digest}"
        for line in passage.lines:
            number += 1
            yield f"{number} | {line.span} | {line.text}"


def _line(entry: Entry, chunk: int, names: Mapping[str, str]) -> Line:
    who = f"{one_line(names.get(speaker_key(chunk, entry.speaker), entry.speaker))}: " if entry.speaker else ""
    text = one_line(entry.text)
    return Line(entry.span, f"{KINDS[entry.section]} | {who}{text[:LONGEST_LINE]}{'…' if len(text) > LONGEST_LINE else ''}")

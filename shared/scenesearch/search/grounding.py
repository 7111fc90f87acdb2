"""Grounded or gone: a scene rests on entries of its video that overlap it; whatever else a reader says is not believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from scenesearch.lexical.analysis import normalised
from scenesearch.metadata import Entry
from scenesearch.ports import FoundScene, Passage
from scenesearch.search.query import Phrase
from scenesearch.timeline import Span, hull

NEARLY = 0.8
"""How alike (0 to 1) a quotation must be to an entry, or to a part of one: readers mend spelling and leave words out."""

SNAP_MS = 3_000
"""A border moves at most so far to the border of an entry."""

_SAME_MS = 300
_SHORTEST_QUOTE = 2


@dataclass(frozen=True, slots=True)
class GroundedScene:
    """A scene with the entries that it rests on; `grounded` is False when none of its quotations stands there."""

    span: Span
    description: str
    evidence: tuple[Entry, ...]
    grounded: bool
    score: float


def ground(
    found: FoundScene,
    passages: Sequence[Passage],
    phrases: Sequence[Phrase],
    admits: Callable[[Entry], bool],
    *,
    duration_ms: int,
    tight: bool,
) -> GroundedScene | None:
    """The scene with its evidence looked up and its span snapped to it; None when it lies outside the video, or lacks a phrase.

    `admits` says which entries may be evidence; `tight`: nothing but phrases is asked for, so the scene is where they stand.
    """
    span = found.span.clipped(Span(0, duration_ms)) if duration_ms > 0 else found.span
    if span is None:
        return None
    here = [entry for passage in passages for entry in passage.entries if entry.span.overlaps(span)]
    evidence = _quoted(found.quotes, [entry for entry in here if admits(entry)])
    grounded = bool(evidence)
    if phrases:
        holding = [entry for phrase in phrases for entry in _holding(phrase.plain, here)]
        if len({phrase.plain for phrase in phrases if _holding(phrase.plain, here)}) < len(phrases):
            return None
        holding = [entry for entry in holding if admits(entry)]
        if not holding:
            return None
        evidence = _distinct([*holding, *evidence])
        if tight:
            evidence = _distinct(holding)
            span = _around(holding, span)
        grounded = True
    snapped = span if tight else _snapped(span, here, evidence)
    return GroundedScene(snapped, found.description, tuple(evidence), grounded, found.score)


def _quoted(quotes: Sequence[str], entries: Sequence[Entry]) -> list[Entry]:
    """The entries that quotations are of, in the order quoted."""
    plain = [normalised(entry.text) for entry in entries]
    found = (_place_of(normalised(quote), plain) for quote in quotes)
    return _distinct([entries[place] for place in found if place is not None])


def _place_of(quote: str, texts: Sequence[str]) -> int | None:
    """The text that a quotation is of: the same, else one that contains it, else the one most like it."""
    if quote in texts:
        return texts.index(quote)
    if len(quote) < _SHORTEST_QUOTE:
        return None
    for place, text in enumerate(texts):
        if quote in text:
            return place
    alike, place = max(((_alike(quote, text), -place) for place, text in enumerate(texts)), default=(0.0, 0))
    return -place if alike >= NEARLY else None


def _alike(quote: str, text: str) -> float:
    """How much of a quotation stands in a text in one place, 0 to 1."""
    if len(text) >= _SHORTEST_QUOTE * 2 and text in quote:
        return max(NEARLY, len(text) / len(quote))  # the quotation runs on into the next entry
    matcher = SequenceMatcher(None, text, quote, autojunk=False)
    if matcher.real_quick_ratio() < NEARLY and len(text) <= len(quote):
        return 0.0
    block = matcher.find_longest_match()
    start = max(0, block.a - block.b)
    return SequenceMatcher(None, text[start : start + len(quote)], quote, autojunk=False).ratio()


def _holding(phrase: str, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that hold a phrase; where it begins in one and ends in the next of its section, both."""
    single = [entry for entry in entries if _stands_in(phrase, normalised(entry.text))]
    if single:
        return single
    for section in {entry.section for entry in entries}:
        of_section = [entry for entry in entries if entry.section is section]
        for first, second in pairwise(of_section):
            if _stands_in(phrase, normalised(f"{first.text} {second.text}")):
                return [first, second]
    return []


def _stands_in(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text as whole words; punctuation and spaces of unspaced scripts apart."""
    at = text.find(phrase)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(phrase) : at + len(phrase) + 1]
        if not (_joined(before, phrase[0]) or _joined(phrase[-1], after)):
            return True
        at = text.find(phrase, at + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one spaced word."""
    return bool(left and right) and left.isascii() and right.isascii() and left.isalnum() and right.isalnum()


def _around(entries: Sequence[Entry], span: Span) -> Span:
    """The first stretch of the entries that hold a phrase, within the scene."""
    ordered = sorted(entries, key=lambda entry: entry.span)
    stretch = [ordered[0]]
    for entry in ordered[1:]:
        if entry.span.start_ms - max(e.span.end_ms for e in stretch) <= SNAP_MS:
            stretch.append(entry)
    around = hull(entry.span for entry in stretch)
    return around if around.overlaps(span) else span


def _snapped(span: Span, entries: Sequence[Entry], evidence: Sequence[Entry]) -> Span:
    """Borders that cut through evidence, or lie just beside the border of an entry, moved onto it."""
    start = _nearest(
        span.start_ms, [e.span.start_ms for e in entries], [e.span.start_ms for e in evidence if e.span.start_ms < span.start_ms]
    )
    end = _nearest(span.end_ms, [e.span.end_ms for e in entries], [e.span.end_ms for e in evidence if e.span.end_ms > span.end_ms])
    return Span(start, end) if start < end else span


def _nearest(at: int, borders: Sequence[int], wanted: Sequence[int]) -> int:
    if any(abs(border - at) <= _SAME_MS for border in borders):
        return at
    near = [border for border in (wanted or borders) if abs(border - at) <= SNAP_MS]
    return min(near, key=lambda border: abs(border - at)) if near else at


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    return list(dict.fromkeys(entries))

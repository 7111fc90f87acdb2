"""Grounded or gone: a scene rests on entries of its video that overlap it; whatever else a reader says is not believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from scenesearch.metadata import Entry, Section
from scenesearch.moments import Passage
from scenesearch.ports import FoundScene
from scenesearch.ranking.phrases import occurrences, stands_in
from scenesearch.ranking.quotations import FEWEST, FEWEST_NEARLY, bare, letters, quoted_from
from scenesearch.ranking.words import normalised
from scenesearch.search.query import Phrase
from scenesearch.timeline import Span, hull

NEARLY = 0.8
"""How alike (0 to 1) a quotation must be to an entry, or to a part of one: readers mend spelling and leave words out."""

SNAP_MS = 3_000
"""How many milliseconds a border moves at most to the border of an entry."""

ONE_SCENE = 0.5
"""The overlap (intersection over union, 0 to 1) from which two scenes of a file are one."""

STRONG = 0.5
"""The score (0 to 1) from which both of them are joined; a weaker one is dropped, since it would only dilute the strong one."""

RUNS_ON = 0.5
"""The least share of a quotation (0 to 1) that an entry must make up when the rest of it is found nowhere."""

_SAME_MS = 300
"""Milliseconds within which a border is at the border of an entry, and stays where it is."""


@dataclass(frozen=True, slots=True)
class GroundedScene:
    """A scene with its evidence; `grounded` is False when none of its quotations is found there."""

    span: Span
    description: str
    evidence: tuple[Entry, ...]
    grounded: bool
    score: float


def ground(
    found: FoundScene,
    passages: Sequence[Passage],
    phrases: Sequence[Phrase],
    *,
    duration_ms: int,
    tight: bool,
) -> GroundedScene | None:
    """Look up the evidence of a scene and snap its span to it; None when it lies outside the video, or lacks a phrase.

    The entries of the passages may be evidence; `tight`: nothing but phrases is asked for, so the scene is where they stand.
    """
    span = found.span.clipped(Span(0, duration_ms)) if duration_ms > 0 else found.span
    if span is None:
        return None
    here = [entry for passage in passages for entry in passage.entries if entry.span.overlaps(span)]
    evidence = _quoted(found.quotes, here)
    grounded = bool(evidence)
    if phrases:
        held = [[here[place] for pair in occurrences(phrase.written, here) for place in pair] for phrase in phrases]
        if not all(held):
            return None
        holding = _distinct([entry for entries in held for entry in entries])
        evidence = holding if tight else _distinct([*holding, *evidence])
        span = _around(held, span) if tight else span
        grounded = True
    snapped = span if tight else _snapped(span, here, evidence)
    return GroundedScene(snapped, found.description, tuple(evidence), grounded, found.score)


def merged(scenes: Iterable[GroundedScene]) -> tuple[GroundedScene, ...]:
    """Return the scenes of a file, best first, each place once."""
    kept: list[GroundedScene] = []
    for scene in sorted(scenes, key=lambda scene: -scene.score):
        same = next((n for n, other in enumerate(kept) if other.span.iou(scene.span) >= ONE_SCENE), None)
        if same is None:
            kept.append(scene)
        elif scene.score >= STRONG and kept[same].grounded == scene.grounded:
            best = kept[same]
            evidence = tuple(_distinct([*best.evidence, *scene.evidence]))
            kept[same] = replace(best, span=best.span.hull(scene.span), evidence=evidence)
    return tuple(kept)


def _quoted(quotes: Sequence[str], entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are quoted, in the order of the quotations."""
    whole = {bare(entry.text): entry for entry in reversed(entries)}  # of those that say the same, the first
    wanted = list(filter(None, map(bare, quotes)))
    places = _places(entries) if any(quote not in whole for quote in wanted) else []
    quoted: list[Entry] = []
    for quote in wanted:
        if quote in whole:
            quoted.append(whole[quote])
        elif place := _place_of(quote, places):
            quoted += place.entries
    return _distinct(quoted)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a quotation may stand: in an entry, or in two that follow each other."""

    entries: tuple[Entry, ...]
    text: str


def _places(entries: Sequence[Entry]) -> list[_Place]:
    """Every entry, then all neighbours of one section."""
    alone = [(entry,) for entry in entries]
    neighbours = [pair for section in Section for pair in pairwise(entry for entry in entries if entry.section is section)]
    return [_Place(place, " ".join(normalised(entry.text) for entry in place)) for place in (*alone, *neighbours)]


def _place_of(quote: str, places: Sequence[_Place]) -> _Place | None:
    """The place that a quotation is of: the same, else one that contains it, else the one most like it."""
    holding = [place for place in places if quoted_from(quote, place.text)]
    if holding:
        return next((place for place in holding if bare(place.text) == quote), holding[0])
    if letters(quote) < FEWEST_NEARLY or not places:
        return None
    alike, number = max((_alike(quote, place.text), -number) for number, place in enumerate(places))
    return places[-number] if alike >= NEARLY else None


def _alike(quote: str, text: str) -> float:
    """Return how much of a quotation a text contains in one place, 0 to 1."""
    whole = bare(text)
    if letters(whole) >= FEWEST and len(whole) >= RUNS_ON * len(quote) and stands_in(whole, quote):
        return max(NEARLY, len(whole) / len(quote))  # the quotation runs on
    matcher = SequenceMatcher(None, text, quote, autojunk=False)
    if matcher.real_quick_ratio() < NEARLY and len(text) <= len(quote):
        return 0.0
    block = matcher.find_longest_match()
    start = max(0, block.a - block.b)
    return SequenceMatcher(None, text[start : start + len(quote)], quote, autojunk=False).ratio()


def _around(held: Sequence[Sequence[Entry]], span: Span) -> Span:
    """Return where the phrases are: the first place of each (and the places close after it, when there is only one phrase)."""
    firsts = [sorted(entries, key=lambda entry: entry.span) for entries in held if entries]
    stretch = [entries[0] for entries in firsts]
    if len(firsts) == 1:
        for entry in firsts[0][1:]:
            if entry.span.start_ms - max(e.span.end_ms for e in stretch) <= SNAP_MS:
                stretch.append(entry)
    around = hull(entry.span for entry in stretch)
    return around if around.overlaps(span) else span


def _snapped(span: Span, entries: Sequence[Entry], evidence: Sequence[Entry]) -> Span:
    """Move borders that cut through evidence, or lie just beside the border of an entry, onto that border."""
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

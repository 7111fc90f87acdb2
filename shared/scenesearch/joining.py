"""Join entries across a border: what was cut in two becomes one, what was heard twice is kept once.

Chunks overlap a little and their clips are read apart (`joined_chunks`); the halves of a clip that was bisected touch
(`joined_halves`). Joining is idempotent: what is joined already stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from scenesearch.metadata import Entry, Section, in_time
from scenesearch.timeline import Span

NEAR_MS = 1000
"""How far from a border an entry may end or start and still be cut by it."""

ALIKE = 0.8
"""From this similarity on (0 to 1, of letters) two texts at a border are readings of the same thing."""

PARTED_MS = 250
"""How far from the border between two halves the entries end and start that it has parted."""

_SENTENCE_END = re.compile(r"[.!?…。！？]['\"”’»」』)]*$")
_NUMBERED_SPEAKER = re.compile(r"Speaker (\d+)")
_NUMBER = re.compile(r"\d+")


def joined_chunks(sections: Mapping[int, Sequence[Entry]], borders_ms: Sequence[int]) -> dict[int, list[Entry]]:
    """The entries of one kind of section by chunk number, joined over the borders.

    `borders_ms[n]` is where chunk n ends and chunk n+1 starts. A joined entry belongs to the chunk it starts in.
    """
    chunks = {number: in_time(entries) for number, entries in sections.items()}
    for number in sorted(chunks, reverse=True):  # from the end, so that what runs through a whole chunk is joined on
        if number + 1 in chunks and number < len(borders_ms):
            chunks[number], chunks[number + 1] = _over_border(chunks[number], chunks[number + 1], borders_ms[number])
    return chunks


def joined_halves(first: Sequence[Entry], second: Sequence[Entry], border_ms: int) -> tuple[Entry, ...]:
    """The entries of both halves, in order. `border_ms` is where the second begins, on their clock.

    The halves' models numbered their unknown speakers alone: the second half's are numbered on from the first's, but for one whose
    sentence was cut in two.
    """
    whole = list(first)
    numbers = [int(found[1]) for entry in first if entry.speaker and (found := _NUMBERED_SPEAKER.fullmatch(entry.speaker))]
    labels: dict[str, str] = {}
    rest: list[Entry] = []
    for entry in second:
        place = next((n for n, late in enumerate(whole) if _parted(late, entry, border_ms)), None)
        if place is None:
            rest.append(entry)
            continue
        if entry.speaker and whole[place].speaker:
            labels[entry.speaker] = whole[place].speaker or entry.speaker
        whole[place] = _one_of_halves(whole[place], entry)
    known = max(numbers, default=0)
    for entry in rest:
        if entry.speaker and entry.speaker not in labels and (found := _NUMBERED_SPEAKER.fullmatch(entry.speaker)):
            labels[entry.speaker] = f"Speaker {known + int(found[1])}"
    return (*whole, *(replace(entry, speaker=labels.get(entry.speaker, entry.speaker)) if entry.speaker else entry for entry in rest))


def _parted(late: Entry, early: Entry, border_ms: int) -> bool:
    if not (abs(late.span.end_ms - border_ms) <= PARTED_MS and abs(early.span.start_ms - border_ms) <= PARTED_MS):
        return False
    if late.section is not Section.TRANSCRIPTION:
        return (late.text, late.kind, late.layout) == (early.text, early.kind, early.layout)
    return not _ends_sentence(late.text) and _may_be_one(late.speaker, early.speaker)


def _may_be_one(late: str | None, early: str | None) -> bool:
    return late == early or bool(late and early and _NUMBERED_SPEAKER.fullmatch(late) and _NUMBERED_SPEAKER.fullmatch(early))


def _one_of_halves(late: Entry, early: Entry) -> Entry:
    if late.section is Section.TRANSCRIPTION:
        return _said_on(late, early, early.text)
    scales = [entry.subject_scale for entry in (late, early) if entry.subject_scale is not None]
    return replace(late, span=late.span.hull(early.span), subject_scale=max(scales, default=None))


def _ends_sentence(text: str) -> bool:
    return _SENTENCE_END.search(text.rstrip()) is not None


def _over_border(before: list[Entry], after: list[Entry], border_ms: int) -> tuple[list[Entry], list[Entry]]:
    kept_before, kept_after = list(before), list(after)
    for late in before:
        if late.span.end_ms < border_ms - NEAR_MS:
            continue
        for early in list(kept_after):
            if early.span.start_ms > max(border_ms, late.span.end_ms) + NEAR_MS:
                break
            if (one := _one(late, early)) is not None:
                kept_before[kept_before.index(late)] = late = one
                kept_after.remove(early)
    return kept_before, kept_after


def _one(late: Entry, early: Entry) -> Entry | None:
    """The two entries as one, or None when they are two."""
    if late.section is Section.TRANSCRIPTION:
        return _one_speech(late, early)
    if late.kind != early.kind or not _same_reading(late.text, early.text) or not _near(late.span, early.span):
        return None
    return replace(_longer(late, early), span=late.span.hull(early.span))


def _one_speech(late: Entry, early: Entry) -> Entry | None:
    if late.speaker and early.speaker and late.speaker != early.speaker:
        return None
    if late.span.overlaps(early.span):
        if _alike(late.text, early.text) >= ALIKE or _within(late.text, early.text):
            return replace(_longer(late, early), span=late.span.hull(early.span), speaker=late.speaker or early.speaker)
        shared = _shared_words(late.text, early.text)
        if shared == 0:
            return None
        words = early.text.split()[shared:]
        return _said_on(late, early, " ".join(words))
    if not _near(late.span, early.span) or _ends_sentence(late.text):
        return None
    return _said_on(late, early, early.text)


def _said_on(late: Entry, early: Entry, rest: str) -> Entry:
    spaced = " " in late.text.strip() or " " in rest.strip() or (late.text + rest).isascii()
    text = f"{late.text.rstrip()}{' ' if spaced else ''}{rest}".rstrip()
    return replace(late, text=text, span=late.span.hull(early.span), speaker=late.speaker or early.speaker)


def _near(late: Span, early: Span) -> bool:
    return early.start_ms - late.end_ms <= NEAR_MS


def _same_reading(a: str, b: str) -> bool:
    """Whether two texts are one, read twice. Numbers must agree: the next second of a clock and the next step are other texts."""
    return _NUMBER.findall(a) == _NUMBER.findall(b) and _alike(a, b) >= ALIKE


def _longer(a: Entry, b: Entry) -> Entry:
    return a if len(a.text) >= len(b.text) else b


def _alike(a: str, b: str) -> float:
    return SequenceMatcher(None, _letters(a), _letters(b), autojunk=False).ratio()


def _within(a: str, b: str) -> bool:
    short, long = sorted((_letters(a), _letters(b)), key=len)
    return bool(short) and short in long


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _shared_words(late: str, early: str) -> int:
    """How many words end `late` and start `early` again: heard in both clips."""
    ends, starts = late.split(), early.split()
    return max(
        (n for n in range(1, min(len(ends), len(starts)) + 1) if [_letters(w) for w in ends[-n:]] == [_letters(w) for w in starts[:n]]),
        default=0,
    )

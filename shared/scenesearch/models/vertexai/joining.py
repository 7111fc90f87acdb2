"""The two halves of a clip put together again: what the cut parted is one, and two voices are never taken for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from scenesearch.metadata import Entry, Section

NEAR_MS = 250
"""Entries that end and begin this near to the border were parted by it."""

_NUMBERED = re.compile(r"Speaker (\d+)")
_SENTENCE_END = re.compile(r"[.!?…。！？]['\"”’»」』)]*$")
_UNSPACED = "\u2e80"
"""From here on, scripts are written without spaces between words (Korean apart, whose words then lack one space)."""


def joined(first: Sequence[Entry], second: Sequence[Entry], border_ms: int) -> tuple[Entry, ...]:
    """The entries of both halves, in order. `border_ms` is where the second begins, on their clock.

    The halves' models numbered their unknown speakers alone: the second half's are numbered on from the first's, but for one whose
    sentence was cut in two.
    """
    whole = list(first)
    numbers = [int(found[1]) for entry in first if entry.speaker and (found := _NUMBERED.fullmatch(entry.speaker))]
    labels: dict[str, str] = {}
    rest: list[Entry] = []
    for entry in second:
        place = next((n for n, late in enumerate(whole) if _parted(late, entry, border_ms)), None)
        if place is None:
            rest.append(entry)
            continue
        if entry.speaker and whole[place].speaker:
            labels[entry.speaker] = whole[place].speaker or entry.speaker
        whole[place] = _one(whole[place], entry)
    known = max(numbers, default=0)
    for entry in rest:
        if entry.speaker and entry.speaker not in labels and (found := _NUMBERED.fullmatch(entry.speaker)):
            labels[entry.speaker] = f"Speaker {known + int(found[1])}"
    return (*whole, *(replace(entry, speaker=labels.get(entry.speaker, entry.speaker)) if entry.speaker else entry for entry in rest))


def _parted(late: Entry, early: Entry, border_ms: int) -> bool:
    if not (abs(late.span.end_ms - border_ms) <= NEAR_MS and abs(early.span.start_ms - border_ms) <= NEAR_MS):
        return False
    if late.section is not Section.TRANSCRIPTION:
        return (late.text, late.kind, late.layout) == (early.text, early.kind, early.layout)
    return _SENTENCE_END.search(late.text) is None and _may_be_one(late.speaker, early.speaker)


def _may_be_one(late: str | None, early: str | None) -> bool:
    return late == early or bool(late and early and _NUMBERED.fullmatch(late) and _NUMBERED.fullmatch(early))


def _one(late: Entry, early: Entry) -> Entry:
    span = late.span.hull(early.span)
    if late.section is not Section.TRANSCRIPTION:
        scales = [entry.subject_scale for entry in (late, early) if entry.subject_scale is not None]
        return replace(late, span=span, subject_scale=max(scales, default=None))
    space = "" if late.text[-1] >= _UNSPACED and early.text[0] >= _UNSPACED else " "
    return replace(late, span=span, text=f"{late.text}{space}{early.text}")

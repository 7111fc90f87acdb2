"""Which lines of a scene answer a question: its evidence, picked by words alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.ranking.words import known_words, normalised

_ELSEWHERE = 0.5


def evidence_lines(
    entries: Sequence[Entry],
    shares: Mapping[str, float],
    *,
    phrases: Sequence[str] = (),
    sections: Collection[Section] = (),
    most: int = 3,
) -> list[Entry]:
    """At most `most` of the entries, in their order: those that answer the largest shares of the question and hold its phrases.

    Entries of other sections than those it speaks of count half. Where no word is answered, the one in the middle.
    """
    wanted = [normalised(phrase) for phrase in phrases]

    def worth(entry: Entry) -> float:
        answered = sum(shares.get(word, 0.0) for word in set(known_words(entry.text)))
        held = sum(phrase in normalised(entry.text) for phrase in wanted)
        return answered * (_ELSEWHERE if sections and entry.section not in sections else 1.0) + held

    ranked = sorted(((worth(entry), -place) for place, entry in enumerate(entries)), reverse=True)[:most]
    chosen = sorted(-place for value, place in ranked if value > 0 and value >= ranked[0][0] / 2)
    if chosen:
        return [entries[place] for place in chosen]
    told = [entry for entry in entries if entry.kind is not TextKind.TIMECODE] or list(entries)
    return told[len(told) // 2 :][:1]

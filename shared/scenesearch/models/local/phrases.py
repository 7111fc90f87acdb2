"""Join timed words into the sentences and phrases that a person would quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST_S = 12.0
"""The longest phrase in seconds; two phrases are joined only up to half of it."""

_PAUSE_S = 0.9
"""The pause in seconds between two words from which a new phrase begins."""

_BREATH_S = 0.45
"""The pause in seconds that ends a Japanese sentence after a polite ending; short phrases are joined only across shorter ones."""

_SHORT_S = 1.2
"""The duration in seconds below which a phrase is short, and joined with its neighbour."""

_SENTENCE_ENDS = (".", "?", "!", "。", "！", "？", "…")
_CLAUSE_ENDS = (",", ";", ":", "、", "，", "—", "–")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]$")
_POLITE_END = re.compile(r"(す|した|せん|さい|だ|か|ね|よ)$")
_ABBREVIATIONS = frozenset({"mr.", "mrs.", "ms.", "dr.", "st.", "vs.", "etc.", "e.g.", "i.e.", "no.", "prof."})


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word from the speech model, with its leading space where the script has spaces; start and end in seconds."""

    text: str
    start: float
    end: float
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Consecutive words that make one transcript line."""

    words: tuple[TimedWord, ...]

    @property
    def text(self) -> str:
        """The words as one text."""
        return "".join(w.text for w in self.words).strip()

    @property
    def start(self) -> float:
        """When the first word starts, in seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """When the last word ends, in seconds."""
        return max(w.end for w in self.words)

    @property
    def probability(self) -> float:
        """The mean probability of the words, 0 to 1."""
        return sum(w.probability for w in self.words) / len(self.words)


def phrases(words: Iterable[TimedWord]) -> list[Phrase]:
    """Split words at sentence ends and long pauses, split long parts again at their best place, and join short ones."""
    runs: list[list[TimedWord]] = []
    for word in words:
        if runs and not _ends(runs[-1][-1], word):
            runs[-1].append(word)
        else:
            runs.append([word])
    parts = [part for run in runs for part in _shortened(run)]
    return [Phrase(tuple(part)) for part in _joined(parts)]


def _ends(word: TimedWord, following: TimedWord) -> bool:
    pause = following.start - word.end
    if pause >= _PAUSE_S:
        return True
    text = word.text.strip().lower()
    if _UNSPACED.search(text) and (following.text.startswith(" ") or (pause >= _BREATH_S and _POLITE_END.search(text))):
        return True  # Whisper often writes a space or nothing where Japanese has its full stop
    return text.rstrip("\"'”’」』)").endswith(_SENTENCE_ENDS) and text not in _ABBREVIATIONS


def _shortened(words: list[TimedWord]) -> list[list[TimedWord]]:
    """Split until no part is too long, each time at a clause end or a wide gap near the middle."""
    if len(words) < 2 or words[-1].end - words[0].start <= LONGEST_S:
        return [words]
    middle = (words[0].start + words[-1].end) / 2
    length = words[-1].end - words[0].start

    def goodness(i: int) -> float:
        # a clause end is worth a gap of 0.6 s; splitting at either end, not in the middle, costs as much as a gap of 1 s
        gap = words[i].start - words[i - 1].end
        clause = words[i - 1].text.strip().endswith(_CLAUSE_ENDS)
        return gap + 0.6 * clause - 2 * abs(words[i].start - middle) / length

    cut = max(range(1, len(words)), key=goodness)
    return _shortened(words[:cut]) + _shortened(words[cut:])


def _joined(parts: Sequence[list[TimedWord]]) -> list[list[TimedWord]]:
    """Join very short parts ("Yes.") with the part that follows at once."""
    joined: list[list[TimedWord]] = []
    for part in parts:
        if joined:
            before = joined[-1]
            together = part[-1].end - before[0].start
            short = min(before[-1].end - before[0].start, part[-1].end - part[0].start) < _SHORT_S
            if short and part[0].start - before[-1].end < _BREATH_S and together <= LONGEST_S / 2:
                before.extend(part)
                continue
        joined.append(list(part))
    return joined

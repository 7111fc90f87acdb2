"""How subtitles are set: how much stands on the screen at once, for how long, and where lines break.

The limits are those of the style guides of broadcasters and streaming services (BBC, Netflix): two lines, 42 letters or 16 characters
of scripts without spaces, 20 letters a second, nothing too short to be read nor longer than it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from math import ceil
from typing import Protocol, cast

LINE = 42
UNSPACED_LINE = 16
"""Characters of a line, in scripts with spaces between words and in those without."""

LINES = 2
SHORTEST_MS = 800
LONGEST_MS = 7_000
LETTERS_A_SECOND = 20

_SENTENCE = re.compile(r"[.!?…。！？][\"'”’」』)\]]*$")
_CLAUSE = re.compile(r"[,;:，、；：–—][\"'”’」』)\]]*$")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]")
_NO_START = set("、。，．・：；？！」』）】〕〉》…ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々")
"""What does not begin a line of Japanese (kinsoku)."""

_WORDS_BEFORE = (
    "and but or because that which who when while if so than to of in on at for with und aber weil dass et mais que y pero e ma che"
)
_BEFORE = frozenset(_WORDS_BEFORE.split())
"""Words that a new line may well begin with: conjunctions and prepositions stay with what they introduce."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands on the screen from `start_ms` to `end_ms`: at most two lines of plain text, which begin with `prefix` where it is set."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None
    prefix: str = ""

    @property
    def letters(self) -> int:
        return sum(map(len, self.lines))

    @property
    def wanted_ms(self) -> int:
        """How long it takes to read."""
        return min(LONGEST_MS, max(SHORTEST_MS, 1000 * self.letters // LETTERS_A_SECOND))


def set_captions(said: Iterable[Caption], until_ms: int) -> list[Caption]:
    """Return these captions (one line each, of any length) divided, broken into lines and timed to be read; none ends after `until_ms`."""
    ordered = sorted(said, key=lambda one: (one.start_ms, one.end_ms))
    pieces = []
    for number, one in enumerate(ordered):
        following = ordered[number + 1].start_ms if number + 1 < len(ordered) else until_ms
        to_read = one.start_ms + 1000 * one.letters // LETTERS_A_SECOND
        pieces += _divided(replace(one, end_ms=max(one.end_ms, min(to_read, following))))
    return _timed(_joined(pieces), until_ms)


# --- what stands together ---------------------------------------------------------------------------------------------


def _divided(whole: Caption) -> list[Caption]:
    """The caption in parts that fit on the screen, each with its share of the time."""
    text = " ".join(whole.lines)
    words, width = _words(text), _width(text)
    parts: list[list[str]] = []
    left, a_letter_ms = words, (whole.end_ms - whole.start_ms) / max(1, len(text))
    while left:
        count = _part(left, width, _fewest(left, width, a_letter_ms))
        parts.append(left[:count])
        left = left[count:]
    total = max(1, sum(len("".join(part)) for part in parts))
    captions, at_ms, passed = list[Caption](), whole.start_ms, 0
    for number, part in enumerate(parts):
        passed += len("".join(part))
        end_ms = whole.start_ms + round((whole.end_ms - whole.start_ms) * passed / total)
        prefix = whole.prefix if number == 0 else ""
        captions.append(Caption(at_ms, max(at_ms + 1, end_ms), _lines(part, width), whole.speaker, prefix))
        at_ms = end_ms
    return captions


def _fewest(words: Sequence[str], width: int, a_letter_ms: float) -> int:
    """How many parts the words need at least: by their length, and by the time for which they would stand."""
    letters = len("".join(words))
    by_time = ceil(letters * a_letter_ms / LONGEST_MS) if letters > width else 1
    return max(1, -(-letters // (LINES * width)), by_time)


def _part(words: Sequence[str], width: int, parts: int) -> int:
    """How many of the words stand together: about an equal share, ended where the sense ends."""
    share = len("".join(words)) / parts
    best, best_cost, length = 1, float("inf"), 0
    for count, word in enumerate(words, 1):
        length += len(word)
        if count > 1 and len(_lines(words[:count], width)) > LINES:
            break
        rest = len("".join(words[count:]).strip())
        lonely = 0 < rest < 0.35 * share
        cost = abs(length - share) / share + _break_cost(words, count) + (1.0 if lonely else 0.0)
        if parts == 1 and not rest:
            return count
        if cost <= best_cost:
            best, best_cost = count, cost
    return best


def _break_cost(words: Sequence[str], count: int) -> float:
    """How much a break after so many words hurts: not after a sentence, little after a clause, most inside what belongs together."""
    if count >= len(words):
        return 0.0
    before, after = words[count - 1].strip(), words[count].strip()
    if _SENTENCE.search(before):
        return 0.0
    if _CLAUSE.search(before):
        return 0.15
    if before.casefold() in _BEFORE or after[:1] in _NO_START:
        return 0.9
    return 0.3 if after.casefold() in _BEFORE else 0.5


def _lines(words: Sequence[str], width: int) -> tuple[str, ...]:
    """The words in as few lines as hold them; of two, where the sense allows, about as long as each other."""
    text = "".join(words).strip()
    if len(text) <= width:
        return (text,)
    options = []
    for count in range(1, len(words)):
        upper, lower = "".join(words[:count]).strip(), "".join(words[count:]).strip()
        if len(upper) <= width and len(lower) <= width:
            options.append((abs(len(upper) - len(lower)) / width + _break_cost(words, count), (upper, lower)))
    if options:
        return min(options)[1]
    lines, line = list[str](), ""
    for word in words:
        if line and len((line + word).strip()) > width:
            lines.append(line.strip())
            line = ""
        line += word
    return (*lines, line.strip())


def _words(text: str) -> list[str]:
    """What is never broken: words with the space after them; phrases of scripts without spaces; nothing longer than a line."""
    width, words = _width(text), list[str]()
    for word in re.findall(r"\S+\s*", text):
        phrases = _phrases(word) if _UNSPACED.search(word) else [word]
        for phrase in phrases:
            words += [phrase[at : at + width] for at in range(0, len(phrase), width)]
    return words


def _width(text: str) -> int:
    return UNSPACED_LINE if 2 * len(_UNSPACED.findall(text)) > sum(map(str.isalpha, text)) else LINE


@lru_cache(maxsize=4096)
def _phrases(text: str) -> list[str]:
    kana = re.search(r"[\u3040-\u30ff]", text)
    language = "ja" if kana else "th" if re.search(r"[\u0e00-\u0e7f]", text) else "zh"
    phrases: list[str] = []
    for phrase in _parser(language).parse(text):
        if phrases and (phrase[0] in _NO_START or len(phrases[-1]) == 0):
            phrases[-1] += phrase
        else:
            phrases.append(phrase)
    return phrases


class _Parser(Protocol):
    def parse(self, sentence: str) -> list[str]: ...


@cache
def _parser(language: str) -> _Parser:
    """BudouX: where Japanese, Chinese and Thai may break, learnt from what people read easily (15 kB a language)."""
    import budoux

    load = {"ja": budoux.load_default_japanese_parser, "th": budoux.load_default_thai_parser}
    return cast("_Parser", load.get(language, budoux.load_default_simplified_chinese_parser)())


# --- when it stands ---------------------------------------------------------------------------------------------------


def _joined(captions: Sequence[Caption]) -> list[Caption]:
    """With captions that are too short to be read joined to what one and the same speaker says before or after, where it fits."""
    joined: list[Caption] = []
    for one in captions:
        before = joined[-1] if joined else None
        if before is not None and (together := _together(before, one)) is not None:
            joined[-1] = together
        else:
            joined.append(one)
    return joined


def _together(before: Caption, after: Caption) -> Caption | None:
    short = min(before.end_ms - before.start_ms, after.end_ms - after.start_ms) < SHORTEST_MS
    near = after.start_ms - before.end_ms < SHORTEST_MS
    if not (short and near) or after.speaker != before.speaker or after.end_ms - before.start_ms > LONGEST_MS:
        return None
    width = _width("".join(before.lines))
    if width != _width("".join(after.lines)):
        return None
    between = "" if width == UNSPACED_LINE else " "
    more = between.join(after.lines).removeprefix(after.prefix)
    lines = _lines(_words(between.join((*before.lines, more))), width)
    return replace(before, end_ms=max(before.end_ms, after.end_ms), lines=lines) if len(lines) <= LINES else None


def _timed(captions: Sequence[Caption], until_ms: int) -> list[Caption]:
    """Each as long as it takes to read, where the next one leaves room; one after the other, never too short, never too long."""
    timed: list[Caption] = []
    free_ms = 0
    for number, one in enumerate(captions):
        following = captions[number + 1].start_ms if number + 1 < len(captions) else until_ms
        start_ms = max(one.start_ms, free_ms)
        end_ms = min(max(one.end_ms, start_ms + one.wanted_ms), start_ms + LONGEST_MS, following)
        free_ms = max(end_ms, start_ms + SHORTEST_MS)
        timed.append(replace(one, start_ms=start_ms, end_ms=free_ms))
    for number in reversed(range(len(timed))):  # what does not fit before the end moves forward
        one = timed[number]
        end_ms = min(one.end_ms, until_ms)
        until_ms = max(0, min(one.start_ms, end_ms - SHORTEST_MS))
        timed[number] = replace(one, start_ms=until_ms, end_ms=max(end_ms, until_ms + 1))
    return timed

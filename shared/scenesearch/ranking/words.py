"""Text as words for matching: the same for what is searched and what is asked, in every language.

Spaced scripts give stemmed words without stop words; unspaced scripts (Japanese, Chinese, Thai …) give pairs of neighbouring
characters; timecodes and other numbers with marks inside ("01:00:16", "3.5") stay whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from scenesearch.metadata import one_line

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul: spaced, but words carry their endings
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # Han
)
_TOKEN = re.compile(rf"(?P<number>\d+(?:[:;.,]\d+)+)|(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])[^\W_])+(?:'[a-z]+)?)")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_NAMING = "\u30a1-\u30fc\u3005\u3400-\u9fff\uf900-\ufaff"  # katakana and Han: what Japanese names things with
_PARTICLE = re.compile(rf"(?<=[{_NAMING}])[のはをがにへともで](?=[{_NAMING}])")
"""A particle between two names: it connects words, so pairs with it say nothing about either."""
_GROUPED = re.compile(r",(?=\d{3}(?!\d))")
_VOWEL = re.compile("[aeiouy]")
_MARKS = dict.fromkeys(range(0x300, 0x370))
_LONGEST_WORD = 64
"""The most characters of a word that are compared: longer words are cut off."""

_STOP_WORDS = (
    "a an and are as at be but by can could did do does doing for from get got had has have how i if in into is it its just let me my of"
    " on or our so some that the their them then there these they this those to up us was we were what when where which while who why"
    " will with would you your he she him her his not no about after also been being any all very here i'm it's you're we'll you'll"
    " we're that's don't there's let's i'll i've"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
_STOP_PAIR_LIST = (
    "する して した です ます ませ まし いる いて ある こと この その あの どの よう ので から まで には では とは への との れる られ"
    " ない なる なっ って った てい たら だっ いう ここ そこ もの ため など だけ けど"
)
_STOP_PAIRS = frozenset(_STOP_PAIR_LIST.split())


@lru_cache(maxsize=50_000)
def normalised(text: str) -> str:
    """One form for all spellings: compatibility forms folded, lower case, Latin accents dropped, controls and space runs one space."""
    text = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode()).casefold().replace("’", "'")
    if not text.isascii():
        text = "".join(_plain(character) for character in text)
    return one_line(text)


def words(text: str) -> list[str]:
    """Return the words of `text` in order, repeated as often as they occur."""
    return list(_words(normalised(text)))


@lru_cache(maxsize=50_000)
def known_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` from a cache: questions meet the same lines again and again."""
    return tuple(words(text))


def unspaced(character: str) -> bool:
    """Return whether a character belongs to a script that does not show where its words end."""
    return _UNSPACED_CHARACTER.match(character) is not None


def has_words(text: str) -> bool:
    """Whether there is anything to look for: a letter, a digit or a pictograph, stop word or not."""
    return any(unicodedata.category(c) in _TELLING for c in text)


@lru_cache(maxsize=200_000)
def word_id(word: str) -> int:
    """32 bits that stand for a word. Two words of a vocabulary of a million share theirs once in thousands of questions."""
    return int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "big")


_TELLING = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So"})


def _words(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match.group()
        match match.lastgroup:
            case "number":
                yield from _number(token[:_LONGEST_WORD].replace(";", ":"))
            case "unspaced":
                yield from (pair for part in _PARTICLE.split(token) for pair in _pairs(part) if pair not in _STOP_PAIRS)
            case _:
                if token not in STOP_WORDS:
                    yield _stem(token[:_LONGEST_WORD])


def _pairs(run: str) -> Iterator[str]:
    """Neighbouring characters; a character that stands alone is a word of its own."""
    return (run[i : i + 2] for i in range(max(1, len(run) - 1)))


def _number(token: str) -> Iterator[str]:
    """A number without marks between thousands; a timecode with frames ("01:00:16:05") is found by its second too."""
    token = _GROUPED.sub("", token)
    yield token
    if token.count(":") == 3:
        yield token.rpartition(":")[0]


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    """Remove light English endings: plurals, -ing, -ed, a last e. Other languages lose as little, in texts and questions alike.

    Words of up to three letters (without 's) stay as they are.
    """
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) <= 3 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif (word.endswith("es") and word[-3] in "sxz") or word.endswith(("shes", "ches")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and _VOWEL.search(stem):
            word = stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


@lru_cache(maxsize=10_000)
def _plain(character: str) -> str:
    """Latin letters without their accents; everything else as it is (marks of kana and Thai are letters)."""
    if not "\u00c0" <= character < "\u0250":
        return character
    return unicodedata.normalize("NFKD", character).translate(_MARKS)

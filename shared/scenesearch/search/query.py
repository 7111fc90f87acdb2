"""A question, understood without a model: what is quoted, which sections it speaks of, which language it is in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from scenesearch.errors import InvalidRequest
from scenesearch.metadata import Section, one_line
from scenesearch.ranking.words import has_words, normalised, words
from scenesearch.search.answer import MAX_QUERY

_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』")
_QUOTE_MARKS = str.maketrans(dict.fromkeys('"“”„«»「」『』', " "))

_HINTS = {
    Section.TRANSCRIPTION: re.compile(
        r"\b(?:says?|said|saying|tells?|told|talk(?:s|ing|ed)?|mention(?:s|ed|ing)?|speaks?|spoken|hear|heard|explains?)\b"
        r"|言[うっいわえ]|話[すしさ]|発言|セリフ|台詞|しゃべ"
    ),
    Section.VISUAL_INFO: re.compile(
        r"\b(?:shown|seen|looks? like|visible|wear(?:s|ing)|close[- ]?ups?|wide shots?|in the picture|on camera)\b"
        r"|映[るっりし]|写[るっり]|見える|アップ(?!ル)"
    ),
    Section.TEXTS: re.compile(
        r"\b(?:written|captions?|subtitles?|the title|sign (?:says|reads)|on-?screen text|reads|dialog|label(?:led|ed)?|timecode)\b"
        r"|書[いか]|文字|字幕|テロップ|表示|看板|タイムコード"
    ),
}

_ONLY_HINTS = re.compile(r"\b(?:says?|said|saying|mention(?:s|ed|ing)?|spoken|written|captions?|subtitles?|timecode|on-?screen)\b")
"""Words that say where to look and nothing else: they are not looked for where other words are."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A quoted part of a question: as it was written, in the form that texts are compared in, and its words."""

    written: str
    plain: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question. `words` are those to match (those of phrases included); `sections` those that it speaks of; empty: all alike."""

    text: str
    words: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    sections: frozenset[Section]
    language: str | None

    @property
    def only_phrases(self) -> bool:
        """Whether nothing but quoted phrases is asked for."""
        return bool(self.phrases) and set(self.words) <= {word for phrase in self.phrases for word in phrase.words}


def understood(question: str) -> Query:
    """The question as the stages need it.

    Raises:
        InvalidRequest: there is nothing in it to look for, or it is too long.
    """
    if len(question) > MAX_QUERY:
        raise InvalidRequest(f"this question has {len(question)} characters: {MAX_QUERY} are the most, so ask for less at once")
    text = one_line(unicodedata.normalize("NFKC", question.encode("utf-8", "replace").decode()))
    if not has_words(text):
        said = "the question is empty" if not text else "there is nothing but punctuation in the question"
        raise InvalidRequest(f"{said}: say in words what you are looking for")
    phrases = tuple(_phrases(text))
    plain = one_line(text.translate(_QUOTE_MARKS))
    asked = normalised(_QUOTED.sub(" ", text))  # what stands in a quotation does not speak of sections
    sought = words(_ONLY_HINTS.sub(" ", asked)) + [word for phrase in phrases for word in phrase.words]
    return Query(
        text=plain,
        words=tuple(dict.fromkeys(sought or words(plain))),
        phrases=phrases,
        sections=frozenset(section for section, hint in _HINTS.items() if hint.search(asked)),
        language=_language(text),
    )


def _phrases(text: str) -> list[Phrase]:
    quoted = [one_line(next(part for part in match.groups() if part is not None)) for match in _QUOTED.finditer(text)]
    phrases = [Phrase(written, normalised(written), tuple(dict.fromkeys(words(written)))) for written in quoted if has_words(written)]
    return list({phrase.plain: phrase for phrase in phrases}.values())


def _language(text: str) -> str | None:
    """The language where the script tells it; None: as the question is (a model sees for itself, for Han alone may be of several)."""
    for name, script in (("ja", r"[\u3040-\u30ff]"), ("ko", r"[\uac00-\ud7af]"), ("th", r"[\u0e00-\u0e7f]")):
        if re.search(script, text):
            return name
    return None

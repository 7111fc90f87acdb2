"""Ranking expressions over the signals of a document, and the words that the keyword signal is made of."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from stand_ins.discoveryengine.filters import Unrecognizable

Signals = Mapping[str, float]

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER = r"\d+(?:\.\d+)?"
_TERM = re.compile(rf"^(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<rest>.+)$")
_DOT = re.compile(r"^dotProduct\((?P<field>\w+)\)$")
_FUNCTION = re.compile(r"^(?P<name>log|exp|is_nan|fill_nan|rr)\((?P<inside>.+)\)$")
BY_FORMULA = ("semantic_similarity_score", "keyword_similarity_score", "relevance_score", "document_age")


def words(text: str) -> list[str]:
    """Lower case, a plural's ending off; pairs of characters where no spaces are."""
    plain = text.casefold()
    pairs = [run[i : i + 2] for run in _UNSPACED.findall(plain) for i in range(max(1, len(run) - 1))]
    spaced = re.findall(r"\w+", _UNSPACED.sub(" ", plain))
    return pairs + [re.sub(r"(?<=\w{3})(?:es|s|e)$", "", word) for word in spaced]


def keyword_scores(query: str, texts: Mapping[str, Counter[str]]) -> dict[str, float]:
    """BM25 of the texts that hold a word of the query."""
    asked = set(words(query))
    holding = {word: sum(word in text for text in texts.values()) for word in asked}
    average = sum(text.total() for text in texts.values()) / max(1, len(texts))
    scores: dict[str, float] = {}
    for name, text in texts.items():
        score = sum(
            math.log(1 + (len(texts) - holding[word] + 0.5) / (holding[word] + 0.5))
            * (2.2 * text[word] / (text[word] + 1.2 * (0.25 + 0.75 * text.total() / max(1.0, average))))
            for word in asked
            if word in text
        )
        if score > 0:
            scores[name] = score
    return scores


def checked(expression: str, *, by_formula: bool, embeddings: Sequence[str]) -> list[tuple[float, str]]:
    """An expression as a sum of factors and functions. Raises `Unrecognizable` for what this backend of it does not know."""
    terms = []
    for term in re.split(r"\s\+\s", expression.strip()) if expression.strip() else []:
        match = _TERM.match(term.strip())
        if match is None:
            raise Unrecognizable(f"{term!r} is no ranking function")
        rest = match["rest"].strip()
        dot = _DOT.match(rest)
        known = (
            _FUNCTION.match(rest) or rest in BY_FORMULA if by_formula else (dot and dot["field"] in embeddings) or rest == "relevance_score"
        )
        if not known or (not by_formula and match["factor"] is None):
            raise Unrecognizable(f"{term!r} is not supported by this ranking backend")
        terms.append((float(match["factor"] or 1), rest))
    return terms


def value(terms: Sequence[tuple[float, str]], signals: Signals) -> float:
    """The score of a document; one that is not a number comes last."""
    score = sum(factor * _value(rest, signals) for factor, rest in terms)
    return -math.inf if math.isnan(score) else score


def _value(text: str, signals: Signals) -> float:
    if text in signals:
        return signals[text]
    if re.fullmatch(_NUMBER, text):
        return float(text)
    function = _FUNCTION.match(text)
    if function is None:
        raise Unrecognizable(f"{text!r} is no signal")
    first, _, second = function["inside"].partition(",")
    inner = _value(first.strip(), signals)
    match function["name"]:
        case "is_nan":
            return float(math.isnan(inner))
        case "fill_nan":
            return _value(second.strip(), signals) if math.isnan(inner) else inner
        case "log":
            return math.log(inner) if inner > 0 else math.nan
        case "exp":
            return math.exp(inner)
        case name:
            raise Unrecognizable(f"{name} is not told apart here")

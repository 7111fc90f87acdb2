"""BM25 over flat arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scenesearch.ranking.bm25 import K1, B, Postings, term_weights

UNITS = [["red", "car"], ["red", "red", "house", "tree"], ["dog"], []]


def test_scores_are_those_of_the_formula() -> None:
    postings = Postings.of(UNITS)
    weights = term_weights(["red", "tree"], {"red": 2, "tree": 1}, 4)
    average = 7 / 4
    expected = []
    for unit in UNITS:
        score = 0.0
        for word, weight in weights.items():
            tf = unit.count(word)
            score += weight * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(unit) / average))
        expected.append(score)
    assert postings.scores(weights, average, 0, 4) == pytest.approx(np.array(expected, np.float32))
    assert postings.scores(weights, average, 1, 3) == pytest.approx(np.array(expected[1:3], np.float32))


def test_rare_words_carry_more() -> None:
    weights = term_weights(["red", "tree"], {"red": 90, "tree": 1}, 100)
    assert weights["tree"] > weights["red"]
    assert sum(weights.values()) == pytest.approx(1)
    idf = [math.log(1 + (100 - n + 0.5) / (n + 0.5)) for n in (90, 1)]
    assert weights["red"] == pytest.approx(idf[0] / sum(idf))


def test_no_words_carry_nothing() -> None:
    assert term_weights([], {}, 10) == {}
    assert term_weights(["red"], {}, 0) == {"red": 1.0}


def test_joined_parts_are_as_if_made_at_once() -> None:
    joined = Postings.joined([Postings.of(UNITS[:1]), Postings.of([]), Postings.of(UNITS[1:])])
    whole = Postings.of(UNITS)
    assert np.array_equal(joined.keys, whole.keys)
    assert np.array_equal(joined.lengths, whole.lengths)
    assert len(Postings.joined([]).keys) == 0


def test_words_that_are_not_weighed_do_not_lengthen() -> None:
    postings = Postings.of([["red", "01:00:16"], ["red"]], [frozenset({"01:00:16"}), frozenset()])
    assert postings.lengths.tolist() == [1, 1]
    assert postings.frequency("01:00:16") == 1


def test_a_word_repeated_very_often_is_counted_as_far_as_it_matters() -> None:
    units, counts = Postings.of([["la"] * 1000]).of_word("la")
    assert (units.tolist(), counts.tolist()) == ([0], [255])

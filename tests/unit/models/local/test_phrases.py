"""Words become the sentences and phrases that a person would quote."""

from __future__ import annotations

import pytest

from scenesearch.models.local.phrases import LONGEST_S, TimedWord, phrases


def words(text: str, *, start: float = 0.0, each: float = 0.4, gap: float = 0.0) -> list[TimedWord]:
    """Evenly spoken words."""
    return [TimedWord(" " + w, start + i * (each + gap), start + i * (each + gap) + each) for i, w in enumerate(text.split())]


def test_a_sentence_ends_at_its_full_stop() -> None:
    found = phrases(words("The boat sails past the lighthouse. It is very early today."))

    assert [p.text for p in found] == ["The boat sails past the lighthouse.", "It is very early today."]
    assert found[1].start == pytest.approx(found[0].end)


def test_an_abbreviation_ends_no_sentence() -> None:
    assert [p.text for p in phrases(words("Then Mr. Sato told us about the bridge."))] == ["Then Mr. Sato told us about the bridge."]


def test_a_long_pause_divides_words_without_punctuation() -> None:
    found = phrases([*words("we leave at noon today"), *words("bring your own bread", start=4.0)])

    assert [p.text for p in found] == ["we leave at noon today", "bring your own bread"]


def test_no_phrase_is_longer_than_the_limit_and_no_word_is_lost() -> None:
    spoken = words(" ".join(f"word{i}" for i in range(100)))

    found = phrases(spoken)

    assert all(p.end - p.start <= LONGEST_S for p in found)
    assert [w for p in found for w in p.words] == spoken


def test_a_very_short_answer_stays_with_what_follows_at_once() -> None:
    assert [p.text for p in phrases(words("Yes. We can go there now."))] == ["Yes. We can go there now."]


def test_japanese_is_written_without_spaces() -> None:
    spoken = [
        TimedWord(t, i * 0.5, i * 0.5 + 0.5)
        for i, t in enumerate(["今日", "は", "光", "に", "ついて", "学び", "ます。", "次", "に", "音", "です。"])
    ]

    assert [p.text for p in phrases(spoken)] == ["今日は光について学びます。", "次に音です。"]


def test_a_space_in_japanese_is_where_a_sentence_ends() -> None:
    spoken = [
        TimedWord(t, i * 0.7, i * 0.7 + 0.7) for i, t in enumerate(["おはよう", "ございます", " 今日", "は", "光", "です", " この", "車"])
    ]

    assert [p.text for p in phrases(spoken)] == ["おはようございます", "今日は光です", "この車"]

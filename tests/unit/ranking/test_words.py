"""Text as words, in every language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesearch.ranking.words import has_words, normalised, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exploding cars", "The car explodes"),
        ("parties", "party"),
        ("Café NAÏVE", "cafe naive"),
        ("ＡＢＣ　１２３", "abc 123"),
        ("the driver's", "driver"),
        ("ﾊﾞﾅﾅ", "バナナ"),
        ("299,792 km", "299792 km"),
    ],
)
def test_spellings_of_the_same_words_are_the_same(one: str, other: str) -> None:
    assert set(words(one)) == set(words(other)) != set()


def test_a_timecode_stays_whole_and_is_found_by_its_second() -> None:
    assert words("at 01:00:16") == ["01:00:16"]
    assert words("01:00:16;05") == ["01:00:16:05", "01:00:16"]
    assert "01:00:16" not in words("01:00:17:16")


def test_unspaced_scripts_are_pairs_of_characters() -> None:
    assert words("赤い車") == ["赤い", "い車"]
    assert set(words("爆発")) & set(words("車が爆発する"))
    assert words("木") == ["木"]
    assert words("สวัสดี")
    assert words("한국어") == ["한국", "국어"]


def test_mixed_texts_give_both() -> None:
    assert words("赤い car が爆発") == ["赤い", "car", "が爆", "爆発"]


def test_marks_of_kana_are_kept() -> None:
    assert words("かき") != words("がぎ")
    assert normalised("が") == normalised("か\u3099")


def test_other_languages_do_not_break() -> None:
    assert len(words("Über die Straße gehen wir zum Bahnhof")) == 7
    assert words("где красная машина")
    assert words("où est la voiture rouge") == words("ou est la voiture rouge")


@pytest.mark.parametrize("text", ["", "  ", "?!…", "。、「」", "\x00\x1b", "---", "_ _"])
def test_nothing_to_look_for(text: str) -> None:
    assert not has_words(text)
    assert words(text) == []


@given(st.text())
def test_any_text_gives_words_that_can_be_stored(text: str) -> None:
    for word in words(text):
        assert word
        assert len(word) <= 64
        word.encode()
    assert normalised(normalised(text)) == normalised(text) or not text.isascii()


def test_a_particle_between_two_names_binds_words_and_is_none() -> None:
    assert words("高速道路の出口の標識") == ["高速", "速道", "道路", "出口", "標識"]
    assert words("走り出す") == ["走り", "り出", "出す"], "within a word it is a part of it"


def test_a_long_run_of_an_unspaced_script_is_kept_to_its_end() -> None:
    assert words("あ" * 100 + "終点")[-1] == "終点"

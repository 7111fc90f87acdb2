"""A question understood without a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesearch.errors import InvalidRequest
from scenesearch.metadata import Section
from scenesearch.search.answer import MAX_QUERY
from scenesearch.search.query import understood


@pytest.mark.parametrize("marks", ['"{}"', "“{}”", "「{}」", "『{}』", "«{}»", "„{}“"])
def test_quoted_parts_are_phrases_in_every_style(marks: str) -> None:
    query = understood("the scene with " + marks.format("Revenge is coming"))
    assert [phrase.written for phrase in query.phrases] == ["Revenge is coming"]
    assert '"' not in query.text
    assert not query.only_phrases


def test_only_phrases() -> None:
    assert understood('"01:00:16"').only_phrases
    assert understood('"the speed of light" "E = mc2"').only_phrases
    assert not understood("the speed of light").phrases


def test_an_open_or_empty_quotation_is_only_text() -> None:
    assert understood('a 5" screen').phrases == ()
    assert understood('nothing "" here').phrases == ()
    assert understood('nothing "!?" here').phrases == ()


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("when do they say banana", {Section.TRANSCRIPTION}),
        ("彼が「さようなら」と言う場面", {Section.TRANSCRIPTION}),
        ("a close-up of Mika", {Section.VISUAL_INFO}),
        ("the dialog that asks to save", {Section.TEXTS}),
        ("看板に書かれた文字", {Section.TEXTS}),
        ("the red car explodes", set()),
        ('"he said so"', set()),
    ],
)
def test_hints_name_sections(text: str, sections: set[Section]) -> None:
    assert understood(text).sections == sections


@pytest.mark.parametrize(
    ("text", "language"), [("赤い車が爆発する", "ja"), ("red car", None), ("赤い car はどこ", "ja"), ("빨간 차", "ko"), ("爆発 夜景", None)]
)
def test_the_script_tells_the_language(text: str, language: str | None) -> None:
    assert understood(text).language == language


@pytest.mark.parametrize("text", ["", "   ", "?!…", "\x00\x1b\x7f", '""', "。。。", "-- --"])
def test_nothing_to_look_for_is_said_so(text: str) -> None:
    with pytest.raises(InvalidRequest, match="say in words"):
        understood(text)


def test_too_long_a_question_is_said_so() -> None:
    with pytest.raises(InvalidRequest, match="10000 characters"):
        understood("a" * 10_000)
    assert understood("a" * MAX_QUERY).words


@pytest.mark.parametrize("text", ["what is it", "'; DROP TABLE videos; --", "a AND (b OR NOT c*)", "\x00red\x1bcar", "🎆", "\ud800 car"])
def test_odd_questions_are_understood(text: str) -> None:
    query = understood(text)
    query.text.encode()
    assert query.text


@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        query = understood(text)
    except InvalidRequest:
        return
    assert query.text.isprintable()
    assert all(phrase.plain for phrase in query.phrases)

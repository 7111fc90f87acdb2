"""Tracked lines become texts: grouped, placed in words, told apart."""

from __future__ import annotations

import numpy as np

from scenesearch.metadata import TextKind
from scenesearch.models.local.text_entries import entries, position
from scenesearch.models.local.text_reader import Box, Reading
from scenesearch.models.local.text_tracks import Track, same_text


def track(text: str, box: Box, start_ms: int = 0, end_ms: int = 4000, *, score: float = 0.99, vertical: bool = False) -> Track:
    return Track(box, vertical, Reading(text, score), np.zeros((4, 4), np.uint8), start_ms, end_ms, end_ms, sightings=3)


def test_lines_that_come_and_go_together_are_one_text() -> None:
    found = entries(
        [track("a new ferry to the island", Box(0.3, 0.86, 0.4, 0.04)), track("From Monday there is", Box(0.32, 0.81, 0.36, 0.04))]
    )

    assert [(e.text, e.lines) for e in found] == [
        ("From Monday there is / a new ferry to the island", ("From Monday there is", "a new ferry to the island"))
    ]


def test_words_of_one_row_are_one_line() -> None:
    found = entries([track("View", Box(0.2, 0.1, 0.05, 0.03)), track("File", Box(0.135, 0.1, 0.05, 0.03))])

    assert [e.lines for e in found] == [("File View",)]


def test_a_line_that_comes_later_is_a_text_of_its_own() -> None:
    found = entries(
        [track("First point of the talk", Box(0.1, 0.2, 0.4, 0.05)), track("Second point of the talk", Box(0.1, 0.26, 0.4, 0.05), 2000)]
    )

    assert [e.span.start_ms for e in found] == [0, 2000]


def test_a_short_text_low_in_the_middle_is_a_caption_and_a_title_is_not() -> None:
    kinds = {
        e.text: e.kind
        for e in entries([track("I will be back", Box(0.3, 0.88, 0.4, 0.05)), track("THE HARBOUR", Box(0.3, 0.45, 0.4, 0.12))])
    }

    assert kinds == {"I will be back": TextKind.CAPTION, "THE HARBOUR": TextKind.TEXT}


def test_what_stands_for_the_whole_clip_is_no_caption() -> None:
    (found,) = entries([track("www.example.org", Box(0.35, 0.9, 0.3, 0.05), 0, 60_000)])

    assert found.kind is TextKind.TEXT


def test_a_text_that_flickers_is_one_entry_with_its_surest_reading() -> None:
    place = Box(0.3, 0.85, 0.4, 0.05)

    found = entries([track("The ferrv leaves at noon", place, 0, 2000, score=0.9), track("The ferry leaves at noon", place, 2400, 5000)])

    assert [(e.text, e.span.start_ms, e.span.end_ms) for e in found] == [("The ferry leaves at noon", 0, 5000)]


def test_a_line_found_twice_is_said_once() -> None:
    found = entries([track("Animations carry over, too", Box(0.3, 0.85, 0.4, 0.05)), track("carry over, too", Box(0.45, 0.85, 0.25, 0.05))])

    assert [e.text for e in found] == ["Animations carry over, too"]


def test_marks_that_only_look_like_letters_are_dropped() -> None:
    assert (
        entries(
            [
                track("水", Box(0.4, 0.4, 0.05, 0.05), score=0.85),
                track("l", Box(0.1, 0.1, 0.01, 0.05)),
                track("—", Box(0.1, 0.1, 0.1, 0.02)),
            ]
        )
        == []
    )


def test_vertical_columns_are_read_from_the_right() -> None:
    (found,) = entries(
        [track("二行目です", Box(0.8, 0.1, 0.03, 0.4), vertical=True), track("一行目です", Box(0.84, 0.1, 0.03, 0.4), vertical=True)]
    )

    assert found.lines == ("一行目です", "二行目です")
    assert found.layout is not None
    assert found.layout.direction == "vertical"


def test_places_have_words() -> None:
    assert position(Box(0.3, 0.9, 0.4, 0.05)) == "bottom center"
    assert position(Box(0.0, 0.0, 0.1, 0.1)) == "top left"
    assert position(Box(0.4, 0.45, 0.2, 0.1)) == "center"
    assert position(Box(0.05, 0.05, 0.9, 0.9)) == "full screen"


def test_a_changed_number_is_another_text() -> None:
    assert same_text("Keep this configuration", "Keep this confguration")
    assert not same_text("Reset in 30 seconds", "Reset in 29 seconds")

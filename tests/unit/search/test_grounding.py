"""Grounded or gone."""

from __future__ import annotations

import pytest

from scenesearch.moments import Passage, rows_of
from scenesearch.ports import FoundScene
from scenesearch.search.grounding import GroundedScene, ground, merged
from scenesearch.search.query import Phrase, understood
from scenesearch.timeline import Span
from unit.search.films import HARBOUR, said, written

PASSAGES = [Passage(tuple(rows_of(HARBOUR)))]


def grounded(
    start: float,
    end: float,
    *quotes: str,
    phrases: tuple[Phrase, ...] = (),
    tight: bool = False,
    passages: list[Passage] = PASSAGES,
) -> GroundedScene | None:
    found = FoundScene(span=Span.of_seconds(start, end), description="d", quotes=quotes, score=0.8)
    return ground(found, passages, phrases, duration_ms=124_000, tight=tight)


@pytest.mark.parametrize(
    "quote",
    [
        "The red car hits the wall and explodes!",
        "the red car hits the wall and explodes",
        "THE RED CAR  hits the wall, and explodes",
        "red car hits the wall",
        "The red car hit the wal and explodes!",
        "The red car hits the wall and explodes! Luckily nobody",
    ],
)
def test_quotations_may_differ_a_little(quote: str) -> None:
    scene = grounded(59, 67, quote)
    assert scene is not None
    assert scene.grounded
    assert scene.evidence[0].text.startswith("The red car")


@pytest.mark.parametrize("quote", ["The blue car drives away slowly", "", "x", "and", "ded", "Hot noodles, eight hundred yen a bowl."])
def test_what_does_not_stand_there_is_no_evidence(quote: str) -> None:
    scene = grounded(59, 63, quote)
    assert scene is not None
    assert (scene.grounded, scene.evidence) == (False, ())


CAFE = [Passage(tuple(rows_of([
    said(0, 3, "Look out for the crates!", "Anna"), said(3, 5, "They fall."), written(1, 6, "Menu"), written(7, 9, "Go!"),
    said(10, 13, "夏祭りの夜、花火が上がります。"), said(13, 15, "さあ、行こう。"), said(16, 18, "Привет, соседи"),
])))]  # fmt: skip


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param("the ambulance arrives at the menu board with its siren on", id="invented around a short entry"),
        pytest.param("the menu burns down", id="little of it stands there"),
        pytest.param("ra", id="two letters inside a word"),
        pytest.param("rate", id="four letters inside a word"),
        pytest.param("ates", id="nearly a word"),
        pytest.param("out", id="a short word"),
        pytest.param("the", id="a stop word"),
        pytest.param("夜", id="one character"),
        pytest.param("…", id="marks"),
        pytest.param("Anna", id="who speaks"),
    ],
)
def test_invented_and_nearly_empty_quotations_are_no_evidence(quote: str) -> None:
    scene = grounded(0, 18, quote, passages=CAFE)
    assert scene is not None
    assert (scene.grounded, scene.evidence) == (False, ())


@pytest.mark.parametrize(
    ("quote", "evidence"),
    [
        ("花火", ["夏祭りの夜、花火が上がります。"]),
        ("crates", ["Look out for the crates!"]),
        ("go", ["Go!"]),
        ("MENU.", ["Menu"]),
        ("The menu", ["Menu"]),
        ("look out for teh crates", ["Look out for the crates!"]),
        ("the crates! They fall", ["Look out for the crates!", "They fall."]),
        ("for teh crates! they fall", ["Look out for the crates!", "They fall."]),
        ("花火が上がります。さあ、行こう", ["夏祭りの夜、花火が上がります。", "さあ、行こう。"]),
        ("соседи", ["Привет, соседи"]),
    ],
)
def test_short_mended_and_running_on_quotations_are_evidence(quote: str, evidence: list[str]) -> None:
    scene = grounded(0, 18, quote, passages=CAFE)
    assert scene is not None
    assert (scene.grounded, [entry.text for entry in scene.evidence]) == (True, evidence)


def test_a_quotation_from_elsewhere_in_the_video_is_no_evidence() -> None:
    scene = grounded(88, 99, "The red car hits the wall and explodes!")
    assert scene is not None
    assert (scene.grounded, scene.evidence) == (False, ())


def test_a_span_outside_the_video_is_no_scene() -> None:
    assert grounded(500, 600, "Hot noodles") is None


def test_borders_snap_to_the_entries_they_cut() -> None:
    scene = grounded(61.2, 65.1, "The red car hits the wall and explodes!", "Luckily nobody is hurt.")
    assert scene is not None
    assert scene.span == Span.of_seconds(60, 66)


def test_borders_on_entries_stay() -> None:
    scene = grounded(60, 66, "The red car hits the wall and explodes!")
    assert scene is not None
    assert scene.span == Span.of_seconds(60, 66)


def test_borders_do_not_jump_far() -> None:
    scene = grounded(45, 75, "The red car hits the wall and explodes!")
    assert scene is not None
    assert scene.span == Span.of_seconds(45, 75)


def test_a_phrase_must_stand_in_the_scene() -> None:
    phrases = understood('"hits the wall"').phrases
    assert grounded(88, 99, "Hot noodles", phrases=phrases) is None
    scene = grounded(30, 90, "nothing of it", phrases=phrases, tight=True)
    assert scene is not None
    assert (scene.span, scene.grounded) == (Span.of_seconds(60, 63), True)


def test_a_phrase_must_be_of_whole_words() -> None:
    entries = [said(0, 2, "the carpet is red"), said(3, 5, "the car is red")]
    passages = [Passage(tuple(rows_of(entries)))]
    scene = grounded(0, 5, phrases=understood('"car"').phrases, tight=True, passages=passages)
    assert scene is not None
    assert [entry.text for entry in scene.evidence] == ["the car is red"]


def test_a_phrase_may_run_over_two_lines() -> None:
    scene = grounded(60, 66, phrases=understood('"explodes! luckily nobody"').phrases, tight=True)
    assert scene is not None
    assert scene.span == Span.of_seconds(60, 66)


def scene_of(start: float, end: float, score: float, text: str = "x") -> GroundedScene:
    return GroundedScene(Span.of_seconds(start, end), text, (said(start, end, text),), True, score)


def test_two_strong_scenes_of_one_place_become_one() -> None:
    [one] = merged([scene_of(10, 20, 0.9, "a"), scene_of(12, 24, 0.8, "b")])
    assert (one.span, one.score, one.description) == (Span.of_seconds(10, 24), 0.9, "a")
    assert [entry.text for entry in one.evidence] == ["a", "b"]


def test_a_weak_neighbour_does_not_dilute_a_strong_scene() -> None:
    [one] = merged([scene_of(10, 20, 0.9), scene_of(12, 24, 0.2)])
    assert one == scene_of(10, 20, 0.9)


def test_scenes_apart_stay_apart() -> None:
    assert len(merged([scene_of(10, 20, 0.9), scene_of(20, 30, 0.9), scene_of(18, 40, 0.3)])) == 3

"""What people said of scenes comes out again: for people, and as questions that `evaluate` asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scenesearch.bootstrap import application
from scenesearch.evaluation.evaluate import GivenQuestion, lines_of
from scenesearch.timeline import Span
from scenesearch.video import Feedback, Video, VideoRef
from unit.client.conftest import run

AT = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
WALL, CAR, GONE = VideoRef("vwall", 2), VideoRef("vcar", 1), VideoRef("vgone", 1)


@pytest.fixture(autouse=True)
def _said(home: Path) -> None:
    application.cache_clear()
    catalog = application().catalog
    for ref, collection in ((WALL, "films"), (CAR, "default")):
        title = ref.video_id.removeprefix("v")
        catalog.begin(
            Video(ref=ref, bucket="uploads", name=f"{collection}/{title}", collection=collection, title=title, created_at=AT, updated_at=AT)
        )
    said = [
        ("a grey wall", WALL, Span(5000, 6500), True),
        ("a grey wall", WALL, Span(1000, 2000), True),
        ("a grey wall", WALL, Span(8000, 9000), True),
        ("a grey wall", WALL, Span(8000, 9000), False),
        ("a grey wall", CAR, Span(0, 1000), False),
        ("赤い車", CAR, Span(0, 1000), True),
        ("a grey wall", VideoRef("vwall", 1), Span(0, 1000), True),
        ("a ghost", GONE, Span(0, 1000), True),
    ]
    for minutes, (query, ref, span, right) in enumerate(said):
        catalog.save_feedback(Feedback(query=query, ref=ref, span=span, right=right, caller="mika", at=AT + timedelta(minutes=minutes)))


def asked(tmp_path: Path, *arguments: str) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """The lines as `evaluate` reads them."""
    file = tmp_path / "queries.jsonl"
    file.write_text(run("feedback", "--json", *arguments))
    return [(one.query, one.video_id, one.spans) for one in lines_of(file, GivenQuestion)]


def test_scenes_that_are_right_become_questions_of_an_evaluation(tmp_path: Path) -> None:
    """The last word on a scene counts, and only words on videos that are there as they were."""
    wall, car = ("a grey wall", "vwall", [(1, 2), (5, 6.5)]), ("赤い車", "vcar", [(0, 1)])
    assert asked(tmp_path) == [wall, car]
    assert asked(tmp_path, "--collection", "films") == [wall]
    assert asked(tmp_path, "--collection", "nowhere") == []


def test_people_read_all_that_was_said() -> None:
    lines = run("feedback").splitlines()
    assert len(lines) == 9
    assert lines[4].split() == ["2026-11-22", "07:33", "wrong", "wall", "00:08-00:09", "a", "grey", "wall", "mika"]
    assert "vgone" in lines[-1], "a video that is gone is named by its id"
    assert len(run("feedback", "--collection", "default").splitlines()) == 3


def test_where_nothing_was_said_the_way_to_say_it_is() -> None:
    assert run("feedback", "--collection", "nowhere").startswith("No feedback yet: on the page")
    assert run("feedback", "--collection", "nowhere", "--json") == ""

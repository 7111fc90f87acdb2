"""Real videos, taken in and asked through the command line: the questions that come with them, with the spans that answer them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real_videos import run
from real_videos import ABSENT, FOLDER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_question_is_answered_on_the_first_page_and_most_by_the_first_scene(
    home: Path, monkeypatch: pytest.MonkeyPatch, record_property: pytest.RecordProperty
) -> None:
    if not FOLDER.exists():
        pytest.skip(f"{FOLDER.name} {ABSENT}")
    monkeypatch.setenv("SCENESEARCH_OFFLINE", "true")
    figures = run(FOLDER, home)
    record_property("ingest_s", figures.ingest_s)
    assert figures.questions == 10
    assert [one for one in figures.asked if one.place == 0] == []
    assert figures.first >= 8, [one for one in figures.asked if one.place != 1]

"""A finished video on the shelf of whichever application a folder's tests have (their fixture `app`)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from media_files import Recipe, make
from scenesearch.video import Video
from shelf import said, shown, written


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of four seconds; never to be changed."""
    return make(tmp_path_factory.mktemp("made") / "wall.mp4", Recipe())


@pytest.fixture
def video(app: SimpleNamespace, wall: Path) -> Video:
    """The wall, with a line of each section; what is said holds markup."""
    entries = [said(0.2, 1.1, "Nobody <b>knows</b>.", "Mika"), shown(0, 4, "a grey wall"), written(3, 4, "終わり")]
    found: Video = app.shelf.put(wall, "films/a/wall.mp4", entries, summary="A wall.")
    return found

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from media_files import Recipe, make
from scenesearch.client.client import Client
from scenesearch.video import Video
from scenesearch.web.server import served
from scenesearch.web.sites import library_site
from shelf import said, shown, written
from site_under_test import application_over


@pytest.fixture
def app(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """An application over a shelf, really served at `url`."""
    app = application_over(tmp_path / "served")
    with served(library_site(app)) as app.url:  # type: ignore[arg-type]
        yield app


@pytest.fixture
def client(app: SimpleNamespace) -> Iterator[Client]:
    with Client(app.url) as client:
        yield client


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "wall.mp4", Recipe())


@pytest.fixture
def video(app: SimpleNamespace, wall: Path) -> Video:
    entries = [said(0.2, 1.1, "Nobody knows.", "Mika"), shown(0, 4, "a grey wall"), written(3, 4, "終わり")]
    found: Video = app.shelf.put(wall, "films/a/wall.mp4", entries, summary="A wall.")
    return found

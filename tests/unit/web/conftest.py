from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from media_files import Recipe, make
from scenesearch.video import Video
from scenesearch.web.sites import library_site
from shelf import said, shown, written
from site_under_test import application_over


@pytest.fixture
def app(tmp_path: Path) -> SimpleNamespace:
    return application_over(tmp_path / "home")


@pytest.fixture
def client(app: SimpleNamespace) -> Iterator[TestClient]:
    with TestClient(library_site(app), base_url="http://localhost:8000", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "wall.mp4", Recipe())


@pytest.fixture
def video(app: SimpleNamespace, wall: Path) -> Video:
    entries = [said(0.2, 1.1, "Nobody <b>knows</b>.", "Mika"), shown(0, 4, "a grey wall"), written(3, 4, "終わり")]
    return app.shelf.put(wall, "films/a/wall.mp4", entries, summary="A wall.")

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from scenesearch.client.client import Client
from scenesearch.web.server import served
from scenesearch.web.sites import library_site
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

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from scenesearch.web.sites import library_site
from site_under_test import application_over


@pytest.fixture
def app(tmp_path: Path) -> SimpleNamespace:
    return application_over(tmp_path / "home")


@pytest.fixture
def client(app: SimpleNamespace) -> Iterator[TestClient]:
    with TestClient(library_site(app), base_url="http://localhost:8000", raise_server_exceptions=False) as client:
        yield client

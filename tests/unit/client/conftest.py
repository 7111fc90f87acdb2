from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from scenesearch.cli import app as scenesearch
from scenesearch.client.client import Client
from scenesearch.web.server import served
from scenesearch.web.sites import library_site
from site_under_test import application_over


def run(*arguments: str) -> str:
    """What the command prints. Raises what it raises."""
    done = CliRunner().invoke(scenesearch, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


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

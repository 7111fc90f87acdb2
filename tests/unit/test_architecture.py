"""The page about the architecture names files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenesearch.messages import WIRING

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
FILES = sorted(set(re.findall(r"`([\w./-]+(?:\.(?:py|js|md|toml)|/))`", PAGE)))
MOST_LINES = 120
"""Lines that the page may have: it is read in one sitting."""


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_the_page_names_is_there(name: str) -> None:
    assert (ROOT / "shared" / "scenesearch" / name).exists() or (ROOT / name).exists()


def test_the_page_follows_every_step_of_ingest_and_is_short() -> None:
    steps = {route.function.split("_")[0] for route in WIRING.values()}
    assert {f"pipeline/{step}.py" for step in steps} <= set(FILES)
    assert len(PAGE.splitlines()) <= MOST_LINES

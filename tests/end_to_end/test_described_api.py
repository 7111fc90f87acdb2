"""The API does what `/openapi.json` says, whatever is sent to it: checked from outside, over a library that is really searched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.evaluation.evaluate import GivenVideo, Segment, put
from scenesearch.web.server import served
from scenesearch.web.sites import library_site

EXAMPLES = os.environ.get("PROOF_EXAMPLES", "8")
"""Requests of each kind that are made up for each operation."""

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_schemathesis_finds_no_failure(tmp_path: Path) -> None:
    app = Application(Settings(home=tmp_path / "home"))
    lines = [Segment(start=1, end=5, text="The red car hits the wall.", kind="transcription")]
    for name in ("harbour", "bread"):
        put(GivenVideo(video_id=name, title=name, duration=60, segments=lines), app.ports, 300_000)
    with served(library_site(app)) as url:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(ROOT / "schemathesis.toml")),
                *("run", f"{url}/openapi.json", "--max-examples", EXAMPLES, "--max-time", str(8 * int(EXAMPLES))),
                *("--seed", "4", "--no-color"),
                *("--generation-database", "none", "--suppress-health-check", "all"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested:" in done.stdout, done.stdout

"""What every test stands on: a home of its own, and no setting of the machine it runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `SCENESEARCH_HOME` of this test; every other `SCENESEARCH_…` variable has its default."""
    for name in os.environ:
        if name.startswith("SCENESEARCH_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("SCENESEARCH_HOME", str(folder))
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything real must have run: a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and (skipped := reporter.stats.get("skipped")):
        reporter.write_line(f"{len(skipped)} tests were skipped, and nothing may be skipped in CI:", red=True)
        for report in skipped:
            reporter.write_line(f"  {report.nodeid}: {report.longrepr}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

"""What every test stands on: a home of its own, and no setting of the machine it runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from real_videos import ABSENT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `SCENESEARCH_HOME` of this test; every other `SCENESEARCH_…` variable has its default."""
    for name in os.environ:
        if name.startswith("SCENESEARCH_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("SCENESEARCH_HOME", str(folder))
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` is: one more than there are processors, because some tests wait for servers and for time to pass."""
    return 1 + (os.cpu_count() or 1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything real must have run: a skipped test is a failure (but for videos that the project may not keep)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    if skipped := [report for report in reporter.stats.get("skipped", ()) if ABSENT not in str(report.longrepr)]:
        reporter.write_line(f"{len(skipped)} tests were skipped, and nothing may be skipped in CI:", red=True)
        for report in skipped:
            reporter.write_line(f"  {report.nodeid}: {report.longrepr}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

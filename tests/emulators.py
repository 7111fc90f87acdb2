"""The emulators, started once a test run and ended with it. Missing ones skip on a laptop and fail in CI."""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from scenesearch.emulator.needs import missing
from scenesearch.emulator.processes import Programs
from scenesearch.emulator.services import Services, start_services

PROJECT = "scenesearch-tests"
UPLOADS = "announced-uploads"
"""The one bucket whose changes the emulator announces, on the topic `objects` of `PROJECT`."""


def need_emulators() -> Services:
    """The running emulators, found by Google's clients through the environment."""
    if lacks := _lacks():
        reason = f"missing: {lacks}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    services = _started()
    os.environ.update(services.environment)
    return services


@cache
def _lacks() -> str:
    return "; ".join(map(str, missing()))


@cache
def _started() -> Services:
    folder = tempfile.TemporaryDirectory(prefix="emulators-")
    programs = Programs(Path(folder.name) / "logs")
    atexit.register(folder.cleanup)
    atexit.register(programs.close)
    return start_services(programs, Path(folder.name), PROJECT, announced_bucket=UPLOADS)

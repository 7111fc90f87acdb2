"""The functions framework as a deployment starts it: with the settings of the stacks, and where nothing of the image can be written."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.config import Function
from scenesearch.emulator.processes import Program, Programs, answers, free_port, wait_for
from tests.infra.deployment import Deployment

PLAIN = """
import functions_framework
@functions_framework.http
def handle(request): return "here"
"""
ASYNCHRONOUS = """
import functions_framework.aio
@functions_framework.aio.http
async def search(request): return "here"
"""
UNWRITABLE = "/proc/none"


def started(settings: Mapping[str, str], function: Function, source: str, folder: Path, programs: Programs) -> tuple[Program, str]:
    """The server, and what it answers."""
    (folder / "main.py").write_text(source)
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", f"--target={function.entry_point}", f"--source={folder / 'main.py'}"]
    server = programs.start(function.value, [*command, "--host=127.0.0.1", f"--port={port}"], {**settings, "HOME": UNWRITABLE})
    wait_for(server, lambda: answers(port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
        return server, answer.read().decode()


@pytest.mark.parametrize(("function", "source"), [(Function.SPLIT, PLAIN), (Function.SEARCH, ASYNCHRONOUS)])
def test_the_server_starts_without_a_complaint_where_home_cannot_be_written(
    function: Function, source: str, deployments: Mapping[str, Deployment], tmp_path: Path
) -> None:
    """Gunicorn opens a control socket below home, unless it is told another place."""
    if function is Function.SPLIT:
        settings = deployments["prod"].named("google_cloudfunctions2_function")["split"]["service_config"]["environment_variables"]
    else:
        container = deployments["prod"].named("google_cloud_run_v2_service")["search"]["template"]["containers"][0]
        settings = {variable["name"]: variable["value"] for variable in container["env"]}
    with Programs(tmp_path / "logs") as programs:
        server, answer = started(settings, function, source, tmp_path, programs)
        assert answer == "here"
        assert server.log.read_text() == ""


def test_without_the_setting_it_complains(tmp_path: Path) -> None:
    with Programs(tmp_path / "logs") as programs:
        server, _ = started({"XDG_RUNTIME_DIR": ""}, Function.SPLIT, PLAIN, tmp_path, programs)
        wait_for(server, lambda: UNWRITABLE in server.log.read_text())

"""The functions of the repository, each in a functions-framework process of its own."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import scenesearch
from scenesearch.emulator.processes import Program, Programs, answers, free_port, wait_for
from scenesearch.errors import ConfigurationError

HTTP_FUNCTIONS = ("search", "library")
"""What people and services call."""

ENTRY_POINT = "handle"


@dataclass(slots=True)
class Function:
    """A function and where it listens; its program may be another after a restart."""

    name: str
    port: int
    program: Program

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class Functions:
    """Starts functions, and starts them again."""

    def __init__(self, programs: Programs, environment: Mapping[str, str], folder: Path | None = None) -> None:
        """`environment` is what all of them get; `folder` holds a folder a function.

        Raises `ConfigurationError` when there is no such folder.
        """
        self._programs = programs
        self._environment = environment
        self._folder = folder or Path(scenesearch.__file__).resolve().parents[2] / "functions"
        if not (self._folder / "split" / "main.py").exists():
            raise ConfigurationError(f"there are no functions in {self._folder}: run this in a checkout of the repository")
        self.running = dict[str, Function]()

    def start(self, name: str, threads: int) -> Function:
        """Start it on a free port, answering this many requests at once; returns before it answers."""
        port = free_port()
        self.running[name] = Function(name, port, self._run(name, port, threads))
        return self.running[name]

    def restart(self, name: str, threads: int, settings: Mapping[str, str] | None = None) -> None:
        """End it at once, whatever it does, and start it again where it was, with these settings over those of all."""
        function = self.running[name]
        self._programs.kill(function.program)
        function.program = self._run(name, function.port, threads, settings)

    def wait(self) -> None:
        """Return when all of them answer. Raises `Unavailable` with the last words of one that does not."""
        for function in self.running.values():
            probe = f"{function.url}/health" if function.name in HTTP_FUNCTIONS else ""
            wait_for(function.program, lambda port=function.port, probe=probe: _ok(probe) if probe else answers(port))  # type: ignore[misc]

    def _run(self, name: str, port: int, threads: int, settings: Mapping[str, str] | None = None) -> Program:
        serves_people = name in HTTP_FUNCTIONS
        command = [sys.executable, "-m", "functions_framework", f"--target={name if serves_people else ENTRY_POINT}"]
        command += [f"--source={self._folder / name / 'main.py'}", "--host=127.0.0.1", f"--port={port}"]
        own = {"THREADS": str(threads), "XDG_RUNTIME_DIR": str(self._programs.folder_of(name))}  # gunicorn's control socket
        kind = {"FUNCTION_USE_ASGI": "true"} if serves_people else {}
        return self._programs.start(name, command, {**self._environment, **kind, **own, **(settings or {})})


def _ok(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (our own address)
        return bool(answer.status == 200)
    return False

"""Programs that this process starts and that never outlive it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scenesearch.emulator import guard
from scenesearch.errors import Unavailable

PORTS = (15_000, 32_000)
"""The ports that are tried: below those that Linux hands out for outgoing connections (32768 and up)."""

START_S = 90.0
"""How long a program may take until it answers: the emulators need some seconds, on a busy machine more."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program with its process group; what it prints goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """End the program and everything it started, at once and without a word (`kill -9`)."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Programs:
    """Starts programs, each in a group of its own, and ends all of them on `close`, or when this process is killed."""

    def __init__(self, logs: Path) -> None:
        """What the programs print goes to files in `logs`."""
        self._logs = logs
        self._started = list[Program]()
        logs.mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Program:
        """Start it; `env` is added to this process's environment."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603
                [str(word) for word in command],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._tell(f"+{process.pid}")
        program = Program(name, process, log)
        self._started.append(program)
        return program

    def folder_of(self, name: str) -> Path:
        """A folder that only this program uses, for what it must write somewhere."""
        folder = self._logs.parent / "running" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def kill(self, program: Program) -> None:
        """End one program at once."""
        program.kill()
        self._tell(f"-{program.process.pid}")

    def close(self) -> None:
        """End them all; returns when they are gone."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
        while self._guard.poll() is None:
            for program in self._started:
                program.process.poll()  # to the guard, a program is there until its parent has looked
            time.sleep(0.02)
        for program in self._started:
            program.process.wait()

    def _tell(self, line: str) -> None:
        if self._guard.stdin is None or self._guard.poll() is not None:
            raise Unavailable("the process that ends our programs is gone: start again")
        self._guard.stdin.write(line + "\n")
        self._guard.stdin.flush()


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now.

    Chosen at random below those that the system hands out for outgoing connections: one of these may be gone a second later.
    """
    while True:
        port = random.randint(*PORTS)  # noqa: S311
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def answers(port: int) -> bool:
    """Whether somebody listens on this port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_for(program: Program, ready: Callable[[], bool], within_s: float = START_S) -> None:
    """Return when `ready` says so.

    Raises:
        Unavailable: the program ended or took too long; the message holds its last words.
    """
    deadline = time.monotonic() + within_s
    while True:
        code = program.process.poll()
        if code is None and ready():
            return
        if code is not None or time.monotonic() > deadline:
            how = f"ended with exit code {code}" if code is not None else f"did not answer within {within_s:.0f} s"
            raise Unavailable(f"{program.name} {how}; its last words:\n{program.last_words()}")
        time.sleep(0.05)

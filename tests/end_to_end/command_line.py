"""The command line as a user runs it: a process, its exit code, its words."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENESEARCH = Path(sys.executable).with_name("scenesearch")
LONGEST_S = 280


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, f"exit {self.code}: {self.err}"
        return json.loads(self.out)


def scenesearch(home: Path, *arguments: str, largest_file: int | None = None, **environment: str) -> Ran:
    """Run `scenesearch ARGUMENTS` with this home; never raises for its exit code.

    It cannot write a file of more than `largest_file` bytes: for it the disk is full then.
    """
    with started(home, *arguments, largest_file=largest_file, **environment) as ended:
        return ended()


@contextmanager
def started(home: Path, *arguments: str, largest_file: int | None = None, **environment: str) -> Iterator[Callable[[], Ran]]:
    """The command while it runs; what is given waits for its end. It does not outlive the context."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file or 0,) * 2)

    process = subprocess.Popen(
        [str(SCENESEARCH), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limited if largest_file is not None else None,
        env={**os.environ, "SCENESEARCH_HOME": str(home), "SCENESEARCH_OFFLINE": "true", **environment},
    )

    def ended() -> Ran:
        out, err = process.communicate(timeout=LONGEST_S)
        return Ran(process.returncode, out, err)

    with process:
        try:
            yield ended
        finally:
            process.kill()

"""`scenesearch serve` in a process of its own, over a library that a benchmark has made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

WITHIN_S = 120


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    pid: int
    log: Path

    def memory_mb(self) -> float:
        """The resident memory that the process which answers has for itself.

        Without the pages of mapped files: those of the embedder's weights come in as new words do, and are the system's to drop.
        """
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) / 1024


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """The server over this home, once it says where it is. Raises `RuntimeError` with its log when it does not."""
    command = [str(Path(sys.executable).with_name("scenesearch")), "serve", "--port", "0"]
    environment = {**os.environ, "SCENESEARCH_HOME": str(home), "SCENESEARCH_OFFLINE": "true"}
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield Served(_address(process, Path(log.name)), process.pid, Path(log.name))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        words = log.read_text().split()
        if (found := next((word for word in words if word.startswith("http://")), None)) is not None:
            return found
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")

"""The command line as a user runs it: a process, its exit code, its words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENESEARCH = Path(sys.executable).with_name("scenesearch")


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


def scenesearch(home: Path, *arguments: str, **environment: str) -> Ran:
    """Run `scenesearch ARGUMENTS` with this home; never raises for its exit code."""
    done = subprocess.run(
        [str(SCENESEARCH), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "SCENESEARCH_HOME": str(home), "SCENESEARCH_OFFLINE": "true", **environment},
    )
    return Ran(done.returncode, done.stdout, done.stderr)

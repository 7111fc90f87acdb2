"""Pin every dependency with its hashes: `make lock`.

`dev` holds everything, so that all groups agree; each other file is what one kind of user installs, at the same versions.
The files carry no index address: pip uses the one it is set up with.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"

LOCKS: dict[str, list[str]] = {
    "dev": ["--extra", "local", "--extra", "cloud", "--group", "dev", "--group", "build", "--group", "infra"],
    "core": [],
    "local": ["--extra", "local", "--group", "build"],
    "cloud": ["--extra", "cloud"],
    "infra": ["--group", "infra"],
}


def lock(name: str, selection: list[str], python: str = "3.11") -> None:
    """Write `requirements/NAME.txt`. Raises `CalledProcessError` when nothing satisfies the ranges."""
    constraint = [] if name == "dev" else ["--constraint", str(HERE / "dev.txt")]
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", str(PROJECT), *selection, *constraint),
            *("--universal", "--generate-hashes", "--python-version", python, "--no-header", "--no-annotate"),
            *("--no-emit-index-url", "--no-emit-find-links", "--output-file", str(HERE / f"{name}.txt"), *sys.argv[1:]),
        ],
        check=True,
    )


if __name__ == "__main__":
    for lock_name, lock_selection in LOCKS.items():
        lock(lock_name, lock_selection)

"""Pin every dependency with its hashes: `make lock`.

`dev` holds everything, so that all groups agree; each other file is what one kind of user installs, at the same versions,
and each function has its own short list.
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


RUNTIME = ["--python-platform", "x86_64-manylinux_2_28"]
"""Where functions run; everybody else may run anywhere."""


def lock(source: Path, selection: list[str], to: Path, python: str = "3.11") -> None:
    """Write the pinned packages of `source` to `to`. Raises `CalledProcessError` when nothing satisfies the ranges."""
    constraint = [] if to.name == "dev.txt" else ["--constraint", str(HERE / "dev.txt")]
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", str(source), *selection, *constraint),
            *("--generate-hashes", "--no-strip-extras", "--python-version", python, "--no-header", "--no-annotate"),
            *("--no-emit-index-url", "--no-emit-find-links", "--output-file", str(to), *sys.argv[1:]),
        ],
        check=True,
    )


if __name__ == "__main__":
    for name, chosen in LOCKS.items():
        lock(PROJECT, [*chosen, "--universal"], HERE / f"{name}.txt")
    for wanted in sorted((HERE.parent / "functions").glob("*/requirements.in")):
        lock(wanted, RUNTIME, wanted.with_suffix(".txt"))

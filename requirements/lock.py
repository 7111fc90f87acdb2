"""Pin every dependency with its hashes: `make lock`.

`dev` holds everything, so that all groups agree; each other file is what one kind of user installs, at the same versions,
and each function has its own short list.
The files carry no index address: pip uses the one it is set up with.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
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


EVERYWHERE = ["--universal", "--fork-strategy", "fewest"]
"""Any system, and one version of a package for every Python: tests run with one of them."""
RUNTIME = ["--python-platform", "x86_64-manylinux_2_28"]
"""Where functions run."""


WITH_EXTRAS = re.compile(r"^(?P<name>[\w.-]+)\[(?P<extras>[^\]]+)\](?P<rest>.*\n(?:    --hash=.*\n)+)", re.MULTILINE)


def spell_out_extras(pinned: str) -> str:
    """Give a package that is required with extras one line for each way of requiring it: `a==1`, `a[x]==1`.

    pip before 23.3 looks up `a` and `a[x]` separately. The one without a line of its own it takes from the index, in the newest version,
    and then refuses it for not being pinned (tests/end_to_end/test_locks_age.py).
    """

    def lines(found: re.Match[str]) -> str:
        extras = found["extras"].split(",")
        ways = [""] + [f"[{','.join(chosen)}]" for many in range(1, len(extras) + 1) for chosen in combinations(extras, many)]
        return "".join(f"{found['name']}{way}{found['rest']}" for way in ways)

    return WITH_EXTRAS.sub(lines, pinned)


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
    to.write_text(spell_out_extras(to.read_text()))


if __name__ == "__main__":
    for name, chosen in LOCKS.items():
        lock(PROJECT, [*chosen, *EVERYWHERE], HERE / f"{name}.txt")
    for wanted in sorted((HERE.parent / "functions").glob("*/requirements.in")):
        lock(wanted, RUNTIME, wanted.with_suffix(".txt"))

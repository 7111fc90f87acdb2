"""Every figure we claim, measured again: `make proof`. Writes docs/benchmarks.md; exit 1 when a figure misses its goal.

Each part is a command that prints one JSON object, so that anybody can run it alone; `python benchmarks/proof.py splitting page` runs
the parts whose titles hold one of these words. Parts whose material is missing are listed as not run.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Goal:
    """A figure by its path in the JSON, and what it must reach."""

    path: str
    sign: str
    value: float

    def of(self, figures: dict[str, Any]) -> float:
        """The figure; not a number, which meets no goal, where it was not measured."""
        try:
            return float(reduce(lambda found, key: found[key], self.path.split("/"), figures))
        except (KeyError, TypeError):
            return math.nan

    def met(self, figures: dict[str, Any]) -> bool:
        found = self.of(figures)
        return found >= self.value if self.sign == "≥" else found <= self.value


@dataclass(frozen=True)
class Part:
    """One measurement: its command (relative to the project's folder) and its goals. `needs` is a path it cannot do without."""

    title: str
    command: str
    goals: Sequence[Goal]
    needs: str = ""


ALL_PASS = (Goal("passed", "≥", 1), Goal("failed", "≤", 0), Goal("skipped", "≤", 0))
"""Of parts that are tests at full strength."""

PARTS = (
    Part("The search function starts", "python benchmarks/search_function.py", (Goal("import_s", "≤", 1.2),)),
    Part(
        "The embedded index at 250,000 moments",
        "python -m benchmarks.index",
        (
            Goal("p50_ms", "≤", 25),
            Goal("p95_ms", "≤", 60),
            Goal("recall_at_100", "≥", 0.95),
            Goal("first_file_p95_ms", "≤", 150),
        ),
    ),
    Part("Fifty people ask at once", "python -m benchmarks.load", (Goal("faults", "≤", 0), Goal("growth_mb", "≤", 32))),
    Part(
        "Questions about tutorials, with speech and screen events (tutorialvqa)",
        "python benchmarks/questions.py ../shared/bench/tutorialvqa",
        (
            Goal("vr/r@1", "≥", 51),
            Goal("vr/r@5", "≥", 80),
            Goal("vcmr/0.5/r@1", "≥", 18),
            Goal("vcmr/0.5/r@10", "≥", 49),
            Goal("vcmr/0.7/r@1", "≥", 9),
            Goal("vcmr/0.7/r@10", "≥", 26),
            Goal("p95_ms", "≤", 60),
            Goal("index_s", "≤", 600),
            Goal("over_http/same_percent", "≥", 100),
        ),
        "../shared/bench/tutorialvqa",
    ),
    Part(
        "One person's captions asked with another's (anet_even)",
        "python benchmarks/questions.py ../shared/bench/anet_even",
        (Goal("vr/r@1", "≥", 10), Goal("vr/r@10", "≥", 34), Goal("over_http/same_percent", "≥", 100)),
        "../shared/bench/anet_even",
    ),
    Part(
        "Real videos and the questions that come with them",
        "python benchmarks/real_videos.py",
        (Goal("among_three", "≥", 10), Goal("first", "≥", 8)),
        "../shared/videos",
    ),
    Part(
        "A 10-minute 720p video on one machine",
        "python benchmarks/ingest.py",
        (Goal("wall_s", "≤", 600), Goal("peak_mb", "≤", 2500), Goal("gaps", "≤", 0)),
    ),
    Part(
        "A picture that stands for eight hours",
        "python benchmarks/by_tests.py PROOF_HOURS=8 tests/end_to_end/test_one_machine.py -k hours_of_one_picture",
        (*ALL_PASS, Goal("wall_s", "≤", 180), Goal("peak_mb", "≤", 1000)),
    ),
    Part(
        "Files that mean harm",
        "python benchmarks/bombs.py",
        (Goal("most_mb", "≤", 1000), Goal("most_seconds", "≤", 30), Goal("tracebacks", "≤", 0)),
    ),
    Part(
        "Splitting",
        "python benchmarks/split.py",
        (
            Goal("plan/read_percent", "≤", 2),
            Goal("speed/wall/ratio_split/median", "≥", 0.7),
            Goal("speed/wall/ratio_with_thumbnails/median", "≥", 0.7),
            Goal("memory_growth_mb", "≤", 64),
        ),
    ),
    Part(
        "Odd files: containers, codecs, clocks, streams and sizes, crossed by a seed",
        "python benchmarks/by_tests.py PROOF_FILES=300 tests/unit/media/test_odd_files.py",
        (*ALL_PASS, Goal("files", "≥", 300), Goal("seconds_lost_in_silence", "≤", 0), Goal("peak_mb", "≤", 1000)),
    ),
    Part(
        "The page in a browser: ten videos, and jumps into two hours",
        "python benchmarks/page.py",
        (
            Goal("usable_ms/median", "≤", 1000),
            Goal("first_result_ms/median", "≤", 300),
            Goal("kilobytes_most", "≤", 200),
            Goal("jump/mb_most", "≤", 2),
        ),
    ),
    Part(
        "The cloud on this machine: from upload to found",
        "python benchmarks/by_tests.py tests/end_to_end/test_emulated_cloud.py",
        (*ALL_PASS, Goal("ready_s", "≤", 180)),
        "../shared/videos",
    ),
    Part(
        "The cloud on this machine: everything goes wrong for 20 videos, and for some that are deleted, overwritten or poisoned",
        "python benchmarks/by_tests.py PROOF_VIDEOS=20 tests/end_to_end/test_cloud_chaos.py",
        (*ALL_PASS, Goal("videos", "≥", 20), Goal("differences", "≤", 0), Goal("killed", "≥", 10)),
    ),
    Part(
        "The index in Firestore against the exact ranking, 20,000 moments",
        "python benchmarks/by_tests.py PROOF_MOMENTS=20000 tests/contract/test_gcp_index.py -k exact",
        (*ALL_PASS, Goal("moments", "≥", 20_000), Goal("recall_at_100", "≥", 0.95)),
    ),
    Part(
        "Fan-in of 333 chunks from 16 threads, and what a section writes (Firestore)",
        "python benchmarks/by_tests.py PROOF_CHUNKS=333 tests/contract/test_gcp_catalog.py tests/integration/gcp/test_writes.py "
        "-k '333 or section_costs'",
        (
            *ALL_PASS,
            Goal("fan_in_s", "≤", 10),
            Goal("transitions", "≤", 1),
            Goal("chunks_left_open", "≤", 0),
            Goal("moves_to_assembling", "≤", 1),
            Goal("catalog_writes_per_section", "≤", 4.4),
        ),
    ),
    Part(
        "The deployment of dev: built and synthesised, twice",
        "python benchmarks/synth.py",
        (Goal("both_s", "≤", 60), Goal("other_bytes", "≤", 0)),
    ),
    Part(
        "Each function from its archive alone: unpacked size, import time and memory, one real event",
        "python benchmarks/by_tests.py tests/infra/test_archive_runs.py",
        ALL_PASS,
    ),
    Part(
        "The API against its own description",
        "python benchmarks/by_tests.py PROOF_EXAMPLES=24 tests/end_to_end/test_described_api.py",
        ALL_PASS,
    ),
    Part("What importing a function costs", "python benchmarks/by_tests.py tests/integration/gcp/test_functions.py -k importing", ALL_PASS),
)


def main() -> None:
    """Run every part (or those whose titles hold one of the words given), write the page, say what missed. Other sections stay."""
    wanted = [word.casefold() for word in sys.argv[1:]]
    sections, missed = _sections(), []
    for part in PARTS:
        if wanted and not any(word in part.title.casefold() for word in wanted):
            continue
        sys.stderr.write(f"{part.title} …\n")
        begun = time.monotonic()
        if part.needs and not (ROOT / part.needs).exists():
            sections[part.title] = f"Not run: `{part.needs}` is not here.\n"
        elif (figures := _run(part.command)) is None:
            sections[part.title] = f"`{part.command}` **broke off**.\n"
            missed.append(f"{part.title}: broke off")
        else:
            sections[part.title] = _section(part, figures, time.monotonic() - begun)
            missed += [f"{part.title}: {goal.path} {goal.of(figures)}" for goal in part.goals if not goal.met(figures)]
        PAGE.write_text(_page(sections))
    sys.stderr.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    if missed:
        sys.exit("missed: " + "; ".join(missed))


def _sections() -> dict[str, str]:
    """What the page says of each part, by its title."""
    said = PAGE.read_text().split("\n## ")[1:] if PAGE.exists() else []
    return {title: body.strip() + "\n" for title, _, body in (one.partition("\n") for one in said)}


def _page(sections: Mapping[str, str]) -> str:
    return _head() + "\n".join(f"## {part.title}\n\n{sections[part.title]}" for part in PARTS if part.title in sections)


def _run(command: str) -> dict[str, Any] | None:
    """What it measured; None when it failed (it has said why)."""
    program, *rest = shlex.split(command)
    done = subprocess.run([str(BIN / program), *rest], stdout=subprocess.PIPE, cwd=ROOT, check=False)
    try:
        figures: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        return None
    return figures


def _section(part: Part, figures: dict[str, Any], took: float) -> str:
    rows = "\n".join(
        f"| {g.path} | {g.of(figures):g} | {g.sign} {g.value:g} | {'yes' if g.met(figures) else '**no**'} |" for g in part.goals
    )
    table = f"| figure | measured | goal | met |\n|---|---|---|---|\n{rows}\n\n" if part.goals else ""
    shown = json.dumps(figures, ensure_ascii=False, indent=1)
    load = f"{datetime.now(UTC):%Y-%m-%d}, {took:.0f} s, load {os.getloadavg()[1]:.1f}"
    return f"`{part.command}` ({load})\n\n{table}```json\n{shown}\n```\n"


def _head() -> str:
    return (
        "# Measurements\n\n"
        f"Written by `make proof` on {os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}. "
        "Times move with the machine; compare ratios. The load is that of the last five minutes, the measurement itself included.\n\n"
    )


if __name__ == "__main__":
    main()

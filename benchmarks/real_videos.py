"""The real videos: take them in through the command line, ask the questions that come with them.

    python benchmarks/real_videos.py [--videos DIR] [--home DIR]

DIR holds videos and `queries.json` (question, file, accepted span in seconds). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VIDEOS = Path(__file__).resolve().parents[2] / "shared" / "videos"
FIRST_PAGE = 3


@dataclass(frozen=True)
class Asked:
    """One question: at which place of the answer the right scene stands (1 is first, 0 is not among the first three)."""

    query: str
    place: int
    got: str


@dataclass(frozen=True)
class Figures:
    """How the questions went. `ingest_s` is the wall time of the whole `ingest`."""

    questions: int
    first: int
    among_three: int
    ingest_s: float
    asked: list[Asked]


def run(videos: Path, home: Path) -> Figures:
    """Ingest every video of the folder into `home` and ask every question. Raises `CalledProcessError`."""
    files = sorted(str(p) for p in videos.iterdir() if p.suffix in (".mp4", ".webm"))
    begun = time.monotonic()
    scenesearch(home, "ingest", *files)
    took = time.monotonic() - begun
    questions = json.loads((videos / "queries.json").read_text())
    asked = [_ask(home, question) for question in questions]
    return Figures(
        questions=len(asked),
        first=sum(one.place == 1 for one in asked),
        among_three=sum(one.place > 0 for one in asked),
        ingest_s=round(took, 1),
        asked=asked,
    )


def scenesearch(home: Path, *arguments: str) -> Any:
    """Run the command line as a user would; its JSON. Raises `CalledProcessError`, with stderr shown."""
    command = [str(Path(sys.executable).with_name("scenesearch")), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "SCENESEARCH_HOME": str(home)}, check=True)
    return json.loads(done.stdout)


def _ask(home: Path, question: dict[str, Any]) -> Asked:
    scenes = scenesearch(home, "search", question["query"])["scenes"][:FIRST_PAGE]
    start, end = question["span"]
    title = Path(question["file"]).stem
    place = next((n for n, scene in enumerate(scenes, 1) if scene["title"] == title and _right(scene, start, end)), 0)
    got = "; ".join(f"{scene['title']} {scene['start']:.1f}-{scene['end']:.1f}" for scene in scenes)
    return Asked(question["query"], place, got)


def _right(scene: dict[str, Any], start: float, end: float) -> bool:
    """The spans overlap by at least half of the shorter of the two."""
    overlap = min(scene["end"], end) - max(scene["start"], start)
    return bool(overlap >= 0.5 * min(scene["end"] - scene["start"], end - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=Path, default=VIDEOS)
    parser.add_argument("--home", type=Path, help="keep what was taken in here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.videos, options.home or Path(folder))
    sys.stdout.write(json.dumps(asdict(figures), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What files that mean harm cost: size, seconds, peak memory of the child that reads them, and what people are told.

    python benchmarks/bombs.py

Prints one JSON object. Makes its files itself, in a temporary folder; each is planned, and its first chunks are cut, in its own process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bombs import BOMBS
from scenesearch.errors import SceneSearchError
from scenesearch.media.isolated import ChunkCutter, plan_of
from scenesearch.media.isolation import end_all

CLIP_MAX_BYTES = 400_000_000
FIRST_CHUNKS = 3
"""How many chunks of a file that has a plan are cut: each is a step with limits of its own."""


def main() -> None:
    """Measure every file and print the figures."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(read(Path(sys.argv[1]))))
        return
    files: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in BOMBS.items():
            path = make(Path(folder) / name)
            done = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, check=False)
            files[name] = json.loads(done.stdout) if done.returncode == 0 else {"traceback": done.stderr[-500:], "peak_mb": 1e9}
    figures = {
        "files": files,
        "most_mb": max(one["peak_mb"] for one in files.values()),
        "most_seconds": max(one.get("seconds", 1e9) for one in files.values()),
        "tracebacks": sum("traceback" in one for one in files.values()),
    }
    sys.stdout.write(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    """Plan and cut the file as `split` does."""
    began, said = time.monotonic(), list[str]()
    try:
        with path.open("rb") as source:
            plan = plan_of(source, chunk_seconds=300, clip_max_bytes=CLIP_MAX_BYTES)
            with ChunkCutter(source, plan.media, clip_max_bytes=CLIP_MAX_BYTES, thumbnails_apart_ms=2_000) as cutter:
                for chunk in plan.chunks[:FIRST_CHUNKS]:
                    with cutter.cut(chunk) as cut:
                        said.append(f"cut {chunk.span}: {cut.pictures.duration_ms} ms")
    except SceneSearchError as error:
        said.append(str(error))
    seconds = time.monotonic() - began
    end_all()
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return {"bytes": path.stat().st_size, "seconds": round(seconds, 2), "peak_mb": round(peak_mb), "said": said}


if __name__ == "__main__":
    main()

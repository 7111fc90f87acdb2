"""How long the search function takes to start: fresh interpreters, five times; the best, and the median.

    python benchmarks/search_function.py

Prints one JSON object: `import_s` imports `functions/search/main.py` as the platform does; `first_request_s` is from there until the
site is made and has refused an empty question, with the one-machine backend. Seconds of the clock; those of the processor (`…_cpu_s`) are
what other work on the machine moves least.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

FUNCTION = Path(__file__).parents[1] / "functions" / "search" / "main.py"

IMPORT = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
import functions_framework.aio
app = functions_framework.aio.create_asgi_app("search", {path!r})
imported = time.perf_counter() - wall, time.process_time() - cpu
from starlette.testclient import TestClient
wall = time.perf_counter()
assert TestClient(app, base_url="http://localhost").get("/v1/search").status_code == 400
print(json.dumps([*imported, time.perf_counter() - wall]))
"""


def cold_start() -> dict[str, float]:
    """The best and the median of five, in seconds."""
    code = IMPORT.format(path=str(FUNCTION))
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    figures: dict[str, float] = {}
    for name, times in zip(("import_s", "import_cpu_s", "first_request_s"), zip(*runs, strict=True), strict=True):
        figures |= {name: round(min(times), 3), f"{name.removesuffix('_s')}_median_s": round(statistics.median(times), 3)}
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(cold_start(), indent=1) + "\n")

"""The page in a real browser: how soon it can be used, how soon the first result is painted, how much it weighs, what a jump costs.

    python benchmarks/page.py

Prints one JSON object. Needs chromium; the page is served by `scenesearch serve` with ten videos and the local models' search.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")  # in place of this folder, where `page` is this file

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from page.measuring import QUESTIONS, cinema, fill, jump, result_ms, usable_ms, weight  # noqa: E402
from page.serving import Served  # noqa: E402

VIDEOS = 10
TWO_HOURS = 7200.0
SCENES = (12.5, 1803.0, 5025.5, 7100.25)


def served(browser: Browser, home: Path) -> dict[str, Any]:
    """The page over ten videos; each measurement with an empty cache."""
    fill(home, VIDEOS)
    machine = Served(home)
    subprocess.run([Path(sys.executable).with_name("scenesearch"), "reindex"], env=machine.environment, check=True, stdout=sys.stderr)
    with machine:
        usable, result = [], []
        for question in QUESTIONS:
            context = browser.new_context()
            page = context.new_page()
            usable.append(usable_ms(page, machine.url))
            result.append(result_ms(page, machine.url, question))
            context.close()
        views = {}
        for path in ("/", "/search?q=police", "/library"):
            context = browser.new_context()
            views[path] = weight(context.new_page(), machine.url + path)
            context.close()
    return {
        "videos": VIDEOS,
        "questions": len(QUESTIONS),
        "usable_ms": _spread(usable),
        "first_result_ms": _spread(result),
        "kilobytes": {path: round(size / 1000, 1) for path, size in views.items()},
        "kilobytes_most": round(max(views.values()) / 1000, 1),
    }


def jumps(browser: Browser, home: Path) -> dict[str, Any]:
    """Scenes of two films of two hours."""
    home.mkdir()
    with cinema(home, TWO_HOURS) as (url, site, films):
        made = {film.title: [jump(browser, url, site, film, at) for at in SCENES] for film in films}
    measured = [one for each in made.values() for one in each]
    return {
        "hours": TWO_HOURS / 3600,
        "mb_most": max(one["mb"] for one in measured),
        "ms_median": statistics.median(one["ms"] for one in measured),
        "index": made,
    }


def _spread(measured: list[float]) -> dict[str, int]:
    return {"median": round(statistics.median(measured)), "most": round(max(measured))}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        figures = {**served(browser, Path(folder) / "home"), "jump": jumps(browser, Path(folder) / "cinema")}
        browser.close()
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Pictures of every view, light and dark, desktop and phone: `python docs/page/screenshots.py [HOME]` (needs chromium).

Serves a library of the sample video, read by the real models (or the library that is in HOME), and asks it a question.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from page.browsing import LOADED, SAMPLE, until  # noqa: E402
from page.serving import Served  # noqa: E402

QUESTION = {"en-US": "the red car explodes", "ja-JP": "赤い車が爆発する"}
LOOKS = {
    "light-desktop": ("light", (1440, 900), "en-US"),
    "dark-desktop": ("dark", (1440, 900), "en-US"),
    "light-phone": ("light", (390, 844), "ja-JP"),
    "dark-phone": ("dark", (390, 844), "ja-JP"),
}


def views(page: Page, url: str, question: str, save: str) -> None:
    """Walk through the views and keep a picture of each."""
    page.goto(url)
    expect(page.locator(".tile").first).to_be_visible()
    keep(page, f"home-{save}")
    page.goto(f"{url}/search?q={question}")
    expect(page.locator(".status")).to_contain_text("·", timeout=30_000)
    keep(page, f"search-{save}")
    page.locator("li.scene:not(.ghost) a.title").first.click()
    until(page, LOADED)
    expect(page.locator(".side .hit, .side .entry").locator("visible=true").first).to_be_visible()
    keep(page, f"watch-{save}")
    page.goto(f"{url}/library")
    expect(page.locator("li.video").first).to_be_visible()
    keep(page, f"library-{save}")


def keep(page: Page, name: str) -> None:
    """Wait for the pictures in sight, then take the view."""
    in_sight = "(i) => i.checkVisibility() && i.getBoundingClientRect().top < innerHeight"
    until(page, f"[...document.images].filter({in_sight}).every((i) => i.complete)")
    page.screenshot(path=HERE / f"{name}.jpg", type="jpeg", quality=70)


def take(browser: Browser, url: str) -> None:
    """Every look."""
    for save, (scheme, (width, height), locale) in LOOKS.items():
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale=locale, reduced_motion="reduce"
        )
        views(context.new_page(), url, QUESTION[locale], save)
        context.close()


def main() -> None:
    """Read the sample, serve it, take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        given = [Path(home).absolute() for home in sys.argv[1:]]
        served = Served(given[0] if given else Path(folder) / "home")
        if not given:
            command = [Path(sys.executable).with_name("scenesearch"), "ingest", SAMPLE, "--title", "A day at the harbour"]
            subprocess.run(command, env=served.environment, check=True)  # noqa: S603 - our own command
        with served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--mute-audio"])
            take(browser, served.url)
            browser.close()


if __name__ == "__main__":
    main()

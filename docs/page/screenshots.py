"""Pictures of every view, light and dark, desktop and phone: `python docs/page/screenshots.py [HOME]` (needs chromium).

Serves a library of the sample video and parts of it, read by the real models (or the library that is in HOME), and asks it a question.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright  # noqa: E402

from page.browsing import LOADED, SAMPLE, until  # noqa: E402
from page.serving import Served  # noqa: E402
from scenesearch.media.export import encode_clip  # noqa: E402
from scenesearch.timeline import Span  # noqa: E402

QUESTION = {"en-US": "the red car explodes", "ja-JP": "赤い車が爆発する"}
LOOKS = {
    "light-desktop": ("light", (1440, 900), "en-US"),
    "dark-desktop": ("dark", (1440, 900), "en-US"),
    "light-phone": ("light", (390, 844), "ja-JP"),
    "dark-phone": ("dark", (390, 844), "ja-JP"),
}
PARTS = {"Harbour news": (15, 28), "Stunt reel, take 3": (28, 43), "Screen recording 1998": (43, 51), "Noodle bar": (51, 58)}
WHOLE = "A day at the harbour"


def views(page: Page, url: str, question: str) -> Iterator[str]:
    """Walk through the views; yields the name of each while it is shown."""
    page.goto(url)
    expect(page.locator(".tile").first).to_be_visible()
    yield "home"
    asked = f"{url}/search?q={question}"
    page.goto(asked)
    expect(page.locator(".status")).to_contain_text("·", timeout=30_000)
    yield "search"
    page.locator(".filters summary").click()
    expect(page.locator(".panel select option").nth(1)).to_be_attached()
    yield "filters"
    page.goto(asked)
    page.locator("li.scene:not(.ghost) a.title", has_text=WHOLE).first.click()
    until(page, LOADED)
    expect(page.locator(".side .hit, .side .entry").locator("visible=true").first).to_be_visible()
    page.keyboard.press("k")
    yield "watch"
    page.goto(f'{url}/search?q="{question}?"&mode=precision')
    expect(page.locator(".empty")).to_be_visible(timeout=30_000)
    yield "nothing"
    page.route("**/v1/search?*", degraded)
    page.goto(asked)
    expect(page.locator(".notice")).to_be_visible(timeout=30_000)
    yield "degraded"
    page.goto(f"{url}/library")
    expect(page.locator("li.video").first).to_be_visible()
    yield "library"
    whole = page.locator("li.video", has=page.get_by_text(WHOLE, exact=True))
    whole.locator("[data-act=text]").click()
    expect(page.locator(".facts")).to_be_visible()
    yield "details"
    page.keyboard.press("Escape")
    whole.locator("[data-act=grid]").click()
    expect(page.locator(".board li").first).to_be_visible()
    yield "storyboard"


def degraded(route: Route) -> None:
    """The real answer, said to be what it is when the reader is away."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace('"degraded":null', '"degraded":"the reader is away"'))


def keep(page: Page, name: str) -> None:
    """Wait for the pictures in sight, then take the view."""
    in_sight = "(i) => i.checkVisibility() && i.getBoundingClientRect().top < innerHeight"
    until(page, f"[...document.images].filter({in_sight}).every((i) => i.complete)")
    page.screenshot(path=HERE / f"{name}.jpg", type="jpeg", quality=70)


def take(browser: Browser, url: str) -> None:
    """Every look of every view."""
    for look, (scheme, (width, height), locale) in LOOKS.items():
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale=locale, reduced_motion="reduce"
        )
        page = context.new_page()
        for view in views(page, url, QUESTION[locale]):
            keep(page, f"{view}-{look}")
        context.close()


def read(served: Served, folder: Path) -> None:
    """Fill the library: the sample, parts of it, and a file that is no video."""

    def ingest(file: Path, title: str, collection: str, *, readable: bool = True) -> None:
        command = [Path(sys.executable).with_name("scenesearch"), "ingest", file, "--title", title, "--collection", collection]
        subprocess.run(command, env=served.environment, check=readable)  # noqa: S603 - our own command

    (folder / "tape.mp4").write_text("this tape is lost")
    ingest(folder / "tape.mp4", "Interview, tape 2", "reels", readable=False)
    for number, (title, (start, end)) in enumerate(PARTS.items()):
        with SAMPLE.open("rb") as source:
            encode_clip(source, Span.of_seconds(start, end), folder / f"{number}.mp4")
        ingest(folder / f"{number}.mp4", title, "reels")
    ingest(SAMPLE, WHOLE, "harbour")


def main() -> None:
    """Read, serve, take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        given = [Path(home).absolute() for home in sys.argv[1:]]
        served = Served(given[0] if given else Path(folder) / "home")
        if not given:
            read(served, Path(folder))
        with served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--mute-audio"])
            take(browser, served.url)
            browser.close()


if __name__ == "__main__":
    main()

"""axe-core finds nothing on any view, light and dark, wide and phone; the page asks no other host."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from scenesearch.search.answer import Scene
from scenesearch.video import Video
from scenesearch.web.page_routes import FOLDER
from site_under_test import whole

PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize(("scheme", "viewport"), [("light", None), ("dark", PHONE)], ids=["light", "dark phone"])
def test_axe_finds_no_violation(
    opened: Callable[..., Page],
    served: SimpleNamespace,
    answering: list[Scene],
    films: list[Video],
    scheme: str,
    viewport: dict[str, int] | None,
) -> None:
    page = opened(color_scheme=scheme, **({"viewport": viewport} if viewport else {}))
    page.emulate_media(reduced_motion="reduce", color_scheme=scheme)  # type: ignore[arg-type]
    found = []
    for path, ready in (
        ("/", ".tile"),
        ("/search?q=ferry", "li.scene:not(.ghost)"),
        (f"/watch?q=ferry&v={films[0].ref.video_id}&t=10&end=13", ".hit"),
        ("/library", "li.video"),
        ("/watch?v=nothing", ".empty"),
    ):
        page.goto(served.url + path)
        expect(page.locator(ready).first).to_be_visible()
        if path.startswith("/search"):
            page.locator("summary", has_text="Filters").click()
        found += violations(page, path)
        if path == "/library":
            page.get_by_role("button", name="Details: Harbour day").click()
            expect(page.get_by_role("dialog")).to_contain_text("Cost")
            found += violations(page, "details")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Keyboard").click()
            expect(page.get_by_role("dialog")).to_be_visible()
            found += violations(page, "keys")
    wider = answering[0].model_copy(update={"start": 8.0, "end": 15.0, "score": 0.6})
    served.search.script = lambda request: iter([answering[0], wider, whole(request)])
    page.goto(f"{served.url}/search?q=cuts")
    expect(page.locator(".cuts a")).to_be_visible()
    found += violations(page, "cuts of one place")
    served.search.script = lambda request: iter([whole(request).model_copy(update={"degraded": "the reader is away"})])
    page.goto(f"{served.url}/search?q=nothing")
    expect(page.get_by_text("Quick answer only")).to_be_visible()
    found += violations(page, "nothing found, degraded")
    served.search.script = lambda request: (_ for _ in ()).throw(RuntimeError("inside"))
    page.goto(f"{served.url}/search?q=broken")
    expect(page.get_by_role("alert")).to_be_visible()
    found += violations(page, "an error")
    assert not found, found


def violations(page: Page, view: str) -> list[tuple[str, str, list[str]]]:
    """What axe finds: (view, rule, elements)."""
    report = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
    return [(view, one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in report.response["violations"]]


def test_the_page_weighs_little_and_asks_no_one_else(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    hosts, sizes = set(), []
    page.on(
        "response", lambda response: (hosts.add(response.url.split("/")[2]), sizes.append(response) if "/page/" in response.url else None)
    )
    page.goto(served.url)
    expect(page.locator(".tile").first).to_be_visible()
    assert hosts == {served.url.split("/")[2]}
    assert sum(len(response.body()) for response in sizes) <= 200_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 200_000

"""axe-core finds nothing on any view in any state, in both languages, light and dark, wide and phone; the page asks no other host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from page.browsing import LOADED, SAMPLE, until
from scenesearch.search.answer import Scene
from scenesearch.video import Video
from scenesearch.web.page_routes import FOLDER
from site_under_test import whole

PHONE = {"width": 390, "height": 844}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES = ("dark", "light")
LOOKS = {"English, wide": {"locale": "en-US"}, "Japanese, phone": {"locale": "ja-JP", "viewport": PHONE}}


@pytest.fixture(params=LOOKS)
def page(request: pytest.FixtureRequest, opened: Callable[..., Page]) -> Page:
    page = opened(**LOOKS[request.param], reduced_motion="reduce")
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def violations(page: Page, views: Iterator[str]) -> list[tuple[str, str, list[str]]]:
    """What axe finds in each view: (view, rule, elements). Contrast is looked at light and dark."""
    found = []
    for view in views:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.evaluate("scrollTo(0, 0)")  # what has scrolled under the fixed player would count as covered
            rules = {"type": "rule", "values": ["color-contrast"]} if scheme == "dark" else {"type": "tag", "values": STANDARDS}
            report = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
            found += [
                (f"{view}, {scheme}", one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in report.response["violations"]
            ]
    return found


def test_axe_finds_nothing_on_the_ways_to_a_scene(page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]) -> None:
    def views() -> Iterator[str]:
        good, url = served.search.script, f"{served.url}/search?q=ferry"
        page.goto(url)
        expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
        page.locator(".filters summary").click()
        yield "scenes and filters"
        page.goto(served.url)
        expect(page.locator(".tile").first).to_be_visible()
        yield "home"
        page.route("**/v1/search?*", lambda route: None)
        page.goto(url)
        expect(page.locator("li.ghost").first).to_be_visible()
        yield "searching"
        page.unroute("**/v1/search?*")
        wider = answering[0].model_copy(update={"start": 8.0, "end": 15.0, "score": 0.6, "grounded": False})
        served.search.script = lambda request: iter([answering[0], wider, whole(request).model_copy(update={"truncated": True})])
        page.goto(url + "&collection=films&video_id=x")
        expect(page.locator(".cuts a")).to_be_visible()
        yield "cuts of one place, in one video only"
        served.search.script = lambda request: iter([whole(request).model_copy(update={"degraded": "the reader is away"})])
        page.goto(url + "&tag=a&q=“ferry”")
        expect(page.locator(".empty button").first).to_be_visible()
        yield "nothing found, degraded"
        served.search.script = lambda request: iter([*answering, whole(request).model_copy(update={"degraded": "the reader is away"})])
        page.goto(url)
        expect(page.locator(".notice button")).to_be_visible()
        yield "found, degraded"
        served.search.script = lambda request: (_ for _ in ()).throw(RuntimeError("inside"))
        page.goto(url)
        expect(page.get_by_role("alert")).to_be_visible()
        yield "an error"
        served.search.script = good
        page.locator("#keys-button").click()
        yield "keys"

    assert violations(page, views()) == []


def test_axe_finds_nothing_beside_the_player(
    page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video], stills: list[str]
) -> None:
    def views() -> Iterator[str]:
        url = f"{served.url}/watch?q=ferry&v={films[0].ref.video_id}&t=10&end=13"
        page.goto(url)
        until(page, LOADED)
        page.keyboard.press("k")
        page.keyboard.press("c")
        expect(page.locator("a.hit")).to_have_count(3)
        yield "a scene with its hits"
        for tab in ("said", "written", "shown", "scenes"):
            page.locator(f"#tab-{tab}").click()
            yield tab
        page.locator(".feedback button").first.click()
        expect(page.locator(".toast")).to_be_visible()
        with page.expect_download():
            page.locator("[data-format=srt]").click()
        expect(page.locator(".take [role=status]")).not_to_be_empty()
        page.locator(".line").hover()
        expect(page.locator(".preview .sprite")).to_be_visible()
        yield "feedback, an export, a preview"
        page.evaluate("document.querySelector('scene-player').playSpan({ start: 12.9, end: 13 })")
        expect(page.locator(".ended")).to_be_visible()
        yield "the scene has ended"
        page.route("**/media", lambda route: route.abort())
        served.search.script = lambda request: (_ for _ in ()).throw(RuntimeError("inside"))
        page.goto(url.replace("ferry", "boat"))
        expect(page.locator(".cannot")).to_be_visible()
        yield "a video that cannot be played, a search that failed"
        page.goto(f"{served.url}/watch?v=nothing")
        expect(page.locator(".empty")).to_be_visible()
        yield "no such video"

    assert violations(page, views()) == []


def test_axe_finds_nothing_in_the_library(
    page: Page, served: SimpleNamespace, films: list[Video], troubled: list[Video], stills: list[str], tmp_path: Path
) -> None:
    def views() -> Iterator[str]:
        of_first = f"li[data-video='{films[0].ref.video_id}']"
        left = {"default/old.mp4/1/1": {"url": "/v1/uploads/none", "video": "none", "name": "old.mp4", "began": 0}}
        (tmp_path / "notes.txt").write_text("hello")
        page.goto(f"{served.url}/library")
        page.evaluate("(left) => localStorage.setItem('unfinished-uploads', left)", json.dumps(left))
        page.reload()
        page.locator(f"{of_first} .gaps summary").click()
        page.locator(".drop select").first.select_option("/")
        page.locator(".drop [type=text]").first.fill("trailers")
        page.locator(".drop summary").click()
        page.locator("#files").set_input_files([tmp_path / "notes.txt"])
        expect(page.locator(".upload.bad")).to_be_visible()
        page.route("**/v1/uploads/*", lambda route: None)
        page.locator("#files").set_input_files([SAMPLE])
        expect(page.locator(".upload progress")).to_have_count(2)
        yield "uploads, gaps, a failure, a new collection"
        page.unroute_all(behavior="ignoreErrors")
        page.locator(f"{of_first} [data-act=grid]").click()
        expect(page.locator(".board li")).to_have_count(2)
        yield "storyboard"
        page.keyboard.press("Escape")
        page.locator(f"{of_first} [data-act=text]").click()
        expect(page.locator(".facts")).to_be_visible()
        yield "details"
        page.keyboard.press("Escape")
        page.locator(f"{of_first} .notice button, {of_first} .gaps button").click()
        expect(page.locator(f"{of_first} progress")).to_be_visible()
        page.locator(f"{of_first} [data-act=trash]").click()
        expect(page.locator(".toast button")).to_be_visible()
        yield "deleted, with undo"
        page.route("**/v1/videos**", lambda route: route.abort())
        page.reload()
        expect(page.locator(".status")).not_to_be_empty()
        yield "no server"

    assert violations(page, views()) == []


def test_axe_finds_nothing_where_nothing_is(page: Page, served: SimpleNamespace) -> None:
    def views() -> Iterator[str]:
        for path in ("/", "/library", "/search?q=x"):
            page.goto(served.url + path)
            expect(page.locator(".empty")).to_be_visible()
            yield f"empty {path}"

    assert violations(page, views()) == []


@pytest.mark.parametrize("locale", ["en-US", "ja-JP"])
def test_nothing_is_wider_than_the_narrowest_screen(
    opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene], troubled: list[Video], locale: str
) -> None:
    page = opened(locale=locale, viewport={"width": 320, "height": 640})
    for path, ready in (
        ("/", ".tile"),
        ("/search?q=ferry&collection=films", "li.scene:not(.ghost)"),
        (f"/watch?q=ferry&v={answering[0].video_id}&t=10&end=13", "a.hit"),
        ("/library", "li.video"),
    ):
        page.goto(served.url + path)
        expect(page.locator(ready).first).to_be_visible()
        closed = page.evaluate("document.documentElement.scrollWidth")
        for summary in page.locator("main summary").all():
            summary.click()
        assert max(closed, page.evaluate("document.documentElement.scrollWidth")) <= 320, path


def test_the_page_weighs_little_and_asks_no_one_else(opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene]) -> None:
    page, hosts, sizes = opened(), set(), []
    page.on(
        "response", lambda response: (hosts.add(response.url.split("/")[2]), sizes.append(response) if "/page/" in response.url else None)
    )
    page.goto(served.url)
    expect(page.locator(".tile").first).to_be_visible()
    assert hosts == {served.url.split("/")[2]}
    assert sum(len(response.body()) for response in sizes) <= 200_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 200_000

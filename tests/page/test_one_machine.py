"""The whole thing as people use it: `scenesearch serve`, real models, a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from page.browsing import LOADED, SAMPLE, time_of, until
from page.serving import Served
from real_videos import FOLDER
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.media.export import encode_clip
from scenesearch.timeline import Span
from waiting import eventually

pytestmark = pytest.mark.slow

VOICE = FOLDER / "autoeditor_example.mp4"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "machine") as served:
        yield served


@pytest.fixture
def another(tmp_path: Path) -> tuple[Path, str]:
    """A second real video, and a question that only it answers: somebody else's where there is one, else another part of the day."""
    if VOICE.exists():
        return VOICE, "when do they say banana"
    part = tmp_path / "the end of the day.mp4"
    with SAMPLE.open("rb") as source:
        encode_clip(source, Span.of_seconds(43, 60), part)
    return part, "do you want to save your changes"


@pytest.mark.timeout(600)
def test_two_videos_from_upload_to_the_found_moment(page: Page, machine: Served, another: tuple[Path, str]) -> None:
    file, question = another
    page.goto(f"{machine.url}/library")
    page.locator("#files").set_input_files([SAMPLE, file])
    expect(page.locator("li.video")).to_have_count(2, timeout=60_000)
    seen: set[str] = set()
    said: set[str] = set()

    def ready() -> bool:
        seen.update(page.locator("li.video").evaluate_all("(all) => all.map((video) => video.dataset.state)"))
        said.update(page.locator("li.video .working").all_inner_texts())
        return page.locator("li.video.ready").count() == 2

    eventually(ready, within_s=480, every_s=0.5)
    expect(page.locator(".upload")).to_have_count(0)
    assert seen & {"splitting", "extracting", "assembling"}, "the progress was never to be seen"
    assert any("%" in words and "speech" in words for words in said), "nor how far each stage was"

    for asked, title in ((question, file.stem), ("the red car explodes", SAMPLE.stem)):
        page.goto(machine.url)
        page.get_by_role("combobox").or_(page.get_by_role("searchbox")).fill(asked)
        page.keyboard.press("Enter")
        first = page.locator("li.scene:not(.ghost) a.title").first
        expect(first).to_have_text(title, timeout=20_000)
        expect(page.locator(".status")).to_contain_text("scene")
        where = parse_qs(urlsplit(first.get_attribute("href") or "").query)
        first.click()
        until(page, LOADED)
        assert float(where["t"][0]) <= time_of(page) < float(where["end"][0])

    until(page, "document.querySelectorAll('.mark.important, .mark.hit').length > 0")
    page.locator(".line").hover()
    until(page, "!document.querySelector('.preview').hidden && !document.querySelector('.preview .sprite').hidden")


def test_an_upload_goes_on_after_the_server_was_killed(page: Page, machine: Served, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(os.urandom(48_000_000))
    starts: list[int] = []
    page.on("request", lambda request: starts.append(_start(request.headers.get("content-range", ""))) if request.method == "PUT" else None)
    page.goto(f"{machine.url}/library")
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 12_000_000}
    slow.send("Network.emulateNetworkConditions", conditions)
    page.locator("#files").set_input_files([large])
    until(page, "document.querySelector('.upload progress')?.value > 0.3")
    machine.kill()
    expect(page.get_by_text("Connection lost")).to_be_visible(timeout=30_000)
    arrived = max(starts)
    before = len(starts)
    machine.start()
    home = tmp_path / "machine"
    store = FolderObjectStore(home / "uploads", "uploads", signer=UrlSigner(home / "signing.key"))
    [info] = eventually(lambda: page.evaluate("1") and list(store.list()), within_s=60)
    assert next(start for start in starts[before:] if start >= 0) >= arrived > 0, "it began again from the start"
    with store.open(info.name) as stored:
        assert stored.read() == large.read_bytes()


def test_ctrl_c_leaves_no_process_behind(machine: Served) -> None:
    group = machine.group
    assert machine.interrupt() == 0, machine.log
    assert "Ctrl-C ends it" in machine.log
    assert "Traceback" not in machine.log
    eventually(lambda: _is_gone(group), within_s=5)


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def _start(content_range: str) -> int:
    first = content_range.removeprefix("bytes ").split("-")[0]
    return int(first) if first.isdigit() else -1

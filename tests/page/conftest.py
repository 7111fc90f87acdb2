"""A real browser on a real server. The stores are real too; only the search says what the test wants."""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from page.browsing import HOSTILE, SAMPLE
from scenesearch.metadata import Entry, Section
from scenesearch.ports import Assembly
from scenesearch.search.answer import Evidence, FileHit, Scene, SearchRequest
from scenesearch.timeline import Span
from scenesearch.video import Gap, SectionKey, SectionRecord, SectionState, Video, VideoRef, VideoState, video_id, work_prefix
from scenesearch.web.sites import library_site
from shelf import said, shown, written
from site_under_test import a_file, a_scene, application_over, whole


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        )
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """An application over a shelf, and where it is served (`url`)."""
    with serving(application_over(tmp_path / "home")) as app:
        yield app


@contextmanager
def serving(app: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The application, served at its `url` by a thread."""
    server = uvicorn.Server(uvicorn.Config(library_site(app), port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    app.url = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    yield app
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def films(served: SimpleNamespace) -> list[Video]:
    """Two videos with entries; one of them is hostile wherever a video can speak."""
    entries = [
        said(10.0, 13.0, "The ferry leaves at nine.", "Mika"),
        said(20.0, 23.0, "Nobody told me about the storm."),
        shown(9.0, 15.0, "A white ferry at a pier."),
        written(11.0, 14.0, "出発 9:00"),
        Entry(section=Section.IMPORTANT_SCENES, span=Span.of_seconds(9.0, 15.0), text="The ferry leaves."),
    ]
    nasty = [said(2.0, 6.0, HOSTILE, HOSTILE), shown(1.0, 8.0, HOSTILE), written(3.0, 5.0, HOSTILE + " --> ")]
    nasty += [Entry(section=Section.IMPORTANT_SCENES, span=Span.of_seconds(1.0, 3.0), text=HOSTILE)]
    return [
        served.shelf.put(SAMPLE, "films/a/harbour.mp4", entries, title="Harbour day", summary="A day at the harbour."),
        served.shelf.put(SAMPLE, "films/b/nasty.mp4", nasty, title=HOSTILE, summary=HOSTILE),
    ]


@pytest.fixture
def troubled(served: SimpleNamespace, films: list[Video]) -> list[Video]:
    """The first film with a part that no model would read, and one more that failed."""
    catalog, ref, name = served.catalog, films[0].ref, "films/c/broken.mp4"
    reason = "the model would not read it"
    catalog.commit_section(SectionRecord(key=SectionKey(ref, 0, Section.TEXTS), state=SectionState.BLOCKED, reason=reason))
    catalog.commit_assembly(ref, Assembly(summary="", important_scenes=(), gaps=(Gap(0, Section.TEXTS, reason),)))
    lost = replace(
        films[1], ref=VideoRef(video_id("uploads", name), 1), name=name, title="Broken", chunk_count=0, state=VideoState.SPLITTING
    )
    catalog.begin(lost)
    catalog.move(lost.ref, to=VideoState.FAILED, when=frozenset({VideoState.SPLITTING}), error="there are no pictures in this file")
    return [films[0], lost]


@pytest.fixture
def stills(served: SimpleNamespace, films: list[Video]) -> list[str]:
    """The times of the stills that the first film's storyboard has."""
    prefix, picture = work_prefix(films[0].ref), io.BytesIO()
    Image.new("RGB", (320, 90), "teal").save(picture, "JPEG")
    cues = (
        "WEBVTT\n\n00:00.000 --> 00:30.000\nsprite-000.jpg#xywh=0,0,160,90\n\n00:30.000 --> 01:07.000\nsprite-000.jpg#xywh=160,0,160,90\n"
    )
    served.shelf.put_bytes(f"{prefix}thumbnails.vtt", cues.encode(), "text/vtt")
    served.shelf.put_bytes(f"{prefix}sprite-000.jpg", picture.getvalue(), "image/jpeg")
    return ["0:00", "0:30"]


@pytest.fixture
def answering(served: SimpleNamespace, films: list[Video]) -> list[Scene]:
    """The scenes that every question finds."""
    good, nasty = films
    scenes = [
        a_scene(good, 10.0, 13.0, "The ferry leaves the pier.",
                Evidence(section=Section.TRANSCRIPTION, timestamp="00:10-00:13", speaker="Mika", text="The ferry leaves at nine.")),
        a_scene(good, 20.0, 23.0, "Somebody speaks of the storm.",
                Evidence(section=Section.TRANSCRIPTION, timestamp="00:20-00:23", text="Nobody told me about the storm."), score=0.7),
        a_scene(nasty, 2.0, 6.0, HOSTILE, Evidence(section=Section.TEXTS, timestamp="00:03-00:05", text=HOSTILE), score=0.5),
    ]  # fmt: skip

    def script(request: SearchRequest) -> Iterator[FileHit | Scene]:
        yield from (a_file(film) for film in films)
        yield from reversed(scenes)
        yield whole(request, [a_file(film) for film in films], scenes)

    served.search.script = script
    return scenes


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages whose every console error and blocked content fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints, complaints


@pytest.fixture
def page(opened: Callable[..., Page]) -> Page:
    return opened()

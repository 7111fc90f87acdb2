"""What the page is measured by: how soon it can be used, how soon a result is painted, and what a jump into a long video transfers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from long_film import SAMPLE, long_film
from page.browsing import until
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.media.plan import plan
from scenesearch.video import Clip, Video
from scenesearch.web.sites import library_site
from shelf import Shelf, said, shown, written
from site_under_test import application_over

_BOX = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
"""Modules have run by then: the box has the focus, and what is typed and clicked is answered."""

_WATCH_FOR_RESULTS = """() => {
  document.querySelector('#q').addEventListener('keydown', (event) => { if (event.key === 'Enter') window.asked = performance.now(); });
  new MutationObserver((_, self) => {
    if (!document.querySelector('li.scene:not(.ghost)')) return;
    self.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  }).observe(document.querySelector('main'), { childList: true, subtree: true });
}"""

_WATCH_FOR_THE_PICTURE = """addEventListener('DOMContentLoaded', function look() {
  const video = document.querySelector('scene-player video');
  if (!video) return requestAnimationFrame(look);
  video.requestVideoFrameCallback((_, frame) => {
    window.pictured = { at: performance.timeOrigin + performance.now(), took: performance.now(), time: video.currentTime };
  });
});"""


def usable_ms(page: Page, url: str) -> float:
    """From going to the page to using it."""
    page.goto(url)
    ms: float = page.evaluate(_BOX)
    return ms


def result_ms(page: Page, url: str, question: str) -> float:
    """From Enter to the first painted result, by somebody who has typed for as long as the pictures of the home view take to come."""
    page.goto(url, wait_until="load")
    until(page, "document.querySelector('.tile') && [...document.images].every((image) => image.complete || image.offsetTop > innerHeight)")
    page.evaluate(_WATCH_FOR_RESULTS)
    page.locator("#q").fill(question)
    page.keyboard.press("Enter")
    until(page, "window.painted", within_s=60)
    ms: float = page.evaluate("window.painted - window.asked")
    return ms


def weight(page: Page, url: str) -> int:
    """Bytes over the wire of everything but pictures and videos, headers included, with an empty cache."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    network.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    network.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: round(event["encodedDataLength"])}))
    page.goto(url, wait_until="networkidle")
    return sum(size for request, size in sizes.items() if kinds.get(request) not in ("Image", "Media"))


class Counted:
    """A site that notes when it sent how much."""

    def __init__(self, site: ASGIApp) -> None:
        self._site = site
        self.sent: list[tuple[float, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            self.sent.append((time.time(), len(message.get("body", b""))))
            await send(message)

        await self._site(scope, receive, noted)

    def until(self, moment: float) -> int:
        """Bytes sent up to this time."""
        return sum(count for at, count in self.sent if at <= moment)


@contextmanager
def cinema(home: Path, seconds: float) -> Iterator[tuple[str, Counted, list[Video]]]:
    """A site with two long films, one with its index first and one with it last: (address, what it sent, the films)."""
    app = application_over(home)
    films = [_shown(app.shelf, long_film(home / f"{name}.mp4", seconds, index_first=name == "first"), name) for name in ("first", "last")]
    site = Counted(library_site(app))
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}", site, films
    server.should_exit = True
    thread.join(10)


def jump(browser: Browser, url: str, site: Counted, film: Video, at: float) -> dict[str, Any]:
    """Open the film at a scene with an empty cache: where the first picture was, after how many bytes and milliseconds."""
    context = browser.new_context()
    page = context.new_page()
    page.request.get(f"{url}/v1/videos/{film.ref.video_id}/clips/{round(at) // 300}")  # the clip is there, as it is for most videos
    page.add_init_script(_WATCH_FOR_THE_PICTURE)
    site.sent.clear()
    page.goto(f"{url}/watch?v={film.ref.video_id}&t={at}&end={at + 8}")
    until(page, "window.pictured")
    seen = page.evaluate("window.pictured")
    piece = film_clock(page)
    context.close()
    return {"at": at, "shown_at": round(piece, 2), "mb": round(site.until(seen["at"] / 1000) / 1e6, 2), "ms": round(seen["took"])}


def film_clock(page: Page) -> float:
    """Where the player is on the clock of the whole film."""
    seconds: float = page.evaluate("document.querySelector('scene-player').time")
    return seconds


def fill(home: Path, videos: int) -> None:
    """A library of so many videos in this `SCENESEARCH_HOME`, as if they had been read: it only has to be indexed (`reindex`)."""
    signer = UrlSigner(home / "signing.key")
    uploads, work = (FolderObjectStore(home / name, name, signer=signer) for name in ("uploads", "work"))
    shelf = Shelf(uploads, work, LocalCatalog(Database(home / "catalog.sqlite")), signer)
    for number in range(videos):
        place, who = PLACES[number % len(PLACES)], PEOPLE[number % len(PEOPLE)]
        entries = [
            entry
            for second, (what, line) in enumerate(zip(HAPPENINGS, LINES, strict=True))
            for entry in (
                shown(second * 6, second * 6 + 6, f"{who} {what} at the {place}"),
                said(second * 6 + 1, second * 6 + 5, f"{line} {place}.", who),
                written(second * 6, second * 6 + 3, f"{place.title()} {second + 1}"),
            )
        ]
        shelf.put(SAMPLE, f"films/{number}/{place}.mp4", entries, title=f"{who} at the {place}", summary=f"A day at the {place}.")


PLACES = ("harbour", "old bridge", "railway station", "market", "lighthouse", "school", "mountain hut", "night club", "museum", "airport")
PEOPLE = ("Hana", "Mr Sato", "Yuki", "the captain", "Ms Mori")
HAPPENINGS = (
    "opens a red door", "waves to a police car", "drops a glass of milk", "reads a letter aloud", "runs through the rain",
    "feeds a grey cat", "paints a wall green", "counts money on a table", "lights a candle", "falls asleep on a bench",
)  # fmt: skip
LINES = (
    "Nobody has been here since the storm at the", "Tell me where they took the", "I never wanted to come back to the",
    "Listen, the last train leaves from the", "You promised to meet me at the", "What brings you to the",
    "We will rebuild the", "Do you remember the summer at the", "Someone is waiting outside the", "Happy birthday from everybody at the",
)  # fmt: skip
QUESTIONS = (
    "a police car at the lighthouse", "she drops a glass of milk", "the last train leaves", "猫にえさをやる場面", "who says happy birthday",
    "a red door", "running through the rain at the market", "counts money", "what brings you to the museum", "painting a wall green",
)  # fmt: skip


def _shown(shelf: Shelf, file: Path, name: str) -> Video:
    """The film on the shelf with its chunks planned; their clips are cut when they are first played."""
    with file.open("rb") as source:
        chunks = plan(source, chunk_seconds=300, clip_max_bytes=400_000_000).chunks
    video = shelf.put(file, f"films/{name}/{name}.mp4", [said(10, 12, "The ferry leaves at nine.")], chunks=chunks)
    file.unlink()
    for chunk in chunks:
        clip = Clip(f"{name}-{chunk.number}.mp4", "video/mp4", chunk.span.start_ms, chunk.span.duration_ms, 1)
        shelf.catalog.commit_clips(video.ref, chunk.number, video_clip=clip, audio_clip=None)
    return video

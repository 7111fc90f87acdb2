"""The page of the emulated cloud: uploads, playback and large exports, with the bucket on another origin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
from playwright.sync_api import Page, expect

from emulators import need_emulators
from media_files import Recipe, make, read_number
from page.browsing import LOADED, time_of, until
from scenesearch.emulator.cloud import EmulatedCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HEAVY = Recipe(seconds=15, size=(1280, 720), noise=True, audio=None)
"""More than 30 MB: several pieces to upload, and an export that comes as a link."""


@pytest.fixture
def cloud() -> Iterator[EmulatedCloud]:
    need_emulators()
    with EmulatedCloud() as cloud:
        yield cloud


def test_the_page_of_the_emulated_cloud_takes_plays_and_gives_back(page: Page, cloud: EmulatedCloud, tmp_path: Path) -> None:
    library, storage = cloud.ready.library, cloud.ready.storage
    answered: list[tuple[str, int]] = []
    page.on("response", lambda response: answered.append((response.url, response.status)))
    page.goto(f"{library}/library")
    page.locator("#files").set_input_files([make(tmp_path / "wall.mp4", HEAVY)])
    expect(page.locator("li.video.ready")).to_have_count(1, timeout=300_000)
    assert [status for url, status in answered if "/v1/uploads/" in url].count(308) > 3, "it came in pieces"

    video = page.locator("li.video").get_attribute("data-video")
    page.goto(f"{library}/watch?v={video}&t=5&end=7")
    until(page, LOADED)
    assert 5 <= time_of(page) < 7.5
    played = {urlsplit(url).netloc for url, status in answered if status == 206}
    assert urlsplit(storage).netloc in played, "the bucket itself plays the video"

    page.get_by_label("From", exact=True).fill("0:00")
    page.get_by_label("To", exact=True).fill("0:15")
    page.get_by_label("To", exact=True).press("Enter")
    page.get_by_label("Clip").select_option(label="Lossless, from the keyframe before")
    with page.expect_download(timeout=60_000) as coming:
        page.locator("[data-format=mp4]").click()
    assert coming.value.url.startswith(f"{storage}/emulated-work/"), "it comes from the work bucket"
    assert coming.value.suggested_filename == "wall 00.00-00.15.mp4"
    assert Path(coming.value.path()).stat().st_size > 30_000_000
    with av.open(coming.value.path()) as clip:
        assert read_number(next(clip.decode(video=0)).to_ndarray(format="rgb24")) == 0
    expect(page.get_by_text("the browser is downloading wall")).to_be_visible()

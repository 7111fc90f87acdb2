"""The player: formats that browsers cannot read, clips on one clock, and spans that end where they end."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from media_files import Recipe, make, read_number
from page.browsing import LOADED, time_of, until
from scenesearch.library import playback
from scenesearch.media.plan import plan
from scenesearch.metadata import Entry
from scenesearch.search.answer import Scene
from scenesearch.video import Clip, Video, work_prefix
from shelf import said

TAPE = Recipe(seconds=12, fps=25, gop=12, codec="mpeg1video", audio="mp2", format="mpeg", size=(320, 192))
FILM = Recipe(seconds=12, fps=25, gop=25, size=(320, 192))
SAID = [said(7.0, 9.0, "The ferry leaves at nine."), said(1.0, 2.0, "Nobody is here.")]

SCENE_ENDED = "document.querySelector('.ended')?.hidden === false"

_PICTURE = """() => {
  const video = document.querySelector('video');
  const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""


def in_clips(served: SimpleNamespace, file: Path, entries: list[Entry]) -> Video:
    """The file on the shelf, planned in chunks of about six seconds, whose clips are cut when they are played."""
    with file.open("rb") as source:
        chunks = plan(source, chunk_seconds=6, clip_max_bytes=10**9).chunks
    assert len(chunks) == 2
    video: Video = served.shelf.put(file, f"films/x/{file.name}", entries, chunks=chunks)
    for chunk in chunks:
        clip = Clip(f"c{chunk.number}.mp4", "video/mp4", chunk.span.start_ms, chunk.span.duration_ms, 1)
        served.catalog.commit_clips(video.ref, chunk.number, video_clip=clip, audio_clip=None)
    return video


def clock(page: Page) -> float:
    """Where the player is on the clock of the whole video."""
    seconds: float = page.evaluate("document.querySelector('scene-player').time")
    return seconds


def on_screen(page: Page) -> float:
    """The time of the frame that is shown, as it says itself."""
    shown = Image.open(io.BytesIO(base64.b64decode(page.evaluate(_PICTURE)))).convert("RGB")
    return read_number(np.asarray(shown)) / 25


def still_at(page: Page, seconds: float) -> None:
    until(
        page,
        f"{LOADED} && !document.querySelector('video').seeking && Math.abs(document.querySelector('scene-player').time - {seconds}) < 0.06",
    )


def test_what_browsers_cannot_read_plays_from_its_clips_on_the_same_clock(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    video = in_clips(served, make(tmp_path / "old tape.mpg", TAPE), SAID)
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=8")
    still_at(page, 8)
    assert on_screen(page) == pytest.approx(8, abs=0.09)
    page.get_by_role("button", name="Captions").click()
    until(page, "document.querySelector('video').textTracks[0].activeCues?.[0]?.text.includes('The ferry leaves')")
    expect(page.locator(".entry.on")).to_contain_text("The ferry leaves")
    page.get_by_role("button", name="Nobody is here").click()
    still_at(page, 1)
    assert on_screen(page) == pytest.approx(1, abs=0.09)
    until(page, "document.querySelector('video').textTracks[0].activeCues?.[0]?.text.includes('Nobody is here')")


def test_playing_goes_on_from_clip_to_clip(page: Page, served: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "LONG_MS", 10_000)
    video = in_clips(served, make(tmp_path / "film.mp4", FILM), SAID)
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=5&end=7.5")
    page.get_by_label("Speed").select_option("0.75")
    until(page, SCENE_ENDED)
    assert clock(page) == pytest.approx(7.5, abs=0.25)
    assert on_screen(page) == pytest.approx(7.5, abs=0.25)
    assert page.evaluate("document.querySelector('video').playbackRate") == 0.75, "in the second clip too"


def test_whoever_leaves_the_scene_is_not_held_at_its_end(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    video = served.shelf.put(make(tmp_path / "film.mp4", FILM), "films/film.mp4", SAID)
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=1&end=5.5")
    until(page, LOADED)
    until(page, "!document.querySelector('video').seeking && document.querySelector('video').currentTime > 1.1")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('video').currentTime > 6.6")
    assert page.evaluate("!document.querySelector('video').paused && document.querySelector('.ended').hidden")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    before = time_of(page)
    page.keyboard.press(".")
    page.keyboard.press(".")
    until(page, f"!document.querySelector('video').seeking && document.querySelector('video').currentTime > {before + 0.07}")
    assert on_screen(page) == pytest.approx(before + 2 / 25, abs=0.045), "two frames on"


def test_the_original_plays_where_a_clip_does_not(
    page: Page, served: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playback, "LONG_MS", 10_000)
    video = in_clips(served, make(tmp_path / "film.mp4", FILM), SAID)
    page.route("**/clips/*", lambda route: route.abort())
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=8")
    still_at(page, 8)
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("/media#t=8.000")


def test_the_scene_is_repeated_until_told_otherwise(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    video = served.shelf.put(make(tmp_path / "film.mp4", FILM), "films/film.mp4", SAID)
    page.add_init_script("""
      window.turns = 0;
      addEventListener('seeking', (event) => { if (event.target.currentTime < 3.1) window.turns += 1; }, true);
    """)
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=3&end=3.8")
    until(page, LOADED)
    page.keyboard.press("r")
    until(page, "window.turns >= 3")
    assert page.evaluate("document.querySelector('.ended').hidden")
    page.keyboard.press("r")
    until(page, SCENE_ENDED)
    assert clock(page) == pytest.approx(3.8, abs=0.2)


def test_playing_goes_on_when_the_link_has_expired(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    video = served.shelf.put(make(tmp_path / "film.mp4", FILM), "films/film.mp4", SAID)
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=4&end=9")
    until(page, "document.querySelector('video')?.currentTime > 4.5")
    page.evaluate("window.opened = 0; document.querySelector('video').addEventListener('loadstart', () => { window.opened += 1; })")
    page.evaluate("document.querySelector('video').dispatchEvent(new Event('error'))")
    until(page, f"window.opened === 1 && {LOADED} && document.querySelector('video').currentTime > 4.5")
    until(page, SCENE_ENDED)
    assert clock(page) == pytest.approx(9, abs=0.25)
    expect(page.locator(".cannot")).to_be_hidden()


def test_the_players_keys_work_wherever_one_has_clicked(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=10&end=13")
    until(page, LOADED)
    page.get_by_role("tab", name="Said").click()
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    before = time_of(page)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Written")).to_be_focused()
    assert time_of(page) == before, "arrows lead from tab to tab"
    page.keyboard.press("l")
    until(page, f"document.querySelector('video').currentTime > {before + 9}")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{served.url}/search?q=ferry")


def test_the_timeline_shows_and_names_what_is_under_the_pointer(
    page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]
) -> None:
    cues = "WEBVTT\n\n00:00.000 --> 01:10.000\nsprite-000.jpg#xywh=0,0,160,90\n"
    served.shelf.put_bytes(f"{work_prefix(films[0].ref)}thumbnails.vtt", cues.encode(), "text/vtt")
    page.goto(f"{served.url}/watch?q=ferry&v={films[0].ref.video_id}&t=10&end=13")
    expect(page.locator(".mark.hit")).to_have_count(2)
    line = page.locator(".line").bounding_box()
    assert line is not None
    page.mouse.move(line["x"] + line["width"] * 11.5 / (films[0].duration_ms / 1000), line["y"] + 10)
    expect(page.locator(".preview .time")).to_have_text("0:11")
    expect(page.locator(".preview .label")).to_have_text("The ferry leaves the pier.")
    expect(page.locator(".preview .sprite")).to_be_visible()


def test_on_a_phone_the_player_stays_in_sight_above_what_is_read(
    opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene]
) -> None:
    page = opened(viewport={"width": 390, "height": 700})
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=10&end=13")
    expect(page.locator(".take")).to_be_attached()
    page.evaluate("document.querySelector('.take').scrollIntoView({ block: 'end' })")
    expect(page.locator("scene-player")).to_be_in_viewport(ratio=1)
    player = page.locator("scene-player").bounding_box()
    assert player is not None
    points = [player["y"] + player["height"] * share for share in (0.05, 0.3, 0.5)]
    inside = "([x, y]) => document.elementFromPoint(x, y)?.closest('scene-player') !== null"
    assert all(page.evaluate(inside, [60, y]) for y in points), "nothing lies over it"

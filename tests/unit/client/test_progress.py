"""How far a video is, everywhere it is told: each section of it counts, not only whole chunks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from scenesearch.bootstrap import Application, application
from scenesearch.cli import app as scenesearch
from scenesearch.cli import progress
from scenesearch.cli.progress import ProgressBars, TimeLeft
from scenesearch.client.client import Client
from scenesearch.library.views import VideoView, details, view
from scenesearch.metadata import Section
from scenesearch.ports import Catalog
from scenesearch.timeline import Span
from scenesearch.video import Chunk, MediaInfo, SectionKey, SectionRecord, SectionState, Video, VideoRef, VideoState, now

SHORT = VideoRef("vshort", 1)


def begun(catalog: Catalog, *, chunks: int = 1) -> None:
    """A video of so many minutes and chunks, cut and not yet looked at."""
    at = now()
    catalog.begin(
        Video(ref=SHORT, bucket="uploads", name="films/short.mp4", collection="films", title="short", created_at=at, updated_at=at)
    )
    media = MediaInfo(container="mp4", duration_ms=60_000 * chunks, video_codec="h264", width=16, height=16, frame_rate=25)
    catalog.commit_plan(SHORT, media, [Chunk(number=n, span=Span(60_000 * n, 60_000 * (n + 1))) for n in range(chunks)])
    catalog.move(SHORT, to=VideoState.EXTRACTING, when=frozenset({VideoState.SPLITTING}))


def ended(catalog: Catalog, section: Section, state: SectionState, chunk: int = 0) -> None:
    catalog.commit_section(SectionRecord(key=SectionKey(SHORT, chunk, section), state=state))


def seen(catalog: Catalog) -> VideoView:
    video = catalog.video(SHORT.video_id)
    assert video is not None
    assert details(video, catalog).progress == view(video, catalog).progress
    return view(video, catalog)


def test_each_section_of_the_only_chunk_moves_the_progress(app: SimpleNamespace, client: Client) -> None:
    catalog = app.catalog
    begun(catalog)
    told = [seen(catalog).progress]
    for section, state in (
        (Section.VISUAL_INFO, SectionState.DONE),
        (Section.TRANSCRIPTION, SectionState.SKIPPED),
        (Section.TEXTS, SectionState.FAILED),
    ):
        ended(catalog, section, state)
        told.append(seen(catalog).progress)
    assert told == [0.05, 0.35, 0.65, 0.95]
    assert [video.progress for video in client.videos()] == [0.95]
    catalog.close_chunk(SHORT, 0)
    assert seen(catalog).progress == 0.95
    catalog.move(SHORT, to=VideoState.FAILED, when=frozenset(VideoState), error="so be it")
    assert seen(catalog).progress == 1


def test_a_section_that_is_only_begun_does_not_count_and_a_chunk_that_could_not_be_cut_does(app: SimpleNamespace) -> None:
    catalog = app.catalog
    begun(catalog, chunks=2)
    ended(catalog, Section.TEXTS, SectionState.PENDING)
    assert seen(catalog).progress == 0.05
    catalog.close_chunk(SHORT, 1)
    assert seen(catalog).progress == 0.5


def test_the_list_of_videos_says_how_far_each_is() -> None:
    application.cache_clear()
    begun(application().catalog)
    ended(application().catalog, Section.TEXTS, SectionState.DONE)
    ended(application().catalog, Section.VISUAL_INFO, SectionState.DONE)
    assert "extracting 65%" in CliRunner().invoke(scenesearch, ["videos"]).stdout
    listed = json.loads(CliRunner().invoke(scenesearch, ["videos", "--json"]).stdout)["videos"]
    assert [video["progress"] for video in listed] == [0.65]


def test_the_bars_show_the_share_and_how_long_it_will_take(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(progress, "errors", screen)
    clock = SimpleNamespace(monotonic=lambda: clock.at, at=1000.0)
    monkeypatch.setattr(progress, "time", clock)
    begun(app.catalog)
    over: Application = app  # type: ignore[assignment]
    with ProgressBars([SHORT.video_id], over, quiet=False) as shown:
        shown.update()
        clock.at += 20
        ended(app.catalog, Section.TEXTS, SectionState.DONE)
        shown.update()
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    last = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", drawn).strip().splitlines()[-1]
    assert "short: extracting" in last
    assert "35%" in last
    assert "00:43 left" in last, "20 s for 30 percent, 65 are left"


def at(progress: float, duration: float = 60, state: VideoState = VideoState.EXTRACTING) -> VideoView:
    return VideoView.model_construct(progress=progress, duration=duration, state=state)


def left(*looks: Mapping[str, VideoView]) -> dict[str, str]:
    """After these looks, ten seconds from one to the next."""
    watch = TimeLeft()
    return [watch.seen(look, 10.0 * n) for n, look in enumerate(looks)][-1]


def test_nothing_is_said_of_the_time_before_anything_was_done() -> None:
    assert left({"a": at(0.05)}, {"a": at(0.05)}) == {}


def test_work_that_was_done_earlier_does_not_count_as_done_now() -> None:
    assert left({"a": at(0.8)}, {"a": at(0.9)}) == {"a": "00:10 left"}


def test_the_time_left_counts_down_and_falls_silent_when_it_was_too_hopeful() -> None:
    first, half = {"a": at(0, 60)}, {"a": at(0.5, 60)}
    assert [left(first, first, half, *[half] * n) for n in range(3)] == [{"a": "00:20 left"}, {"a": "00:10 left"}, {}]
    assert left(first, first, half, half, half, {"a": at(0.75, 60)}) == {"a": "00:16 left"}


def test_a_video_that_waits_for_its_turn_is_not_taken_for_a_slow_one() -> None:
    first = {"a": at(0), "b": at(0), "c": at(0, 0, VideoState.SPLITTING)}
    assert left(first, {**first, "a": at(0.5)}) == {"a": "00:10 left", "b": "00:30 left", "c": "00:50 left"}


def test_a_video_that_has_ended_takes_no_more_time() -> None:
    first = {"a": at(0), "b": at(0, 120)}
    then = {"a": at(1, state=VideoState.READY), "b": at(0, 120)}
    assert left(first, then) == {"b": "00:20 left"}
    assert left(first, {**then, "b": at(0, 120, VideoState.WAITING)}) == {}

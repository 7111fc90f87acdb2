"""Taking videos in and scenes away, through the page."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import av
import opentimelineio as otio
import pysubs2
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from media_files import Recipe, make
from page.browsing import LOADED, SAMPLE, time_of, until
from scenesearch.media.codecs import EXTENSIONS
from scenesearch.media.subtitle_names import SUBTITLE_TYPES
from scenesearch.messages import ObjectChanged, SplitWork
from scenesearch.search.answer import Scene
from scenesearch.video import Video
from waiting import eventually


def watch(page: Page, served: SimpleNamespace, scene: Scene) -> None:
    page.goto(f"{served.url}/watch?q=ferry&v={scene.video_id}&t={scene.start}&end={scene.end}")
    until(page, LOADED)
    page.keyboard.press("k")


def exported(page: Page, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as coming:
        page.locator(f"[data-format={kind}]").click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def test_every_format_reads_back(page: Page, served: SimpleNamespace, answering: list[Scene], tmp_path: Path) -> None:
    watch(page, served, answering[0])
    name, clip = exported(page, "mp4")
    assert name == "Harbour day 00.10-00.13.mp4"
    with av.open(io.BytesIO(clip)) as container:
        frames = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    assert frames[0] == 0
    assert frames[-1] == pytest.approx(3.0, abs=0.1)
    page.get_by_label("Clip").select_option(label="Lossless, from the keyframe before")
    with av.open(io.BytesIO(exported(page, "mp4")[1])) as container, av.open(SAMPLE) as original:
        assert container.streams.video[0].codec.canonical_name == original.streams.video[0].codec.canonical_name
        assert float(container.duration or 0) / 1e6 >= 2.9
    assert Image.open(io.BytesIO(exported(page, "png")[1])).format == "PNG"
    for kind in ("vtt", "srt"):
        lines = pysubs2.SSAFile.from_string(exported(page, kind)[1].decode())
        assert [(line.start, line.end) for line in lines] == [(0, 3000)]
    for kind in ("otio", "edl"):
        file = tmp_path / f"scene.{kind}"
        file.write_bytes(exported(page, kind)[1])
        with av.open(SAMPLE) as original:
            rate = float(original.streams.video[0].average_rate or 30)
        timeline = otio.adapters.read_from_file(str(file), **({"rate": round(rate)} if kind == "edl" else {}))
        assert timeline.tracks[0][0].source_range.duration.to_seconds() == pytest.approx(3.0, abs=0.1)
    assert "The ferry leaves at nine." in exported(page, "txt")[1].decode()


def test_the_borders_of_a_clip_can_be_moved(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    watch(page, served, answering[0])
    page.get_by_label("From", exact=True).fill("8.5")
    page.get_by_label("From", exact=True).press("Enter")
    page.get_by_label("To", exact=True).fill("0:09")
    page.get_by_label("To", exact=True).press("Enter")
    with av.open(io.BytesIO(exported(page, "mp4")[1])) as container:
        assert float(container.duration or 0) / 1e6 == pytest.approx(0.5, abs=0.1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy its link").click()
    expect(page.get_by_text("The link to this clip is copied")).to_be_visible()
    video = answering[0].video_id
    assert page.evaluate("navigator.clipboard.readText()") == f"{served.url}/watch?q=ferry&v={video}&t=8.5&end=9"
    page.get_by_role("button", name="Play the clip").click()
    expect(page.locator(".ended")).to_be_visible()
    assert time_of(page) == pytest.approx(9, abs=0.25)
    line, clip = (page.locator(name).bounding_box() for name in (".line", "scene-player .clip"))
    assert line is not None and clip is not None  # noqa: PT018
    seconds = page.evaluate("document.querySelector('scene-player').duration") / line["width"]
    assert (clip["x"] - line["x"]) * seconds == pytest.approx(8.5, abs=0.1)
    assert clip["width"] * seconds == pytest.approx(0.5, abs=0.1)
    page.get_by_label("To", exact=True).fill("0:01")
    page.get_by_label("To", exact=True).press("Enter")
    page.locator("[data-format=mp4]").click()
    expect(page.locator(".take [role=status]")).to_contain_text("is no span")


def test_files_are_uploaded_under_names_that_the_server_fixes(page: Page, served: SimpleNamespace) -> None:
    page.goto(f"{served.url}/library")
    expect(page.get_by_role("heading", name="There are no videos yet")).to_be_visible()
    page.locator("#files").set_input_files([SAMPLE])
    [info] = eventually(lambda: list(served.uploads.list()))
    assert info.name.startswith("default/")
    assert info.name.endswith("/harbour_day.mp4")
    with served.uploads.open(info.name) as stored:
        assert stored.read() == SAMPLE.read_bytes()
    expect(page.locator(".upload")).to_contain_text("will be read now")


def test_what_is_no_video_is_refused_in_words(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    page.goto(f"{served.url}/library")
    page.locator("#files").set_input_files([tmp_path / "notes.txt"])
    expect(page.locator(".upload.bad")).to_contain_text("is not a video")


def test_deleting_can_be_undone(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    page.goto(f"{served.url}/library")
    expect(page.locator("li.video")).to_have_count(2)
    page.get_by_role("button", name="Delete: Harbour day").click()
    expect(page.locator("li.video")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("li.video")).to_have_count(2)
    assert len(list(served.uploads.list())) == 2
    page.get_by_role("button", name="Delete: Harbour day").click()
    expect(page.locator("li.video")).to_have_count(1)
    page.goto("about:blank")
    eventually(lambda: len(list(served.uploads.list())) == 1)


def test_each_of_several_deletions_can_be_undone(page: Page, served: SimpleNamespace, films: list[Video], troubled: list[Video]) -> None:
    page.goto(f"{served.url}/library")
    page.get_by_role("button", name="Delete: Harbour day").click()
    page.get_by_role("button", name="Delete: Broken").press("Enter")
    expect(page.locator("li.video")).to_have_count(1)
    expect(page.locator("[data-act=trash]")).to_be_focused()
    page.locator(".toast", has_text="Harbour day").get_by_role("button", name="Undo").click()
    expect(page.locator("li.video")).to_have_count(2)
    page.locator(".toast", has_text="Broken").get_by_role("button", name="Undo").click()
    expect(page.locator("li.video")).to_have_count(3)
    expect(page.locator(".toast")).to_have_count(0)
    assert len(list(served.uploads.list())) == 2


def test_details_and_text_are_at_hand(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    page.goto(f"{served.url}/library")
    page.get_by_role("button", name="Details: Harbour day").click()
    expect(page.get_by_role("dialog")).to_contain_text("A day at the harbour.")
    expect(page.get_by_role("link", name="Metadata text")).to_have_attribute("href", f"/v1/videos/{films[0].ref.video_id}/metadata.txt")


@pytest.mark.parametrize(
    ("opener", "path", "held"), [("Details", "*", "A day at the harbour."), ("Storyboard", "*/thumbnails.vtt", "0:30")]
)
def test_what_a_dialog_could_not_load_is_tried_again(
    page: Page, served: SimpleNamespace, films: list[Video], stills: list[str], opener: str, path: str, held: str
) -> None:
    page.goto(f"{served.url}/library")
    page.route(f"**/v1/videos/{path}", lambda route: route.abort())
    page.get_by_role("button", name=f"{opener}: Harbour day").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute(f"**/v1/videos/{path}")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog).to_contain_text(held)


def test_an_upload_can_begin_a_collection(page: Page, served: SimpleNamespace) -> None:
    page.goto(f"{served.url}/library")
    page.get_by_label("Into the collection").select_option(label="New collection…")
    page.get_by_label("Name of the new collection").fill("trailers")
    page.locator("#files").set_input_files([SAMPLE])
    [info] = eventually(lambda: list(served.uploads.list()))
    assert info.name.startswith("trailers/")


def test_uploads_are_given_a_language_and_tags(page: Page, served: SimpleNamespace) -> None:
    page.goto(f"{served.url}/library")
    page.get_by_text("Language and tags").click()
    page.get_by_label("Language").select_option("Japanese")
    page.get_by_label("Tags").fill("trailer, 2026、 夏")
    page.locator("#files").set_input_files([SAMPLE])
    [info] = eventually(lambda: page.evaluate("1") and list(served.uploads.list()))
    assert info.metadata == {"language": "ja", "tags": "trailer,2026,夏"}


def test_of_many_files_two_are_uploaded_at_once_and_the_others_wait(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.mp4" for number in range(4)]
    for file in files:
        file.write_bytes(file.name.encode())
    page.goto(f"{served.url}/library")
    held: list[Route] = []
    page.route("**/v1/uploads/*", lambda route: held.append(route))
    page.locator("#files").set_input_files(files)
    expect(page.locator(".upload", has_text="Waiting for its turn")).to_have_count(2)
    page.unroute("**/v1/uploads/*")
    for route in held:
        route.continue_()
    eventually(lambda: page.evaluate("1") and len(list(served.uploads.list())) == 4)


def test_many_videos_are_filtered_by_what_is_known_of_them(
    page: Page, served: SimpleNamespace, films: list[Video], troubled: list[Video]
) -> None:
    for number in range(10):
        served.shelf.put(SAMPLE, f"trailers/{number}/a.mp4", title=f"Trailer {number}")
    page.goto(f"{served.url}/library")
    expect(page.locator("li.video")).to_have_count(13)
    box = page.get_by_role("searchbox", name="Filter by title")
    box.fill("TRAILERS 7")
    expect(page.locator("li.video .title")).to_have_text(["Trailer 7"])
    expect(page.locator(".over .status")).to_have_text("1 video")
    box.fill("failed")
    expect(page.locator("li.video .title")).to_have_text(["Broken"])
    box.fill("")
    expect(page.locator("li.video")).to_have_count(13)


def test_a_large_export_is_fetched_by_its_link(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    video = served.shelf.put(make(tmp_path / "wall.mp4", Recipe(seconds=15, size=(1280, 720), noise=True, audio=None)), "films/wall.mp4")
    page.goto(f"{served.url}/watch?v={video.ref.video_id}&t=0&end=15")
    until(page, LOADED)
    page.get_by_label("Clip").select_option(label="Lossless, from the keyframe before")
    with page.expect_download() as coming:
        page.locator("[data-format=mp4]").click()
    assert "/objects/work/" in coming.value.url
    expect(page.locator(".take [role=status]")).to_contain_text("the browser is downloading wall")
    assert coming.value.suggested_filename == "wall 00.00-00.15.mp4"
    assert Path(coming.value.path()).stat().st_size > 30_000_000
    with av.open(coming.value.path()) as clip:
        assert float(clip.duration or 0) / 1e6 == pytest.approx(15, abs=0.2)


def test_a_full_disk_is_named_and_the_upload_goes_on(page: Page, served: SimpleNamespace) -> None:
    full = '{"title": "x", "status": 507, "detail": "no space is left for the upload: free some, then go on with it", "instance": "x"}'
    page.goto(f"{served.url}/library")
    page.route("**/v1/uploads/*", lambda route: route.fulfill(status=507, content_type="application/problem+json", body=full))
    page.locator("#files").set_input_files([SAMPLE])
    expect(page.locator(".upload")).to_contain_text("no space is left")
    page.unroute("**/v1/uploads/*")
    assert eventually(lambda: page.evaluate("1") and list(served.uploads.list()), within_s=20)


def test_an_upload_goes_on_after_a_reload_once_its_file_is_chosen_again(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(os.urandom(40_000_000))
    pieces: list[str] = []
    page.on("request", lambda request: pieces.append(request.headers.get("content-range", "")) if request.method == "PUT" else None)
    page.on("dialog", lambda dialog: dialog.accept())
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 8_000_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.goto(f"{served.url}/library")
    page.locator("#files").set_input_files([large])
    until(page, "document.querySelector('.upload progress')?.value > 0.2")
    page.reload()
    expect(page.locator(".upload")).to_contain_text("Choose the file again to go on")
    before = len(pieces)
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    page.locator("#files").set_input_files([large])
    [info] = eventually(lambda: page.evaluate("1") and list(served.uploads.list()), within_s=30)
    first, then, *_ = pieces[before:]
    assert first == "bytes */40000000", "it asks how far it is"
    assert int(then.removeprefix("bytes ").split("-")[0]) >= 8 * 1024 * 1024, "and goes on from there"
    with served.uploads.open(info.name) as stored:
        assert stored.read() == large.read_bytes()
    assert len(list(served.uploads.list())) == 1


def test_gaps_and_failures_are_named_and_can_be_tried_again(page: Page, served: SimpleNamespace, troubled: list[Video]) -> None:
    served.publisher.heard.clear()
    page.goto(f"{served.url}/library")
    gapped, failed = (page.locator(f"li[data-video='{one.ref.video_id}']") for one in troubled)

    expect(failed).to_contain_text("Failed: there are no pictures in this file")
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_have_attribute("data-state", "splitting")
    gapped.get_by_text("1 part could not be read").click()
    expect(gapped).to_contain_text("Part 1, on-screen text: the model would not read it")
    gapped.get_by_role("button", name="Try again").click()
    expect(gapped).to_have_attribute("data-state", "extracting")
    expect(gapped).to_contain_text("Being read")
    assert [message for _, message in served.publisher.heard] == [
        ObjectChanged(event="OBJECT_FINALIZE", bucket="uploads", name=troubled[1].name, generation=1),
        SplitWork(video_id=troubled[0].ref.video_id, generation=troubled[0].ref.generation),
    ]


def test_a_still_of_the_storyboard_leads_to_its_time(page: Page, served: SimpleNamespace, stills: list[str]) -> None:
    page.goto(f"{served.url}/library")
    with page.expect_response("**/sprite-000.jpg") as sprite:
        page.get_by_role("button", name="Storyboard: Harbour day").click()
    assert sprite.value.ok
    board = page.get_by_role("dialog").locator("li")
    expect(board).to_have_text(stills)
    board.nth(1).get_by_role("link").click()
    until(page, LOADED)
    assert 30 <= time_of(page) < 34
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_videos_dropped_anywhere_are_taken_in(page: Page, served: SimpleNamespace) -> None:
    page.goto(f"{served.url}/library")
    expect(page.get_by_role("heading", name="There are no videos yet")).to_be_visible()
    names = ["one.mp4", "two.mp4"]
    held = page.evaluate_handle(
        """(names) => {
          const held = new DataTransfer();
          for (const name of names) held.items.add(new File([`what ${name} holds`], name, { type: 'video/mp4' }));
          return held;
        }""",
        names,
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": held})
    expect(page.locator("main")).to_contain_class("dropping")
    page.dispatch_event("main", "drop", {"dataTransfer": held})
    stored = eventually(lambda: page.evaluate("1") and len(found := list(served.uploads.list())) == 2 and found)
    assert sorted(info.name.rsplit("/", 1)[1] for info in stored) == names
    for info in stored:
        with served.uploads.open(info.name) as file:
            assert file.read().decode() == f"what {info.name.rsplit('/', 1)[1]} holds"
    expect(page.locator("main")).not_to_contain_class("dropping")


def test_of_a_dropped_folder_the_videos_are_taken_in(page: Page, served: SimpleNamespace, tmp_path: Path) -> None:
    inner = tmp_path / "day" / "harbour"
    inner.mkdir(parents=True)
    for name in ("one.mp4", "harbour/two.MKV", "harbour/notes.txt", "harbour/.hidden"):
        (tmp_path / "day" / name).write_text(f"what {name} holds")
    page.goto(f"{served.url}/library")
    expect(page.get_by_role("heading", name="There are no videos yet")).to_be_visible()
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tmp_path / "day")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    stored = eventually(lambda: page.evaluate("1") and len(found := list(served.uploads.list())) == 2 and found)
    assert sorted(info.name.rsplit("/", 1)[1] for info in stored) == ["one.mp4", "two.MKV"]
    assert set((page.locator("#files").get_attribute("accept") or "").split(",")) == {"video/*", *EXTENSIONS, *SUBTITLE_TYPES}
    expect(page.locator(".upload.bad")).to_have_count(0)

"""The library over HTTP: videos, their texts and pictures, ranges, uploads, exports."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from media_files import Recipe, make, read_number
from scenesearch.library import playback as library_playback
from scenesearch.library.uploads import LocalUploads
from scenesearch.media.plan import plan
from scenesearch.messages import ObjectChanged
from scenesearch.video import Clip, Video, video_id, work_prefix
from scenesearch.web import export_routes, ranges


def test_videos_are_listed_with_the_promised_fields(client: TestClient, video: Video) -> None:
    [listed] = client.get("/v1/videos").json()["videos"]
    assert listed["video_id"] == video.ref.video_id
    assert {"title", "collection", "state", "progress", "gaps", "error", "duration"} <= set(listed)
    assert (listed["state"], listed["progress"], listed["collection"]) == ("ready", 1.0, "films")
    assert client.get("/v1/videos", params={"collection": "other"}).json() == {"videos": []}


def test_only_the_newest_videos_are_listed_when_few_are_wanted(client: TestClient, app: SimpleNamespace, video: Video, wall: Path) -> None:
    newer = app.shelf.put(wall, "films/b/wall.mp4")
    [listed] = client.get("/v1/videos", params={"limit": 1}).json()["videos"]
    assert listed["video_id"] == newer.ref.video_id
    assert client.get("/v1/videos", params={"limit": 0}).status_code == 422


def test_a_video_is_shown_with_what_was_found(client: TestClient, video: Video) -> None:
    shown = client.get(f"/v1/videos/{video.ref.video_id}").json()
    assert shown["summary"] == "A wall."
    assert shown["playback"] == {"pieces": []}
    assert [e["text"] for e in client.get(f"/v1/videos/{video.ref.video_id}/entries").json()["entries"]] == [
        "a grey wall",
        "Nobody <b>knows</b>.",
        "終わり",
    ]
    text = client.get(f"/v1/videos/{video.ref.video_id}/metadata.txt")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "[summary]\nA wall." in text.text


def test_captions_cannot_carry_markup(client: TestClient, video: Video) -> None:
    response = client.get(f"/v1/videos/{video.ref.video_id}/captions.vtt")
    assert response.headers["content-type"].startswith("text/vtt")
    assert "&lt;b&gt;knows&lt;/b&gt;" in response.text


def test_captions_of_a_clip_count_from_its_start(client: TestClient, video: Video) -> None:
    shown = client.get(f"/v1/videos/{video.ref.video_id}/captions.vtt", params={"start": 0.5}).text
    assert "00:00.000 --> 00:00:01.000" in shown, "as long as it takes to read"


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        (None, 200, slice(None)),
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-999999999", 206, slice(5, None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_media_comes_by_ranges(client: TestClient, app: SimpleNamespace, video: Video, asked: str | None, status: int, span: slice) -> None:
    with app.uploads.open(video.name) as file:
        content = file.read()
    response = client.get(f"/v1/videos/{video.ref.video_id}/media", headers={"Range": asked} if asked else {})
    assert response.status_code == status
    assert response.content == content[span]
    assert response.headers["accept-ranges"] == "bytes"
    if status == 206:
        first = range(len(content))[span][0]
        assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(content)}"


def test_a_player_that_asks_for_the_rest_gets_some_of_it(
    client: TestClient, app: SimpleNamespace, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "PLAYER_BYTES", 100)
    url = f"/v1/videos/{video.ref.video_id}/media"

    def parts(**headers: str) -> list[str]:
        return [client.get(url, headers={"Range": asked, **headers}).headers["content-range"] for asked in ("bytes=50-", "bytes=50-399")]

    size = video.size_bytes
    assert parts(**{"Sec-Fetch-Dest": "video", "Sec-Fetch-Site": "same-origin"}) == [f"bytes 50-149/{size}", f"bytes 50-399/{size}"]
    assert parts() == [f"bytes 50-{size - 1}/{size}", f"bytes 50-399/{size}"], "a download is whole"


def test_a_range_past_the_end_is_refused(client: TestClient, video: Video) -> None:
    response = client.get(f"/v1/videos/{video.ref.video_id}/media", headers={"Range": "bytes=99999999-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{video.size_bytes}"


def test_a_range_of_something_that_changed_is_the_whole(client: TestClient, video: Video) -> None:
    url = f"/v1/videos/{video.ref.video_id}/media"
    tag = client.head(url).headers["etag"]
    assert client.get(url, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"older"'}).status_code == 200
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_a_still_is_the_frame_of_that_moment(client: TestClient, video: Video) -> None:
    response = client.get(f"/v1/videos/{video.ref.video_id}/stills/2345.jpg", params={"width": 192})
    assert read_number(np.asarray(Image.open(io.BytesIO(response.content)))) == 23
    assert client.get(f"/v1/videos/{video.ref.video_id}/stills/99999.jpg").status_code == 200, "after the end: the last frame"


def test_sprites_come_from_the_work_bucket(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    base = f"/v1/videos/{video.ref.video_id}"
    assert client.get(f"{base}/thumbnails.vtt").status_code == 404
    app.shelf.put_bytes(f"{work_prefix(video.ref)}thumbnails.vtt", b"WEBVTT\n", "text/vtt")
    app.shelf.put_bytes(f"{work_prefix(video.ref)}sprite-000.jpg", b"jpeg", "image/jpeg")
    assert client.get(f"{base}/thumbnails.vtt").text == "WEBVTT\n"
    assert client.get(f"{base}/sprite-000.jpg").content == b"jpeg"


def test_a_video_that_browsers_cannot_read_names_its_clips(client: TestClient, app: SimpleNamespace, tmp_path: Path) -> None:
    recipe = Recipe(codec="mpeg2video", format="mpegts", audio="mp2")
    video = app.shelf.put(make(tmp_path / "tape.ts", recipe), "films/tape.ts")
    app.shelf.put_bytes("c0.mp4", b"clip bytes", "video/mp4")
    app.catalog.commit_clips(video.ref, 0, video_clip=Clip("c0.mp4", "video/mp4", 40, 3960, 10), audio_clip=None)
    shown = client.get(f"/v1/videos/{video.ref.video_id}").json()
    assert shown["playback"]["pieces"] == [{"chunk": 0, "start": 0.04, "duration": 3.96}]
    assert client.get(f"/v1/videos/{video.ref.video_id}/clips/0", headers={"Range": "bytes=5-"}).content == b"bytes"
    assert client.get(f"/v1/videos/{video.ref.video_id}/clips/7").status_code == 404


def test_a_clip_that_was_swept_is_cut_again(client: TestClient, app: SimpleNamespace, tmp_path: Path) -> None:
    recipe = Recipe(codec="mpeg2video", format="mpegts", audio="mp2", gop=10)
    file = make(tmp_path / "tape.ts", recipe)
    with file.open("rb") as source:
        chunks = plan(source, chunk_seconds=2, clip_max_bytes=10**8).chunks
    video = app.shelf.put(file, "films/tape.ts", chunks=chunks)
    second = chunks[1]
    clip = Clip("c1.mp4", "video/mp4", second.span.start_ms, second.span.duration_ms, 10)
    app.catalog.commit_clips(video.ref, 1, video_clip=clip, audio_clip=None)
    url = f"/v1/videos/{video.ref.video_id}/clips/1"
    first = client.get(url)
    assert first.status_code == 200
    with av.open(io.BytesIO(first.content)) as played:
        assert read_number(next(played.decode(video=0)).to_ndarray(format="rgb24")) == second.span.start_ms // 100
    assert client.get(url).headers["etag"] == first.headers["etag"], "it is kept again"
    app.uploads.delete(video.name)
    app.work.delete("c1.mp4")
    assert client.get(url).status_code == 404


def test_a_long_video_is_played_from_its_clips_once_all_are_cut(
    client: TestClient, app: SimpleNamespace, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_playback, "LONG_MS", 3000)
    url = f"/v1/videos/{video.ref.video_id}"
    assert client.get(url).json()["playback"]["pieces"] == []
    app.catalog.commit_clips(video.ref, 0, video_clip=Clip("c0.mp4", "video/mp4", 0, 4000, 10), audio_clip=None)
    assert client.get(url).json()["playback"]["pieces"] == [{"chunk": 0, "start": 0, "duration": 4}]


def test_removing_deletes_the_upload(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    assert client.delete(f"/v1/videos/{video.ref.video_id}").status_code == 204
    assert isinstance(app.publisher.heard[-1][1], ObjectChanged)
    assert app.publisher.heard[-1][1].event == "OBJECT_DELETE"
    assert client.delete("/v1/videos/vnone").status_code == 404


# --- uploads ---


def announced(client: TestClient, content: bytes, **more: object) -> str:
    given = {
        "file_name": "../夏 祭り.mp4",
        "size_bytes": len(content),
        "content_type": "video/mp4",
        "title": "夏",
        "collection": "films",
    } | more
    response = client.post("/v1/uploads", json=given)
    assert response.status_code == 201, response.text
    url: str = response.json()["url"]
    return url


def put(client: TestClient, url: str, content: bytes, first: int, size: int) -> object:
    return client.put(url, content=content, headers={"Content-Range": f"bytes {first}-{first + len(content) - 1}/{size}"})


def test_the_server_fixes_the_name_of_an_upload(client: TestClient, app: SimpleNamespace) -> None:
    given = {"file_name": "../../夏 祭り.mp4", "size_bytes": 5, "content_type": "video/mp4", "collection": "films"}
    answer = client.post("/v1/uploads", json=given).json()
    collection, upload, name = answer["object_name"].split("/")
    assert (collection, len(upload), name) == ("films", 32, "夏 祭り.mp4")
    assert answer["video_id"] == video_id(app.uploads.bucket, answer["object_name"])


def test_an_upload_goes_on_where_it_was_also_on_another_server(client: TestClient, app: SimpleNamespace) -> None:
    content = bytes(range(256)) * 40
    url = announced(client, content)
    response = put(client, url, content[:4000], 0, len(content))
    assert (response.status_code, response.headers["range"]) == (308, "bytes=0-3999")
    client.app.state.site.uploads.__init__(app.settings.home / "uploading", lambda: app.uploads)  # nothing is remembered in memory
    asked = client.put(url, headers={"Content-Range": f"bytes */{len(content)}"})
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-3999")
    assert put(client, url, content[3000:8000], 3000, len(content)).headers["range"] == "bytes=0-7999", "a piece may come twice"
    done = put(client, url, content[8000:], 8000, len(content))
    assert done.status_code == 200
    info = app.uploads.stat(done.json()["object_name"])
    assert dict(info.metadata) == {"title": "夏"}
    with app.uploads.open(info.name) as file:
        assert file.read() == content
    assert not list((app.settings.home / "uploading").iterdir())


def test_a_piece_that_leaves_a_hole_is_refused(client: TestClient) -> None:
    url = announced(client, b"x" * 100)
    assert put(client, url, b"y" * 10, 50, 100).status_code == 400
    assert put(client, url, b"y" * 200, 0, 100).status_code == 400
    assert put(client, url, b"y" * 10, 0, 99).status_code == 400
    assert client.put(url, content=b"y", headers={"Content-Range": "all of it"}).status_code == 400


def test_unknown_and_cancelled_uploads_are_not_found(client: TestClient) -> None:
    url = announced(client, b"x" * 100)
    assert client.delete(url).status_code == 204
    for gone in (url, "/v1/uploads/../../etc", "/v1/uploads/" + "0" * 32):
        assert client.put(gone, headers={"Content-Range": "bytes */100"}).status_code == 404


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"file_name": "notes.txt", "content_type": "text/plain"}, 400, "not a video"),
        ({"size_bytes": 10**12}, 400, "the most is 50.0 GB"),
        ({"collection": "a/b"}, 400, "cannot name a collection"),
        ({"collection": ""}, 400, "cannot name a collection"),
        ({"file_name": ".."}, 400, "cannot be a file's name"),
        ({"size_bytes": 0}, 422, "size_bytes"),
    ],
)
def test_what_is_no_video_or_too_large_is_refused_clearly(client: TestClient, given: dict[str, object], status: int, says: str) -> None:
    wanted = {"file_name": "a.mp4", "size_bytes": 5, "content_type": "video/mp4"} | given
    response = client.post("/v1/uploads", json=wanted)
    assert response.status_code == status
    assert says in response.json()["detail"]


def test_forgotten_uploads_are_swept(tmp_path: Path, app: SimpleNamespace) -> None:
    import os

    from scenesearch.library.uploads import Announced

    desk = LocalUploads(tmp_path / "uploading", lambda: app.uploads)
    desk.open(Announced("a/b/c.mp4", 10, "video/mp4"), origin="")
    for part in (tmp_path / "uploading").glob("*.part"):
        os.utime(part, (1, 1))
    desk.open(Announced("a/b/d.mp4", 10, "video/mp4"), origin="")
    assert len(list((tmp_path / "uploading").iterdir())) == 2


# --- exports ---


@pytest.mark.parametrize("kind", ["mp4", "png", "vtt", "srt", "txt", "otio", "edl"])
def test_every_format_can_be_exported(client: TestClient, video: Video, kind: str) -> None:
    response = client.post("/v1/exports", json={"video_id": video.ref.video_id, "start": 0.5, "end": 1.5, "format": kind})
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"].startswith(f'attachment; filename="wall 00.00-00.01.{kind}"')
    assert response.content


def test_an_exported_clip_is_exact_unless_asked_otherwise(client: TestClient, video: Video) -> None:
    def first_number(exact: bool) -> int:
        wanted = {"video_id": video.ref.video_id, "start": 1.5, "end": 2.5, "format": "mp4", "exact": exact}
        with av.open(io.BytesIO(client.post("/v1/exports", json=wanted).content)) as clip:
            return read_number(next(clip.decode(video=0)).to_ndarray(format="rgb24"))

    assert first_number(True) in (14, 15)
    assert first_number(False) == 10


def test_a_wrong_export_says_what_is_wrong(client: TestClient, video: Video) -> None:
    wanted = {"video_id": video.ref.video_id, "start": 3, "end": 90, "format": "mp4"}
    response = client.post("/v1/exports", json=wanted)
    assert response.status_code == 400
    assert "ends at 00:04" in response.json()["detail"]
    assert client.post("/v1/exports", json=wanted | {"format": "gif"}).status_code == 422
    assert client.post("/v1/exports", json=wanted | {"video_id": "vnone"}).status_code == 404


def large_export(client: TestClient, video: Video) -> dict[str, object]:
    response = client.post("/v1/exports", json={"video_id": video.ref.video_id, "start": 0.5, "end": 1.5, "format": "mp4"})
    assert response.status_code == 201, response.text
    ready: dict[str, object] = response.json()
    return ready


def test_a_large_export_comes_back_as_a_link_that_is_served(
    client: TestClient, app: SimpleNamespace, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_routes, "DIRECT_BYTES", 100)
    ready = large_export(client, video)
    link = str(ready["url"])
    response = client.get(link)
    assert response.status_code == 200
    assert len(response.content) == ready["size_bytes"]
    assert response.headers["content-disposition"].startswith('attachment; filename="wall 00.00-00.01.mp4"')
    assert client.get(link, headers={"Range": "bytes=4-7"}).content == b"ftyp"
    with av.open(io.BytesIO(response.content)) as clip:
        assert read_number(next(clip.decode(video=0)).to_ndarray(format="rgb24")) == 5
    for wrong in (link.replace("/work/", "/uploads/"), link.replace("wall", "evil"), link.split("?")[0], "/objects/", "/objects/work/x"):
        assert client.get(wrong).status_code == 400, wrong
    past = app.work.signed_url("anything", expires=timedelta(seconds=-2))
    assert "expired" in client.get(past).json()["detail"]


def test_an_export_takes_the_exports_of_the_days_before_away(
    client: TestClient, app: SimpleNamespace, video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_routes, "DIRECT_BYTES", 100)
    first = large_export(client, video)
    second = large_export(client, video)
    assert client.get(str(first["url"])).status_code == 200, "a download that has begun goes on"
    monkeypatch.setattr(export_routes, "KEPT", timedelta(0))
    third = large_export(client, video)
    assert [client.get(str(one["url"])).status_code for one in (first, second, third)] == [404, 404, 200]

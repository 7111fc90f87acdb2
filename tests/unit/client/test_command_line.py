"""`--server URL`: the command line asks a scenesearch elsewhere, and prints what it prints of its own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from scenesearch.bootstrap import Application, application
from scenesearch.cli import app as scenesearch
from scenesearch.config import Models, Settings
from scenesearch.errors import InvalidRequest, InvalidSpan, ObjectNotFound, Unavailable, VideoNotFound
from scenesearch.timeline import parse_timestamp
from scenesearch.video import Video
from site_under_test import a_scene, whole
from unit.client.conftest import run


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    application.cache_clear()


def test_a_question_goes_to_the_server(app: SimpleNamespace, video: Video, home: Path) -> None:
    scene = a_scene(video, 1, 2, "a grey wall")
    app.search.script = lambda request: iter([scene, whole(request, [], [scene])])
    answer = json.loads(run("search", "grey wall", "--mode", "recall", "--limit", "3", "--server", app.url, "--json"))
    assert answer["scenes"][0]["description"] == "a grey wall"
    [(request, _)] = app.search.asked
    assert (request.query, request.mode, request.limit) == ("grey wall", "recall", 3)
    assert "00:01-00:02  wall" in run("search", "grey wall", "--server", app.url)
    assert not home.exists(), "nothing is kept here"


@pytest.mark.parametrize("named", ["wall", "films/a/wall.mp4", "wall.mp4", "the id"])
def test_a_question_about_one_video_may_name_it_in_every_way(app: SimpleNamespace, video: Video, named: str) -> None:
    run("search", "grey", "--video", video.ref.video_id if named == "the id" else named, "--server", app.url)
    [(request, _)] = app.search.asked
    assert request.video_id == video.ref.video_id


def test_a_question_about_a_video_that_is_not_there_is_refused(app: SimpleNamespace, home: Path) -> None:
    for where in ([], ["--server", app.url]):
        with pytest.raises(VideoNotFound, match="there is no video 'nothing'"):
            run("search", "grey", "--video", "nothing", *where)


def test_lists_and_texts_come_from_the_server(app: SimpleNamespace, video: Video) -> None:
    [listed] = json.loads(run("videos", "--server", app.url, "--json"))["videos"]
    assert listed["video_id"] == video.ref.video_id
    assert "ready" in run("videos", "--server", app.url)
    assert json.loads(run("show", "films/a/wall.mp4", "--server", app.url, "--json"))["summary"] == "A wall."
    assert listed["name"] == "films/a/wall.mp4"
    assert run("videos", "--collection", "nope", "--server", app.url) == "There are no videos in the collection 'nope'.\n"
    assert "A wall." in run("show", "wall", "--server", app.url)
    assert run("show", "wall", "--section", "transcription", "--server", app.url) == "00:00-00:01 | Mika | Nobody <b>knows</b>.\n"
    assert run("show", "wall", "--section", "summary", "--server", app.url) == "A wall.\n"
    assert run("show", "wall", "--text", "--server", app.url).startswith("[summary]\nA wall.\n")
    shown = json.loads(run("show", "wall", "--section", "texts", "--server", app.url, "--json"))
    assert [(entry["text"], entry["start"]) for entry in shown["entries"]] == [("終わり", 3.0)]


@pytest.mark.parametrize(("mode", "advice"), [("balanced", "Try other words, or --mode recall."), ("recall", "Try other words.")])
def test_what_was_not_done_and_what_to_try_next_is_said_as_it_is(app: SimpleNamespace, video: Video, mode: str, advice: str) -> None:
    app.search.script = lambda request: iter([whole(request).model_copy(update={"degraded": "nothing here can watch the clips"})])
    told, advised, _ = run("search", "grey", "--mode", mode, "--server", app.url).splitlines()
    assert told == "Not all was done: nothing here can watch the clips"
    assert advised == f"Nothing found for 'grey'. {advice}"


def test_a_scene_is_taken_from_the_server(app: SimpleNamespace, video: Video, tmp_path: Path) -> None:
    to = tmp_path / "scene.srt"
    run("export", "wall", "--start", "0", "--end", "00:02", "--to", str(to), "--server", app.url)
    with pytest.raises(InvalidSpan, match=r"^5\.0 s to 3\.0 s is no span: "):
        run("export", "wall", "--start", "5", "--end", "3", "--to", str(to), "--server", app.url)
    assert "Mika: Nobody < b>knows< /b>." in to.read_text()


@pytest.mark.parametrize(
    ("written", "seconds"), [("90:00", 5400), ("1:30:00", 5400), ("600:05.5", 36_005.5), ("9:05", 545), ("59", 59), ("1:5:00", 3900)]
)
def test_a_time_is_read_as_people_write_it(written: str, seconds: float) -> None:
    assert parse_timestamp(written) == seconds * 1000


@pytest.mark.parametrize("written", ["1:75:00", "00:75", "1:2:3:4", "-5", "1:", ":30", "nan", "soon"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(InvalidSpan, match="is no time: write MM:SS"):
        parse_timestamp(written)


def test_what_is_removed_is_removed_there(app: SimpleNamespace, video: Video) -> None:
    assert json.loads(run("retry", "wall", "--server", app.url, "--json"))["videos"][0]["state"]
    assert json.loads(run("remove", "wall", "--server", app.url, "--json")) == {"removed": video.ref.video_id}
    with pytest.raises(ObjectNotFound):
        app.uploads.stat(video.name)


def test_what_is_wrong_is_said_in_one_error(app: SimpleNamespace) -> None:
    with pytest.raises(VideoNotFound, match="there is no video 'wall' at http"):
        run("show", "wall", "--server", app.url)
    with pytest.raises(InvalidRequest, match="no server's address"):
        run("videos", "--server", "localhost:8000")
    with pytest.raises(Unavailable, match="cannot be reached"):
        run("videos", "--server", "http://127.0.0.1:9")


def test_a_profile_is_said_read_and_changed_in_parts(home: Path, tmp_path: Path) -> None:
    run("profile", "set", "films", "--language", "ja", "--cast", "Mika=the cook", "--premise", "A close-up fills a fifth.")
    run("profile", "set", "films", "--reader", "domain:Films.example", "--reader", "*", "--writer", "Cutter@films.example")
    said = json.loads(run("profile", "show", "films", "--json"))
    assert said == {
        "languages": ["ja"],
        "cast": [{"name": "Mika", "description": "the cook"}],
        "premises": ["A close-up fills a fifth."],
        "readers": ["*", "domain:films.example"],
        "writers": ["cutter@films.example"],
    }
    assert "premise: A close-up fills a fifth." in run("profile", "show", "films")
    file = tmp_path / "profile.json"
    file.write_text(json.dumps({"readers": ["mika@films.example"]}))
    run("profile", "set", "films", "--file", str(file), "--premise", "")
    assert json.loads(run("profile", "show", "films", "--json")) == said | {"readers": ["mika@films.example"], "premises": []}
    assert json.loads(run("profile", "set", "films", "--language", "en", "--json"))["languages"] == ["en"]
    known = application().catalog.collection("films")
    assert known is not None
    assert (known.readers, known.writers) == ({"mika@films.example"}, {"cutter@films.example"})


@pytest.mark.parametrize("name", ["a/b", "", "..", " ", "n" * 101])
def test_what_cannot_name_a_collection_cannot_do_so_anywhere(name: str, tmp_path: Path, home: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    for command in (
        ["profile", "set", "--language", "en", "--", name],
        ["profile", "show", "--", name],
        ["ingest", str(tmp_path / "film.mp4"), "--collection", name],
    ):
        with pytest.raises(InvalidRequest, match="cannot name a collection"):
            run(*command)
    assert not home.exists(), "nothing was saved, nothing was taken in"


@pytest.mark.parametrize(
    "command", [["ingest", "film.mp4", "--language"], ["search", "wall", "--language"], ["search", "wall", "--answer-language"]]
)
def test_a_language_is_said_by_its_tag(command: list[str]) -> None:
    done = CliRunner().invoke(scenesearch, [*command, "english please"])
    assert done.exit_code == 2
    assert "as in en, ja or pt-BR" in " ".join(done.output.split())


def test_a_profile_says_who_is_nobody_and_how_somebody_is_written(home: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'mika' is nobody: write an address as in \S+@\S+, domain:") as refused:
        run("profile", "set", "films", "--reader", "mika")
    assert "Value error" not in str(refused.value)
    run("profile", "set", "films", "--reader", " Domain:Films.example ")
    assert json.loads(run("profile", "show", "films", "--json"))["readers"] == ["domain:films.example"]


def test_who_states_a_premise_hears_that_the_local_models_do_not_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("profile", "set", "films", "--language", "en") == "profile of films saved\n"
    saved, unread = run("profile", "set", "films", "--premise", "A close-up fills a fifth.").splitlines()
    assert saved == "profile of films saved"
    assert "SCENESEARCH_MODELS=vertexai" in unread
    assert json.loads(run("profile", "set", "films", "--premise", "Another.", "--json"))["premises"] == ["Another."]
    monkeypatch.setattr(application(), "models", Application(Settings(models=Models.VERTEXAI)).models)
    assert run("profile", "set", "films", "--premise", "A third.") == "profile of films saved\n"


@pytest.mark.parametrize("wrong", [("--reader", "mika"), ("--writer", "domain:"), ("--reader", "a b@c"), ("--file", "nowhere.json")])
def test_a_wrong_profile_changes_nothing(wrong: tuple[str, str], home: Path) -> None:
    with pytest.raises(InvalidRequest, match="that is no profile"):
        run("profile", "set", "films", *wrong)
    assert application().catalog.collection("films") is None


def test_a_library_without_videos_says_how_one_comes(home: Path) -> None:
    assert "scenesearch ingest PATH" in run("search", "the red car")
    assert "scenesearch ingest PATH" in run("videos")

"""One machine, end to end, through the command line: good videos are found, bad ones say why, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import media_files
from benchmarks.ingest import ingest
from end_to_end.command_line import scenesearch, started
from long_film import long_film
from media_files import Recipe
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
TRUTH = json.loads((SAMPLES / "truth.json").read_text())

HOURS = int(os.environ.get("PROOF_HOURS", "1"))
"""How long one picture stands."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sample in it."""
    home = tmp_path_factory.mktemp("library")
    ran = scenesearch(home, "ingest", str(SAMPLES / TRUTH["video"]), "--collection", "samples", "--title", TRUTH["title"], "--json")
    assert ran.code == 0, ran.err
    (video,) = ran.json["videos"]
    assert (video["state"], video["gaps"], video["title"]) == ("ready", [], TRUTH["title"])
    return home


@pytest.mark.parametrize("question", TRUTH["questions"], ids=lambda question: question["id"])
def test_a_question_about_the_sample_is_answered_on_the_first_page(library: Path, question: dict[str, object]) -> None:
    scenes = scenesearch(library, "search", str(question["query"]), "--json").json["scenes"][:3]
    start, end = float(str(question["start"])), float(str(question["end"]))
    overlaps = [min(s["end"], end) - max(s["start"], start) for s in scenes]
    assert any(o >= 0.5 * min(s["end"] - s["start"], end - start) for o, s in zip(overlaps, scenes, strict=True)), scenes


@pytest.mark.parametrize("question", TRUTH["unanswerable"])
def test_what_is_not_there_is_not_found_when_only_sure_hits_are_wanted(library: Path, question: str) -> None:
    assert scenesearch(library, "search", question, "--mode", "precision", "--json").json["scenes"] == []


def test_the_answer_has_the_shape_that_outside_checks_rely_on(library: Path) -> None:
    answer = scenesearch(library, "search", "the red car explodes", "--json").json
    assert set(answer) == {"query", "mode", "effort", "degraded", "truncated", "no_match", "took_ms", "files", "scenes"}
    assert (answer["mode"], answer["effort"], answer["degraded"], answer["truncated"]) == ("balanced", "standard", None, False)
    assert set(answer["files"][0]) == {"video_id", "title", "collection", "score", "duration"}
    scene = answer["scenes"][0]
    assert {"video_id", "title", "timestamp", "start", "end", "description", "evidence", "grounded", "score"} <= set(scene)
    assert {"section", "timestamp", "text"} <= set(scene["evidence"][0])
    assert len(answer["scenes"]) <= 10


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 1),
        ("   ", 1),
        ("x" * 10_000, 1),
        ("?!… --- ,,,", 1),
        ("the of and", 0),
        ('"unclosed phrase', 0),
        ("' OR 1=1; DROP TABLE moments; --", 0),
        ("NEAR(red car) AND title:* ^ (", 0),
        ("red\x01car\x1b[31m", 0),
    ],
)
def test_an_odd_question_gets_an_answer_or_one_clear_line(library: Path, query: str, code: int) -> None:
    ran = scenesearch(library, "search", "--json", "--", query)
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err
    if code:
        assert ran.err.startswith("scenesearch: ")
        assert ran.err.count("\n") == 1


def test_an_unknown_collection_is_said_to_be_unknown(library: Path) -> None:
    ran = scenesearch(library, "search", "car", "--collection", "nowhere")
    assert (ran.code, ran.out) == (1, "")
    assert "nowhere" in ran.err


def test_a_question_may_be_asked_of_one_video_however_it_is_named(library: Path) -> None:
    for named in (TRUTH["title"], f"samples/{TRUTH['video']}"):
        scenes = scenesearch(library, "search", "the red car explodes", "--video", named, "--json").json["scenes"]
        assert {scene["title"] for scene in scenes} == {TRUTH["title"]}
    ran = scenesearch(library, "search", "the red car explodes", "--video", "nothing of the kind")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no video 'nothing of the kind'" in ran.err


def test_wrong_usage_is_exit_code_two(library: Path) -> None:
    assert scenesearch(library, "search").code == 2
    assert scenesearch(library, "search", "car", "--mode", "sloppy").code == 2


def test_the_metadata_text_has_its_five_headings_in_order(library: Path) -> None:
    text = scenesearch(library, "show", TRUTH["title"], "--text").out
    headings = [line for line in text.splitlines() if line.startswith("[")]
    assert headings == ["[summary]", "[important scenes]", "[visual info]", "[transcription]", "[texts]"]


def test_a_scene_can_be_taken_away(library: Path, tmp_path: Path) -> None:
    for name in ("clip.mp4", "still.png", "lines.srt", "lines.vtt"):
        ran = scenesearch(library, "export", TRUTH["title"], "--start", "00:36", "--end", "43", "--to", str(tmp_path / name))
        assert ran.code == 0, ran.err
        assert (tmp_path / name).stat().st_size > 0


@pytest.fixture
def films(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "films"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_bad_files_say_why_and_the_good_one_goes_on(films: Path, home: Path) -> None:
    (films / "empty.mp4").write_bytes(b"")
    (films / "notes.mp4").write_text("these are notes, not a film\n" * 50)
    (films / "noise.mkv").write_bytes(bytes(range(1, 256)) * 100)
    good = media_files.make(films / "good ones 良い 🎬.mp4", Recipe(seconds=4))
    (films / "cut off.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    ran = scenesearch(home, "ingest", str(films), "--json")
    assert ran.code == 1
    ended = {video["title"]: video for video in ran.json["videos"]}
    assert ended["good ones 良い 🎬"]["state"] == "ready"
    for title in ("empty", "notes", "noise"):
        assert ended[title]["state"] == "failed"
        assert "upload" in ended[title]["error"], "what to do is said"
        assert str(home) not in ended[title]["error"]
    assert (ended["cut off"]["state"], "moov" in ended["cut off"]["error"] or "cut" in ended["cut off"]["error"]) == ("failed", True)
    assert "Traceback" not in ran.err


def test_odd_videos_under_odd_names_are_taken_in_all_the_same(films: Path, home: Path) -> None:
    odd = {
        "silent": Recipe(seconds=3, audio=None),
        "blink": Recipe(seconds=0.2),
        "uneven": Recipe(seconds=4, stamps=(0, 0.04, 0.5, 0.9, 2.0, 2.03, 3.1, 3.3), gop=3, b_frames=0),
        "late": Recipe(seconds=3, start=5),
        "phone": Recipe(seconds=3, rotation=90),
        "two tracks": Recipe(seconds=3, audio_tracks=2),
        "scratched": Recipe(seconds=6),
        "三本目 ..%2F.. 🎬 ": Recipe(seconds=3),
    }
    for name, recipe in odd.items():
        media_files.make(films / f"{name}.mp4", recipe)
    content = bytearray((films / "scratched.mp4").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    (films / "scratched.mp4").write_bytes(content)
    media_files.song(films / "song.mp4")
    deep = films / ("あ" * 60) / ("b" * 200) / ("c" * 200)
    deep.mkdir(parents=True)
    media_files.make(deep / "a name of five hundred characters.mp4", Recipe(seconds=3))
    ran = scenesearch(home, "ingest", str(films), "--json")
    ended = {video["title"]: video for video in ran.json["videos"]}
    song = ended.pop("song")
    assert (ran.code, song["state"], song["error"]) == (1, "failed", "the file has sound but no pictures: upload a video")
    assert set(ended) == {*odd, "a name of five hundred characters"}
    assert {title: (video["state"], video["gaps"]) for title, video in ended.items()} == dict.fromkeys(ended, ("ready", []))
    assert [round(ended[title]["duration"], 1) for title in odd] == [3.0, 0.2, 4.0, 3.0, 3.0, 3.0, 6.0, 3.0]
    assert "Traceback" not in ran.err
    assert scenesearch(home, "show", "三本目 ..%2F.. 🎬 ", "--text").code == 0


def test_hours_of_one_picture_take_little_time_and_memory(
    films: Path, home: Path, monkeypatch: pytest.MonkeyPatch, record_property: pytest.RecordProperty
) -> None:
    monkeypatch.setenv("SCENESEARCH_OFFLINE", "true")
    minute = media_files.make(films / "minute.mp4", Recipe(seconds=60, fps=1, gop=60, audio=None, still=True, size=(640, 360), b_frames=0))
    figures = ingest(long_film(films / "still.mp4", HOURS * 3600, of=minute), home)
    for name, figure in figures.items():
        record_property(name, figure)
    assert (figures["minutes"], figures["gaps"]) == (pytest.approx(60 * HOURS, abs=0.1), 0)
    assert figures["peak_mb"] <= 1000
    assert figures["wall_s"] <= 60 * (1 + HOURS)
    text = scenesearch(home, "show", "still", "--text").out
    assert len([line for line in text.splitlines() if "static picture" in line]) == 1, "one shot, however long"


def test_a_name_that_no_file_can_have_is_refused_and_a_title_as_long_is_taken(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=3))
    ran = scenesearch(home, "ingest", "n" * 500 + ".mp4", str(film), "--title", "長" * 500, "--json")
    assert [(video["state"], video["title"]) for video in ran.json["videos"]] == [("ready", "長" * 500)]
    assert ran.code == 1
    (refused,) = ran.json["refused"]
    assert "so long a name" in refused
    assert "--title" in refused
    assert len(refused) < 200


def test_a_video_removed_while_it_is_taken_in_is_gone_and_said_to_be(films: Path, home: Path) -> None:
    shutil.copy(SAMPLES / TRUTH["video"], films / "film.mp4")
    media_files.make(films / "other.mp4", Recipe(seconds=3))
    with started(home, "ingest", str(films), "--json") as ingest:
        eventually(lambda: extracting(home, "film"), within_s=60)
        removed = scenesearch(home, "remove", "film")
        assert removed.code == 0
        assert "scenesearch:" not in removed.err, "of the work that it takes over, a warning may be told"
        ran = ingest()
    assert [(video["title"], video["state"]) for video in ran.json["videos"]] == [("other", "ready")]
    assert "film was removed while it was taken in" in ran.err
    assert "Traceback" not in ran.err
    assert [video["title"] for video in scenesearch(home, "videos", "--json").json["videos"]] == ["other"]
    assert not [path for path in (home / "work").rglob("*.json") if "film" in path.read_text()]


def extracting(home: Path, title: str) -> bool:
    videos = scenesearch(home, "videos", "--json").json["videos"]
    return any(video["title"] == title and video["state"] == "extracting" for video in videos)


def test_when_the_disk_is_full_it_says_so_and_goes_on_once_there_is_room(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=6, noise=True, size=(640, 360)))
    size = film.stat().st_size
    ran = scenesearch(home, "ingest", str(film), largest_file=size - 1)
    assert ran.code == 1
    assert ran.err.startswith("scenesearch: no space left")
    assert "free some" in ran.err
    assert ran.err.count("\n") == 1
    (video,) = scenesearch(home, "ingest", str(film), "--json").json["videos"]
    assert (video["state"], video["gaps"]) == ("ready", [])


def test_the_same_file_twice_is_one_video_and_a_changed_one_replaces_it(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=4))
    first = scenesearch(home, "ingest", str(film), "--json").json["videos"]
    second = scenesearch(home, "ingest", str(film), "--json").json["videos"]
    assert [v["video_id"] for v in first] == [v["video_id"] for v in second]
    media_files.make(film, Recipe(seconds=6))
    (third,) = scenesearch(home, "ingest", str(film), "--json").json["videos"]
    assert third["video_id"] == first[0]["video_id"]
    assert third["duration"] > first[0]["duration"]
    assert len(scenesearch(home, "videos", "--json").json["videos"]) == 1


def test_a_name_as_long_as_it_may_be_is_taken(films: Path, home: Path) -> None:
    film = media_files.make(films / ("n" * 240 + ".mp4"), Recipe(seconds=3))
    (video,) = scenesearch(home, "ingest", str(film), "--json").json["videos"]
    assert (video["state"], len(video["title"])) == ("ready", 240)


def test_a_removed_video_is_gone_and_can_come_back(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=3))
    scenesearch(home, "ingest", str(film))
    assert scenesearch(home, "remove", "film").code == 0
    assert scenesearch(home, "videos", "--json").json == {"videos": []}
    assert scenesearch(home, "show", "film").code == 1
    assert scenesearch(home, "ingest", str(film)).code == 0


def test_no_such_file_is_one_clear_line(home: Path) -> None:
    ran = scenesearch(home, "ingest", "no such film.mp4")
    assert (ran.code, ran.err) == (1, "scenesearch: there is no file 'no such film.mp4'\n")


def test_a_folder_without_a_video_is_no_silent_success(home: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "film.txt").write_text("a red car")
    ran = scenesearch(home, "ingest", str(tmp_path / "notes"))
    assert ran.code == 1
    assert "there is no video in" in ran.err
    assert ".mp4" in ran.err


def test_two_files_of_one_name_are_refused_before_one_replaces_the_other(films: Path, home: Path) -> None:
    for season in ("s1", "s2"):
        (films / season).mkdir()
        (films / season / "ep1.mp4").write_bytes(season.encode())
    ran = scenesearch(home, "ingest", str(films / "s1" / "ep1.mp4"), str(films / "s2" / "ep1.mp4"))
    assert ran.code == 1
    assert "would both be called ep1.mp4" in ran.err
    assert scenesearch(home, "videos", "--json").json == {"videos": []}


def test_an_upload_whose_announcement_was_lost_is_taken_in_again(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=3))
    scenesearch(home, "ingest", str(film))
    (home / "catalog.sqlite").unlink()
    for rest in home.glob("catalog.sqlite-*"):
        rest.unlink()
    ran = scenesearch(home, "ingest", str(film), "--json")
    assert [video["state"] for video in ran.json["videos"]] == ["ready"]


def test_names_cannot_speak_to_the_terminal(films: Path, home: Path) -> None:
    film = media_files.make(films / "film.mp4", Recipe(seconds=3))
    hostile = film.rename(films / "\x1b]0;pwned\x07\x1b[2J.mp4")
    for command in (
        ["ingest", str(hostile)],
        ["videos"],
        ["show", "\x1b]0;pwned\x07\x1b[2J"],
        ["search", "film"],
        ["show", "\x1b[2Jnothing"],
    ):
        ran = scenesearch(home, *command)
        assert "\x1b" not in ran.out + ran.err, command


def test_a_home_that_cannot_be_used_is_one_clear_line(films: Path) -> None:
    (films / "a file").write_text("not a folder")
    ran = scenesearch(films / "a file" / "home", "videos")
    assert ran.code == 1
    assert ran.err.startswith("scenesearch: ")
    assert ran.err.count("\n") == 1

"""The whole cloud on this machine: a process a function, Google's emulators, local models; used from outside as anybody would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, storage

from emulators import need_emulators
from end_to_end.command_line import SCENESEARCH, scenesearch
from real_videos import FOLDER
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "harbour_day.mp4"
MINUTES_TO_READY = 3
KINDS = ("generations", "chunks", "sections", "parts", "moments", "shards")


@dataclass(frozen=True)
class Film:
    """What is uploaded, what is asked about it, a word of the line that answers, and when it is said (seconds)."""

    path: Path
    seconds: tuple[float, float]
    question: str
    word: str
    said_at: float

    @property
    def name(self) -> str:
        return f"films/{self.path.name}"


TRAILER = Film(FOLDER / "sintel_trailer-720p.mp4", (51, 54), "what brings you to the land of the gatekeepers", "gatekeepers", 14)
FILM = TRAILER if TRAILER.path.exists() else Film(SAMPLE, (66, 69), "the red car hits the wall and explodes", "explodes", 38)


@dataclass(frozen=True)
class Cloud:
    """A running `scenesearch emulate`, as its ready file describes it."""

    process: subprocess.Popen[bytes]
    ready: Mapping[str, str]
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """How the command line reaches it."""
        return {
            "PUBSUB_EMULATOR_HOST": self.ready["pubsub"],
            "FIRESTORE_EMULATOR_HOST": self.ready["firestore"],
            "STORAGE_EMULATOR_HOST": self.ready["storage"],
            "SCENESEARCH_BACKEND": "gcp",
            "SCENESEARCH_GCP_PROJECT": self.ready["project"],
            "SCENESEARCH_UPLOADS_BUCKET": self.ready["bucket"],
            "SCENESEARCH_WORK_BUCKET": self.ready["bucket"].replace("uploads", "work"),
        }

    @property
    def storage(self) -> storage.Client:
        options = {"api_endpoint": self.ready["storage"]}
        return storage.Client(project=self.ready["project"], credentials=AnonymousCredentials(), client_options=options)

    def cli(self, *arguments: str) -> Any:
        ran = scenesearch(self.home, *arguments, "--json", **self.environment)
        assert ran.code == 0, ran.err
        return ran.json

    def get(self, url: str) -> Any:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 (our own address)
            return json.loads(answer.read())

    def left(self) -> dict[str, int]:
        """How many documents of each kind, and objects in the work bucket."""
        os.environ["FIRESTORE_EMULATOR_HOST"] = self.ready["firestore"]
        client = firestore.Client(project=self.ready["project"])
        counts = {kind: len(list(client.collection_group(kind).stream())) for kind in KINDS}
        counts["work"] = len(list(self.storage.list_blobs(self.environment["SCENESEARCH_WORK_BUCKET"])))
        return {kind: count for kind, count in counts.items() if count}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    need_emulators()
    home = tmp_path_factory.mktemp("home")
    ready = home / "ready.json"
    process = subprocess.Popen(
        [str(SCENESEARCH), "emulate", "--ready-file", str(ready)],
        env={**os.environ, "SCENESEARCH_HOME": str(home), "SCENESEARCH_OFFLINE": "true"},
    )
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, within_s=300, every_s=0.2)
        yield Cloud(process, json.loads(ready.read_text()), home)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(scope="module")
def ingested(cloud: Cloud) -> dict[str, Any]:
    """The film, uploaded as any program would, once it has ended; `took_s` since the upload began."""
    begun = time.monotonic()
    blob = cloud.storage.bucket(cloud.ready["bucket"]).blob(FILM.name)
    blob.upload_from_filename(str(FILM.path), content_type="video/mp4")

    def ended() -> Any:
        found = cloud.get(f"{cloud.ready['library']}/v1/videos")["videos"]
        return found and found[0]["state"] in ("ready", "failed") and found[0]

    video: dict[str, Any] = eventually(ended, within_s=600, every_s=1)
    return {**video, "took_s": time.monotonic() - begun}


def test_an_upload_is_ready_in_three_minutes_without_a_gap(ingested: dict[str, Any], record_property: pytest.RecordProperty) -> None:
    record_property("film", FILM.path.name)
    record_property("ready_s", round(ingested["took_s"], 1))
    assert ingested["state"] == "ready", ingested
    assert ingested["took_s"] < MINUTES_TO_READY * 60
    assert (ingested["title"], ingested["collection"], ingested["gaps"]) == (FILM.path.stem, "films", [])
    assert FILM.seconds[0] < ingested["duration"] < FILM.seconds[1]


def test_the_spoken_line_is_found_by_the_search_function(
    cloud: Cloud, ingested: dict[str, Any], record_property: pytest.RecordProperty
) -> None:
    query = urllib.parse.urlencode({"q": FILM.question, "collection": "films"})
    answer = cloud.get(f"{cloud.ready['search']}/v1/search?{query}")
    scene = answer["scenes"][0]
    record_property("found_at", scene["timestamp"])
    assert (scene["video_id"], scene["grounded"]) == (ingested["video_id"], True)
    assert FILM.word in json.dumps(scene["evidence"])
    assert scene["start"] < FILM.said_at < scene["end"] + 3


def test_the_command_line_works_on_the_same_cloud(cloud: Cloud, ingested: dict[str, Any]) -> None:
    assert [video["video_id"] for video in cloud.cli("videos")["videos"]] == [ingested["video_id"]]
    scenes = cloud.cli("search", FILM.question)["scenes"]
    assert scenes[0]["video_id"] == ingested["video_id"]
    assert cloud.cli("ingest", f"gs://{cloud.ready['bucket']}/films/")["videos"] == []  # it is known already


def test_a_deleted_upload_leaves_nothing(cloud: Cloud, ingested: dict[str, Any]) -> None:
    assert {"generations", "moments", "work"} <= cloud.left().keys()
    cloud.storage.bucket(cloud.ready["bucket"]).blob(FILM.name).delete()
    eventually(lambda: not cloud.left(), within_s=60, every_s=0.5)


def test_what_the_emulated_cloud_lacks_is_one_clear_line(tmp_path: Path) -> None:
    ran = scenesearch(tmp_path, "emulate", "--models", "vertexai")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "SCENESEARCH_VERTEXAI_PROJECT" in ran.err
    assert "SCENESEARCH_VERTEXAI_BASE_URL" in ran.err


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    need_emulators()
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [str(SCENESEARCH), "emulate", "--ready-file", str(ready)], env={**os.environ, "SCENESEARCH_HOME": str(tmp_path)}
    )
    eventually(ready.exists, within_s=300, every_s=0.2)
    family = _descendants(process.pid)
    assert len(family) > 12
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not ready.exists()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists() and "Z" not in _stat(pid)] == []


def _descendants(root: int) -> set[int]:
    """Everything that was started by `root`, or by what it started."""
    parents = {int(entry.name): int(_stat(int(entry.name))[1]) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {root}


def _stat(pid: int) -> list[str]:
    """State, parent, …; of a process that is gone: nothing much."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X", "0"]

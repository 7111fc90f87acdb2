"""Killed at any moment and started again, told everything twice: an ingest ends with the very same catalog and index."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import media_files
from end_to_end.light import DIMENSION, LightApplication
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.config import Settings
from scenesearch.pipeline.assemble import metadata_object
from scenesearch.ports import Probe, WordWeights
from scenesearch.video import Usage, Video, VideoState
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 20
SEED = 20261103

Started = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 seconds, a keyframe every second: ten chunks."""
    return media_files.make(tmp_path_factory.mktemp("film") / "film.mp4", media_files.Recipe(seconds=30))


def app_in(home: Path) -> LightApplication:
    return LightApplication(Settings(home=home))


def start(home: Path, files: Sequence[Path], **settings: str) -> Started:
    """An ingest in a process group of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SCENESEARCH_HOME": str(home),
        "SCENESEARCH_CHUNK_SECONDS": "3",
        "SCENESEARCH_SPLIT_SECONDS": "0.5",
        "SCENESEARCH_WORKERS": "2",
        **settings,
    }
    command = [sys.executable, "-c", "from end_to_end.light import main; main()", *map(str, files)]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def undisturbed(home: Path, files: Sequence[Path], **settings: str) -> dict[str, Any]:
    assert start(home, files, **settings).wait(300) == 0
    return everything(home)


def everything(home: Path) -> dict[str, Any]:
    """All that an ingest leaves, by title; without generations, times and costs."""
    app = app_in(home)
    queue = app.publisher
    assert isinstance(queue, LocalQueue)
    assert queue.status().idle
    assert not any(name.startswith("dead-lettered") for name in queue.status().counts)
    objects = [info.name for info in app.work.list()]
    left = {video.title: what_is_left_of(video, app, objects) for video in app.catalog.videos()}
    assert len(objects) == sum(len(one["objects"]) for one in left.values())
    return left


def what_is_left_of(video: Video, app: LightApplication, objects: Sequence[str]) -> dict[str, Any]:
    ref, prefix = video.ref, f"{video.ref.video_id}/{video.ref.generation}/"
    assert app.catalog.generations(ref.video_id) == [ref]
    records = app.catalog.sections(ref)
    assert all(record.failures == 0 and record.leased_until is None for record in records)
    vector = np.full(DIMENSION, DIMENSION**-0.5, np.float32)
    probe = Probe(vector=vector, scale=app.embedder.scale, words=WordWeights(shares={}, average_length=1))
    found = app.index.read([ref], probe, 10_000)[ref]
    assert {candidate.moment.ref for candidate in found} == {ref}
    with app.work.open(metadata_object(ref)) as text:
        metadata_text = text.read().decode()
    return {
        "id": ref.video_id,
        "chunks": [str(chunk).replace(prefix, "") for chunk in app.catalog.chunks(ref)],
        "sections": [(r.key.chunk, r.key.section, r.state, r.reason, [e.render() for e in r.entries], r.digest, r.model) for r in records],
        "video": str(replace(video, ref=None, created_at=None, updated_at=None, usage=Usage())),  # type: ignore[arg-type]
        "metadata_text": metadata_text,
        "objects": sorted(name.removeprefix(prefix) for name in objects if name.startswith(prefix)),
        "moments": sorted((c.moment.chunk, c.moment.number, c.moment.text, round(c.similarity, 4)) for c in found),
    }


def deliveries_done(home: Path) -> int:
    queue = app_in(home).publisher
    assert isinstance(queue, LocalQueue)
    return sum(count for name, count in queue.status().counts.items() if name.startswith("done"))


def killed_at_random(process: Started, home: Path, dice: random.Random) -> bool:
    """Kill the whole group at some moment, mostly while it works; False when it had ended before."""
    if dice.random() < 0.75:
        before = deliveries_done(home)
        eventually(lambda: process.poll() is not None or deliveries_done(home) > before, within_s=120, every_s=0.02)
    try:
        assert process.wait(dice.uniform(0, 0.8)) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def test_killed_at_twenty_random_moments_an_ingest_ends_like_an_undisturbed_one(film: Path, tmp_path: Path) -> None:
    dice, home, files, kills = random.Random(SEED), tmp_path / "killed", [film], 0  # noqa: S311 (chance, not a secret)
    while kills < KILLS:
        if killed_at_random(start(home, files), home, dice):
            kills += 1
        else:  # all done: there must be something to kill
            files.append(tmp_path / f"film {len(files)}.mp4")
            os.link(film, files[-1])
    left = undisturbed(home, files)
    assert {video["video"].count(f"state={VideoState.READY!r}") for video in left.values()} == {1}
    should_be = undisturbed(tmp_path / "undisturbed", files)
    for title, video in should_be.items():
        for what, value in video.items():
            assert left[title][what] == value, f"{what} of {title}"
    assert left.keys() == should_be.keys()


def test_with_everything_delivered_twice_an_ingest_ends_the_same(film: Path, tmp_path: Path) -> None:
    once = undisturbed(tmp_path / "once", [film])
    assert once["film"]["sections"]
    assert once == undisturbed(tmp_path / "twice", [film], SCENESEARCH_DELIVER_TWICE="1")

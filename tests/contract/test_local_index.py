"""The embedded index: the contract, and what only it promises."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from contract.processes import SPAWN
from contract.scene_index_contract import (
    DIMENSION,
    EMBEDDER,
    A,
    OpenAgain,
    SceneIndexContract,
    a_moment,
    direction,
    found,
    places,
    probe,
    put,
)
from scenesearch.backends.local import index as local_index
from scenesearch.backends.local.index import LocalIndex
from scenesearch.errors import ConfigurationError, Unavailable
from scenesearch.ports import Filters, SceneIndex
from scenesearch.video import VideoRef


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def index(path: Path) -> SceneIndex:
    return LocalIndex(path, EMBEDDER, DIMENSION)


@pytest.fixture
def other_index(path: Path) -> OpenAgain:
    return lambda embedder: LocalIndex(path, embedder, DIMENSION)


class TestLocalIndex(SceneIndexContract):
    pass


def write_until_killed(path: Path, video: int, begun: multiprocessing.synchronize.Event) -> None:
    index = LocalIndex(path, EMBEDDER, DIMENSION)
    for round_ in range(10_000):
        put(index, VideoRef(f"v{video}", 1), [f"car {round_}", f"tree {round_}"])
        begun.set()


def test_a_writer_that_is_killed_leaves_a_whole_chunk(path: Path, index: LocalIndex) -> None:
    begun = SPAWN.Event()
    writer = SPAWN.Process(target=write_until_killed, args=(path, 0, begun))
    writer.start()
    assert begun.wait(60)
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    numbers = {c.moment.text.split()[1] for c in index.read([VideoRef("v0", 1)], probe(index, "car"), 10)[VideoRef("v0", 1)]}
    assert len(numbers) == 1


def test_processes_write_at_the_same_time(path: Path, index: LocalIndex) -> None:
    events = [SPAWN.Event() for _ in range(3)]
    writers = [SPAWN.Process(target=write_until_killed, args=(path, n, event)) for n, event in enumerate(events)]
    for writer in writers:
        writer.start()
    try:
        assert all(event.wait(60) for event in events)
        hits = found(index, "car", limit=10)
        assert {hit.ref.video_id for hit in hits} == {"v0", "v1", "v2"}
    finally:
        for writer in writers:
            writer.kill()
            writer.join()


def test_small_changes_do_not_lay_out_everything_again(index: LocalIndex) -> None:
    for n in range(4):
        put(index, VideoRef(f"v{n}", 1), ["a car"] * 5)
    before = index.snapshot()
    put(index, VideoRef("new", 1), ["a new car"])
    index.remove("v0")
    after = index.snapshot()
    assert after.base.vectors is before.base.vectors
    assert (len(after.fresh), after.base.masked) == (1, 5)
    assert places(found(index, "new car"))[0] == ("new", 0, 0)
    assert "v0" not in {hit.ref.video_id for hit in found(index, "car", limit=100)}


def test_many_changes_are_laid_out_anew(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_index, "_SMALL", 8)
    put(index, A, ["a car"])
    index.snapshot()
    for n in range(4):
        put(index, VideoRef(f"v{n}", 1), ["a car"] * 5)
        found(index, "car")
    assert len(index.snapshot().base) > 8
    assert len(found(index, "car", limit=100)) == 21


def test_the_same_answers_before_and_after_laying_out_anew(path: Path, index: LocalIndex) -> None:
    rng = np.random.default_rng(3)
    vocabulary = [f"word{n}" for n in range(40)]
    index.snapshot()
    for n in range(30):
        texts = [" ".join(rng.choice(vocabulary, 6)) for _ in range(4)]
        put(index, VideoRef(f"v{n:02}", 1), texts, seeds=[int(s) for s in rng.integers(0, 50, 4)], collection=f"c{n % 3}")
        found(index, "word1")
    index.remove("v07")
    afresh = LocalIndex(path, EMBEDDER, DIMENSION)
    for text in ("word1 word2", "word3", ""):
        for filters in (Filters(), Filters(collections=frozenset({"c1"}))):
            one, other = (found(i, text, seed=5, filters=filters, limit=20) for i in (index, afresh))
            assert {(h.ref, h.number, round(h.strength, 3)) for h in one} == {(h.ref, h.number, round(h.strength, 3)) for h in other}


def test_dense_search_is_exact(index: LocalIndex) -> None:
    vectors = np.stack([direction(n) for n in range(2000)])
    index.replace(A, 0, [a_moment(A, n, "x") for n in range(2000)], vectors)
    asked = direction(123456)
    hits = index.find(probe(index, "", seed=123456), Filters(), 100, 100)
    exact = np.argsort(-(vectors @ asked))[:100]
    assert len({hit.number for hit in hits} & set(exact.tolist())) >= 99


def test_a_damaged_file_says_so(path: Path) -> None:
    path.write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises((ConfigurationError, Unavailable), match=r"index\.sqlite"):
        found(LocalIndex(path, EMBEDDER, DIMENSION), "car")

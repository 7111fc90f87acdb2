"""The catalog of one machine: the contract, and what only it promises."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sqlite3
from pathlib import Path

import pytest

from contract.catalog_contract import CatalogContract, planned
from contract.given import a_key, a_record, a_ref, a_video, long, together
from contract.processes import SPAWN, close_chunks, lease_and_wait
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.liveness import LivenessLock
from scenesearch.errors import Busy, ConfigurationError, Gone
from scenesearch.ports import Catalog
from waiting import eventually


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "catalog.db")


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return LocalCatalog(database)


class TestLocalCatalog(CatalogContract):
    pass


def killed_with_a_lease(database: Database, runtime: str = "") -> None:
    leased = SPAWN.Event()
    process = SPAWN.Process(target=lease_and_wait, args=(database, runtime, leased))
    process.start()
    assert leased.wait(30)
    with pytest.raises(Busy):
        LocalCatalog(database).lease(a_key(a_ref()), long())
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_the_lease_of_a_killed_process_is_free_at_once_and_not_held_against_the_section(database: Database, catalog: Catalog) -> None:
    planned(catalog)
    killed_with_a_lease(database)
    assert catalog.lease(a_key(a_ref()), long()).attempt == 1


def test_a_worker_that_dies_while_its_runtime_lives_counts_as_an_attempt(database: Database, catalog: Catalog) -> None:
    planned(catalog)
    runtime = LivenessLock(database.path.parent / "alive")
    killed_with_a_lease(database, runtime.name)
    assert catalog.lease(a_key(a_ref()), long()).attempt == 2
    runtime.release()


def test_processes_share_the_file(database: Database, catalog: Catalog) -> None:
    ref = planned(catalog, count=40)
    processes = [SPAWN.Process(target=close_chunks, args=(database, ref, start)) for start in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    video = catalog.generation(ref)
    assert video is not None
    assert not video.open_chunks


def test_a_forked_child_uses_a_connection_of_its_own(database: Database, catalog: Catalog) -> None:
    catalog.begin(a_video())
    child = multiprocessing.get_context("fork").Process(target=catalog.begin, args=(a_video(a_ref("v2")),))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert {video.ref.video_id for video in catalog.videos()} == {"v1", "v2"}


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    found = together(8, lambda _: list(LocalCatalog(Database(tmp_path / "new" / "catalog.db")).videos()))
    assert all(videos == [] for videos in found)


def test_an_error_undoes_its_whole_group(catalog: Catalog) -> None:
    ref = planned(catalog)

    def fail_at_last() -> None:
        with catalog.atomic():
            catalog.close_chunk(ref, 0)
            catalog.commit_section(a_record())
            catalog.close_chunk(a_ref("another"), 0)

    with pytest.raises(Gone):
        fail_at_last()
    video = catalog.generation(ref)
    assert video is not None
    assert video.open_chunks == frozenset({0, 1})
    assert catalog.sections(ref) == []


def test_an_error_in_an_inner_group_may_be_handled_in_the_outer(catalog: Catalog) -> None:
    ref = planned(catalog, count=3)
    with catalog.atomic():
        catalog.close_chunk(ref, 0)
        try:
            with catalog.atomic():
                catalog.close_chunk(ref, 1)
                catalog.close_chunk(a_ref("another"), 0)
        except Gone:
            catalog.close_chunk(ref, 2)
    video = catalog.generation(ref)
    assert video is not None
    assert video.open_chunks == frozenset({1})


def test_a_database_can_be_sent_to_another_process(database: Database, catalog: Catalog) -> None:
    catalog.begin(a_video())
    assert LocalCatalog(pickle.loads(pickle.dumps(database))).video("v1") == a_video()  # noqa: S301 (our own bytes)


def test_a_file_of_a_newer_version_is_refused(database: Database, catalog: Catalog) -> None:
    catalog.begin(a_video())
    with sqlite3.connect(database.path) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(ConfigurationError, match="newer scenesearch"):
        LocalCatalog(Database(database.path)).video("v1")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(ConfigurationError, match=r"catalog\.db is damaged"):
        LocalCatalog(Database(path)).video("v1")


def test_a_dead_process_leaves_no_presence_behind(database: Database, catalog: Catalog) -> None:
    planned(catalog)
    killed_with_a_lease(database)
    catalog.lease(a_key(a_ref()), long())
    eventually(lambda: len(list((database.path.parent / "alive").iterdir())) == 1)

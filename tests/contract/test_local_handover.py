"""Commit and publish on one machine: the contract, and that both are one transaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from contract.catalog_contract import planned, state_of
from contract.given import a_key
from contract.handover_contract import HandoverContract, Opened, killed_over
from contract.local_listener import QueueListener
from contract.publisher_contract import Listener
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.messages import ChunkWork
from scenesearch.ports import Catalog
from scenesearch.video import SectionState, VideoState


def opened_at(path: Path) -> tuple[Catalog, LocalQueue]:
    database = Database(path)
    return LocalCatalog(database), LocalQueue(database, backoff=timedelta(milliseconds=1), backoff_limit=timedelta(milliseconds=20))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return partial(opened_at, tmp_path / "catalog.db")


@pytest.fixture
def listener(publisher: LocalQueue) -> Listener:
    return QueueListener(publisher)


class TestLocalHandover(HandoverContract):
    def test_a_transition_without_its_message_is_undone(self, catalog: Catalog, opened: Opened) -> None:
        ref = planned(catalog, count=1)
        killed_over(opened, ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=0), before=True)
        assert catalog.section(a_key(ref)).state is SectionState.DONE
        assert state_of(catalog, ref) is VideoState.EXTRACTING

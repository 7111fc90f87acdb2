"""Commit and publish in the cloud (the emulators of Firestore and Pub/Sub): the contract, and that the one comes after the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import pytest
from google.cloud import firestore

from contract.catalog_contract import planned, state_of
from contract.gcp_listener import PullListener, new_project
from contract.handover_contract import HandoverContract, Opened, killed_over
from scenesearch.backends.gcp.catalog import FirestoreCatalog
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.messages import ChunkWork
from scenesearch.ports import Catalog, Publisher
from scenesearch.video import VideoState

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")


def opened_in(project: str) -> tuple[Catalog, Publisher]:
    """Finds the emulators through the environment that a process has from the one that started it."""
    return FirestoreCatalog(firestore.Client(project=project)), PubSubPublisher(project)


@pytest.fixture
def project() -> str:
    return new_project()


@pytest.fixture
def opened(project: str) -> Opened:
    return partial(opened_in, project)


@pytest.fixture
def listener(project: str) -> Iterator[PullListener]:
    listener = PullListener(project)
    yield listener
    listener.close()


class TestCloudHandover(HandoverContract):
    patience_s: ClassVar[float] = 40

    def test_a_transition_stays_without_its_message(self, catalog: Catalog, opened: Opened) -> None:
        """Two services have no transaction in common: state says what is due, and whoever comes next publishes it."""
        ref = planned(catalog, count=1)
        killed_over(opened, ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=0), before=True)
        assert state_of(catalog, ref) is VideoState.ASSEMBLING

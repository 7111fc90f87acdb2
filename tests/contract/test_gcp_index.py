"""The index in Firestore (its emulator): the contract, and what only it promises."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import numpy as np
import pytest
from google.cloud import firestore

from contract.exact_ranking import agreement
from contract.scene_index_contract import (
    DIMENSION,
    EMBEDDER,
    A,
    OpenAgain,
    SceneIndexContract,
    a_moment,
    found,
    places,
    probe,
    put,
)
from emulators import need_emulators
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.gcp.indexed_chunk import packed_words, unpacked_words
from scenesearch.errors import ConfigurationError
from scenesearch.moments import packed, unpacked
from scenesearch.ports import Filters, SceneIndex
from scenesearch.video import VideoRef


@pytest.fixture
def client() -> firestore.Client:
    need_emulators()
    return firestore.Client(project=f"p-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def index(client: firestore.Client) -> SceneIndex:
    return FirestoreIndex(client, EMBEDDER, DIMENSION)


@pytest.fixture
def other_index(client: firestore.Client) -> OpenAgain:
    return lambda embedder: FirestoreIndex(client, embedder, DIMENSION)


class TestFirestoreIndex(SceneIndexContract):
    pass


def test_what_is_packed_comes_back() -> None:
    made = [replace(a_moment(A, n, text, chunk=3), written=n == 1) for n, text in enumerate(["the red car", "赤い車 🎆", "x" * 3000])]
    assert unpacked(packed(made), A, 3, "default", "en") == made
    wordings = unpacked_words(packed_words(made))
    assert len(wordings) == 3
    assert wordings.postings.of_word("car")[0].tolist() == [0]


def test_nothing_is_left_of_what_was_replaced_or_removed(index: SceneIndex, client: firestore.Client) -> None:
    def documents() -> list[int]:
        return [len(list(client.collection(name).stream())) for name in ("moments", "shards")]

    put(index, A, ["red car", "red dog", "red pier"])
    assert documents() == [3, 1]
    put(index, A, ["grey clouds"])
    assert documents() == [1, 1]
    index.remove(A.video_id)
    assert documents() == [0, 0]


def test_a_removal_beside_an_addition_is_seen_by_others(index: SceneIndex, other_index: OpenAgain) -> None:
    """Their number stays the same."""
    other = other_index(EMBEDDER)
    put(index, A, ["red car"])
    assert places(found(other, "red")) == [("va", 0, 0)]
    index.remove(A.video_id)
    put(index, VideoRef("vz", 1), ["red pier"])
    assert places(found(other, "red")) == [("vz", 0, 0)]


def test_a_chunk_of_any_size_is_indexed(index: SceneIndex) -> None:
    letters = np.random.default_rng(5).integers(0x4E00, 0x9FFF, size=(600, 1500))
    texts = ["".join(map(chr, row)) for row in letters]
    made = put(index, A, texts)
    asked = replace(probe(index, texts[500][:10]), vector=np.zeros(DIMENSION, np.float32))
    assert index.find(asked, Filters(), 1, 1)[0].number == 500
    assert index.read([A], asked, 1)[A][0].moment == made[500]


def test_vectors_that_firestore_cannot_index_are_refused(client: firestore.Client) -> None:
    with pytest.raises(ConfigurationError, match="2048"):
        FirestoreIndex(client, "large", 3072)


def test_an_index_that_has_grown_too_large_says_so_once(client: firestore.Client, caplog: pytest.LogCaptureFixture) -> None:
    index = FirestoreIndex(client, EMBEDDER, DIMENSION, made_for=2)
    put(index, A, ["red car", "red dog"])
    assert found(index, "red")
    assert "Vertex AI Search" not in caplog.text
    put(index, A, ["red car", "red dog", "red pier"])
    assert len(found(index, "red")) == len(found(index, "red")) == 3
    assert caplog.text.count("choose Vertex AI Search") == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_ranking_agrees_with_the_exact_one(index: SceneIndex, record_property: pytest.RecordProperty) -> None:
    """`make proof` asks 20,000 moments."""
    figures = agreement(index, int(os.environ.get("PROOF_MOMENTS", "5000")), (100,))
    for name, figure in figures.items():
        record_property(name, figure)
    assert figures["recall_at_100"] >= 0.95, figures

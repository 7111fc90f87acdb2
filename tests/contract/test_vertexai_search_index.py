"""The index in Vertex AI Search: the contract over a stand-in that speaks the service's protocol, and what only it promises."""

from __future__ import annotations

import logging
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from contract.exact_ranking import agreement
from contract.scene_index_contract import (
    DIMENSION,
    EMBEDDER,
    SCALE,
    A,
    B,
    OpenAgain,
    SceneIndexContract,
    found,
    places,
    probe,
    put,
)
from emulators import need_emulators
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.vertexai_search.data_store import DataStore, full_name
from scenesearch.backends.vertexai_search.index import VertexSearchIndex
from scenesearch.backends.vertexai_search.ledger import Ledger
from scenesearch.backends.vertexai_search.schema import schema
from scenesearch.bootstrap import Application
from scenesearch.config import Backend, Settings
from scenesearch.doctor import Finding, examine
from scenesearch.errors import ConfigurationError, NotFound, Permanent, Unavailable
from scenesearch.ports import Filters, SceneIndex, Vectors
from scenesearch.ranking.words import words
from stand_ins.discoveryengine.faults import Fault
from stand_ins.discoveryengine.server import StandIn, serving

NAME = full_name("moments", "a-project")


class FixedEmbedder:
    """Only what an index asks of an embedder; nothing is embedded here."""

    name, dimension, scale = EMBEDDER, DIMENSION, SCALE

    def queries(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError

    passages = queries


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(NAME, schema(DIMENSION)) as running:
        yield running


@pytest.fixture
def database() -> firestore.Client:
    need_emulators()
    return firestore.Client(project=f"p-{uuid.uuid4().hex[:12]}")


def opened(stand_in: StandIn, database: firestore.Client, embedder: str = EMBEDDER, fresh_s: float = 5.0) -> VertexSearchIndex:
    store = DataStore.connect(NAME, AnonymousCredentials(), stand_in.address)
    return VertexSearchIndex(store, Ledger(database, embedder, DIMENSION), embedder, DIMENSION, fresh_s=fresh_s)


@pytest.fixture
def index(stand_in: StandIn, database: firestore.Client) -> SceneIndex:
    return opened(stand_in, database)


@pytest.fixture
def other_index(stand_in: StandIn, database: firestore.Client) -> OpenAgain:
    return lambda embedder: opened(stand_in, database, embedder)


class TestVertexSearchIndex(SceneIndexContract):
    pass


class TestWithAServiceThatTakesItsTime:
    """What was written is found a little later; what was removed is found a little longer."""

    def test_a_writer_waits_until_its_moments_can_be_found(self, stand_in: StandIn, index: SceneIndex) -> None:
        stand_in.store.lag_s = 0.4
        put(index, A, ["a car"])
        assert places(found(index, "car")) == [("va", 0, 0)]
        put(index, A, ["a walrus"])
        assert index.read([A], probe(index, "walrus"), 5)[A][0].moment.text == "a walrus"

    def test_a_writer_does_not_wait_for_ever(self, stand_in: StandIn, database: firestore.Client, caplog: pytest.LogCaptureFixture) -> None:
        stand_in.store.lag_s = 3600
        hasty = opened(stand_in, database, fresh_s=0.2)
        with caplog.at_level(logging.WARNING):
            put(hasty, A, ["a car"])
        assert "a chunk is found a little later" in caplog.text
        assert found(hasty, "car") == []
        stand_in.store.clock = lambda: 4e9
        assert places(found(hasty, "car")) == [("va", 0, 0)]

    def test_writing_many_chunks_does_not_wait_for_each(self, stand_in: StandIn, database: firestore.Client) -> None:
        stand_in.store.lag_s = 3600
        patient = opened(stand_in, database, fresh_s=2.0)
        began = time.monotonic()
        for chunk in range(6):
            put(patient, A, ["a car"], chunk=chunk)
        assert time.monotonic() - began < 9.0  # 12 s if it waited for each

    def test_what_was_removed_is_not_shown_though_the_service_still_finds_it(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        put(index, B, ["a car", "a red car"])
        stand_in.store.lag_s = 3600
        index.remove(A.video_id)
        assert {hit.ref for hit in found(index, "car")} == {B}
        assert index.read([A, B], probe(index, "car"), 5)[A] == []

    def test_moments_that_a_shorter_chunk_no_longer_has_are_not_shown(self, stand_in: StandIn, database: firestore.Client) -> None:
        hasty = opened(stand_in, database, fresh_s=0.1)
        put(hasty, A, ["a car", "a red car", "a blue car"])
        stand_in.store.lag_s = 3600
        put(hasty, A, ["a car"])
        assert places(found(hasty, "car")) == [("va", 0, 0)]

    def test_long_operations_are_waited_for(self, stand_in: StandIn, index: SceneIndex) -> None:
        stand_in.operation_s = 0.3
        put(index, A, ["a car"])
        assert places(found(index, "car")) == [("va", 0, 0)]
        assert stand_in.calls_of("GetOperation")
        index.clear()
        assert stand_in.store.stored == {}


class TestWithAServiceThatFails:
    @pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
    def test_a_short_fault_is_not_noticed(self, stand_in: StandIn, index: SceneIndex, code: grpc.StatusCode) -> None:
        methods = ("ImportDocuments", "GetDocument", "DeleteDocument", "Search")
        stand_in.goes_wrong(*(Fault(method=method, code=code, times=2) for method in methods))
        put(index, A, ["a car", "a tree"])
        put(index, A, ["a car"])
        assert places(found(index, "car")) == [("va", 0, 0)]

    def test_a_search_that_keeps_failing_is_unavailable(
        self, stand_in: StandIn, index: SceneIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from scenesearch.backends.vertexai_search import data_store

        monkeypatch.setattr(data_store, "_ASKING", data_store._ASKING.with_timeout(0.3))
        put(index, A, ["a car"])
        asked = probe(index, "car")
        stand_in.goes_wrong(Fault(method="Search", code=grpc.StatusCode.UNAVAILABLE, times=1_000))
        with pytest.raises(Unavailable, match="searching the index"):
            index.find(asked, Filters(), 10, 10)

    def test_moments_that_are_not_taken_are_an_error_that_names_one(self, stand_in: StandIn, index: SceneIndex) -> None:
        stand_in.goes_wrong(Fault(method="ImportDocuments", documents=frozenset({"va-1-0-1"})))
        with pytest.raises(Unavailable, match="1 of 3 moments: va-1-0-1"):
            put(index, A, ["a car", "a red car", "a blue car"])
        assert found(index, "car") == []
        put(index, A, ["a car", "a red car", "a blue car"])
        assert len(found(index, "car")) == 3

    def test_nothing_is_left_of_what_an_interrupted_writer_wrote(self, stand_in: StandIn, index: SceneIndex) -> None:
        stand_in.goes_wrong(Fault(method="ImportDocuments", documents=frozenset({"va-1-0-1"})))
        with pytest.raises(Unavailable):
            put(index, A, ["a car", "a red car", "a blue car"])
        assert stand_in.store.stored
        index.remove(A.video_id)
        assert stand_in.store.stored == {}

    def test_a_missing_data_store_says_so(self, stand_in: StandIn, database: firestore.Client) -> None:
        elsewhere = DataStore.connect(full_name("another", "a-project"), AnonymousCredentials(), stand_in.address)
        index = VertexSearchIndex(elsewhere, Ledger(database, EMBEDDER, DIMENSION), EMBEDDER, DIMENSION)
        with pytest.raises(NotFound, match="dataStores/another"):
            put(index, A, ["a car"])

    def test_vectors_of_another_size_than_the_schema_says_are_an_error(self, database: firestore.Client) -> None:
        fault = f"has {DIMENSION} numbers, the schema says {DIMENSION // 2}"
        with serving(NAME, schema(DIMENSION // 2)) as small, pytest.raises(Unavailable, match=fault):
            put(opened(small, database), A, ["a car"])


class TestHowItAsks:
    def test_a_question_costs_a_bounded_number_of_searches(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a red car"] * 30)
        stand_in.calls.clear()
        asked = probe(index, "red car")
        refs = {hit.ref for hit in index.find(asked, Filters(), 300, 5)}
        index.read(sorted(refs), asked, 40)
        assert len(stand_in.calls_of("Search")) == 7

    def test_candidates_are_ranked_by_vector_and_by_words(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a red car"])
        asked = replace(probe(index, "red car"), text="Where is the red car?")
        stand_in.calls.clear()
        index.find(asked, Filters(collections=frozenset({"default", 'a "b" \\c'}), language="en"), 10, 10)
        by_vector, by_words = sorted(
            (r for r in stand_in.calls_of("Search") if not r.offset), key=lambda r: len(r.embedding_spec.embedding_vectors), reverse=True
        )
        assert by_vector.ranking_expression == "1.0 * dotProduct(vector)"
        assert by_words.ranking_expression == "fill_nan(keyword_similarity_score, 0)"
        assert {by_vector.query, by_words.query} == {"Where is the red car?"}
        assert by_vector.filter == 'collection: ANY("a \\"b\\" \\\\c", "default") AND language: ANY("en")'
        assert by_words.filter.startswith(by_vector.filter + " AND words: ANY(")

    def test_many_words_are_counted_some_at_a_time(self, stand_in: StandIn, index: SceneIndex) -> None:
        text = " ".join(f"word{n}" for n in range(25))
        put(index, A, [text, "word3"])
        stand_in.calls.clear()
        shares = index.weigh(words(text)).shares
        assert len(shares) == 25
        assert shares["word3"] < shares["word4"]
        assert len(stand_in.calls_of("Search")) == 3

    def test_large_chunks_are_written_a_hundred_at_a_time(self, stand_in: StandIn, index: SceneIndex) -> None:
        made = put(index, A, [f"car {n}" for n in range(230)])
        assert [len(r.inline_source.documents) for r in stand_in.calls_of("ImportDocuments")] == [100, 100, 30]
        assert len(made) == len(stand_in.store.stored)
        index.remove(A.video_id)
        assert stand_in.store.stored == {}

    def test_a_long_or_broken_question_is_asked_all_the_same(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        asked = replace(probe(index, "car " * 50), text="\ud800 car" * 1000)
        assert len(index.find(asked, Filters(), 10, 10)) == 1

    def test_documents_of_others_are_passed_over(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        stand_in.store.put("somebody-elses", '{"text": "a car", "collection": "default"}')
        stand_in.store.put("va-1-0-7", '{"text": "a car", "collection": "default", "matched": "AAAA", "half": "", "rows": ""}')
        assert places(found(index, "car")) == [("va", 0, 0)]

    def test_the_schema_is_what_the_documents_need(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a car"], language="en")
        [document] = stand_in.store.stored.values()
        assert set(document) == set(schema(DIMENSION)["properties"])

    def test_vectors_that_the_service_cannot_search_are_refused(self, stand_in: StandIn, database: firestore.Client) -> None:
        with pytest.raises(ConfigurationError, match="768"):
            VertexSearchIndex(
                DataStore.connect(NAME, AnonymousCredentials(), stand_in.address), Ledger(database, "large", 3072), "large", 3072
            )

    def test_a_filter_that_the_service_does_not_know_is_no_silent_nothing(self, stand_in: StandIn, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        asked = probe(index, "car")
        properties = dict(stand_in.store.schema["properties"])
        stand_in.store.schema = {"properties": {**properties, "collection": {"type": "string"}}}
        with pytest.raises(Permanent, match="Unsupported field"):
            index.find(asked, Filters(collections=frozenset({"default"})), 10, 10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_ranking_agrees_with_the_exact_one(index: SceneIndex, record_property: pytest.RecordProperty) -> None:
    """Among its few candidates."""
    figures = agreement(index, int(os.environ.get("PROOF_MOMENTS", "5000")), (20, 100))
    for name, figure in figures.items():
        record_property(name, figure)
    assert figures["recall_at_20"] >= 0.95, figures


def index_chosen_by(settings: Settings, space: FixedEmbedder) -> SceneIndex:
    class WithEmbedder(Application):
        embedder = space  # type: ignore[assignment]

    return WithEmbedder(settings).index


def test_configuration_chooses_it(stand_in: StandIn, database: firestore.Client) -> None:
    settings = Settings(
        backend=Backend.GCP,
        gcp_project="a-project",
        vertexai_search_data_store="moments",
        vertexai_search_endpoint=stand_in.address,
    )
    embedder = FixedEmbedder()
    chosen = index_chosen_by(settings, embedder)
    assert isinstance(chosen, VertexSearchIndex)
    assert isinstance(index_chosen_by(settings.model_copy(update={"vertexai_search_data_store": ""}), embedder), FirestoreIndex)
    chosen.clear()
    put(chosen, A, ["a car"])
    assert places(found(chosen, "car")) == [("va", 0, 0)]


def test_a_missing_package_is_named(database: firestore.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scenesearch.backends.vertexai_search.data_store", None)
    settings = Settings(backend=Backend.GCP, gcp_project="a-project", vertexai_search_data_store="moments")
    with pytest.raises(ConfigurationError, match="install google-cloud-discoveryengine"):
        index_chosen_by(settings, FixedEmbedder())


@pytest.mark.parametrize(
    ("name", "location"), [("moments", "global"), ("projects/p/locations/eu/collections/default_collection/dataStores/m", "eu")]
)
def test_a_data_store_is_named_by_its_id_or_in_full(name: str, location: str) -> None:
    full = full_name(name, "p")
    assert full.split("/")[:4] == ["projects", "p", "locations", location]
    connected = DataStore.connect(full, AnonymousCredentials())
    assert connected.host == ("" if location == "global" else "eu-") + "discoveryengine.googleapis.com:443"


class TestTheDoctor:
    """Most faults of a data store show only as searches that find nothing, so they are looked for."""

    @pytest.fixture(autouse=True)
    def _chosen(self, stand_in: StandIn, database: firestore.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        chosen = {"BACKEND": "gcp", "GCP_PROJECT": "a-project", "VERTEXAI_SEARCH_DATA_STORE": "moments", "MODELS": "vertexai"}
        chosen |= {"VERTEXAI_EMBEDDING_DIMENSION": str(DIMENSION), "VERTEXAI_SEARCH_ENDPOINT": stand_in.address}
        for name, value in chosen.items():
            monkeypatch.setenv(f"SCENESEARCH_{name}", value)

    def finding(self) -> Finding:
        [found] = [finding for finding in examine() if finding.what == "Vertex AI Search"]
        return found

    def test_is_content_with_the_schema_of_the_infrastructure(self) -> None:
        assert self.finding() == Finding("Vertex AI Search", True, "moments: its schema is right")

    def test_names_the_fields_that_are_not_as_they_must_be(self, stand_in: StandIn) -> None:
        properties = schema(DIMENSION)["properties"]
        stand_in.store.schema = {
            "properties": {**properties, "collection": {"type": "string"}, "words": None} | {"rows": properties["rows"]}
        }
        found = self.finding()
        assert not found.ok
        assert "collection: " in found.state
        assert "words: absent" in found.state
        assert "rows" not in found.state

    def test_says_that_the_data_store_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE", "another")
        found = self.finding()
        assert (found.ok, "not found" in found.state, "vertex_ai_search" in found.advice) == (False, True, True)

    def test_says_that_a_package_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert "google-cloud-discoveryengine is missing" in self.finding().state

    def test_says_that_vectors_are_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SCENESEARCH_VERTEXAI_EMBEDDING_DIMENSION", "1024")
        assert "at most 768 numbers, not 1024" in self.finding().state

    def test_says_that_one_machine_does_not_use_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SCENESEARCH_BACKEND", "local")
        found = self.finding()
        assert (found.ok, found.needed) == (False, False)

"""Vectors through the real client: one for each text, of unit length, near for texts that are alike."""

from __future__ import annotations

import numpy as np
import pytest

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Unavailable
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import GeminiEmbedder
from scenesearch.ports import ScoreScale
from stand_ins.vertexai.control import Control

TEXTS = ["a red car burns on the pier", "赤い車が炎上する", "a slide about quarterly results"]


@pytest.fixture
def embedder(client: VertexClient, settings: Settings) -> GeminiEmbedder:
    return GeminiEmbedder(client, settings)


def test_every_text_has_a_vector_of_unit_length(embedder: GeminiEmbedder, settings: Settings) -> None:
    vectors = embedder.passages(TEXTS)
    assert vectors.shape == (3, settings.vertexai_embedding_dimension) == (3, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    assert abs(float(vectors[0] @ vectors[2])) < 0.6


def test_texts_are_contents_of_one_request_and_the_task_is_in_the_text(embedder: GeminiEmbedder, stand_in: Control) -> None:
    embedder.passages(TEXTS)
    (request,) = stand_in.requests()
    assert (request["method"], request["model"]) == ("batchEmbedContents", embedder.name)
    sent = [r["content"]["parts"] for r in request["body"]["requests"]]
    assert sent == [[{"text": f"title: none | text: {text}"}] for text in TEXTS]


def test_a_question_is_near_its_passage(embedder: GeminiEmbedder, stand_in: Control) -> None:
    passages, questions = embedder.passages(TEXTS), embedder.queries(["where does the red car burn?", "車の炎上"])
    assert [int(np.argmax(passages @ question)) for question in questions] == [0, 1]
    assert "task: search result | query: 車の炎上" in str(stand_in.requests()[-1]["body"])


def test_a_single_text_is_a_request_of_its_own_kind(embedder: GeminiEmbedder, stand_in: Control) -> None:
    embedder.queries(["red car"])
    assert [r["method"] for r in stand_in.requests()] == ["embedContent"]


def test_long_lists_go_in_batches(client: VertexClient, settings: Settings, stand_in: Control) -> None:
    embedder = GeminiEmbedder(client, settings.model_copy(update={"vertexai_embedding_batch": 4}))
    texts = [f"passage {n}" for n in range(10)]
    vectors = embedder.passages(texts)
    assert [len(r["body"].get("requests", [1])) for r in stand_in.requests()] == [4, 4, 2]
    assert vectors == pytest.approx(GeminiEmbedder(client, settings).passages(texts))


def test_nothing_to_embed_asks_nobody(embedder: GeminiEmbedder, stand_in: Control) -> None:
    assert embedder.passages([]).shape == (0, embedder.dimension)
    assert stand_in.requests() == []


@pytest.mark.parametrize("fault", [{"fault": "http", "status": 404}, {"fault": "http", "status": 400}, {"fault": "short_batch"}])
def test_where_batches_are_unknown_texts_go_one_by_one_from_then_on(
    fault: dict[str, object], embedder: GeminiEmbedder, client: VertexClient, settings: Settings, stand_in: Control
) -> None:
    expected = embedder.passages(TEXTS)
    other = GeminiEmbedder(client, settings)
    stand_in.script({**fault, "match": {"method": "batchEmbedContents"}})
    stand_in.forget()
    assert other.passages(TEXTS) == pytest.approx(expected)
    assert other.passages(TEXTS) == pytest.approx(expected)
    methods = [r["method"] for r in stand_in.requests()]
    assert (methods[0], methods.count("batchEmbedContents"), methods.count("embedContent")) == ("batchEmbedContents", 1, 6)


def test_a_vector_of_another_size_is_a_model_error(client: VertexClient, settings: Settings) -> None:
    embedder = GeminiEmbedder(client, settings.model_copy(update={"vertexai_embedding_dimension": 512}))
    with pytest.raises(ModelError, match="768 numbers, not 512"):
        embedder.queries(["red car"])


def test_embeddings_are_tried_again_too(embedder: GeminiEmbedder, stand_in: Control) -> None:
    stand_in.script({"fault": "http", "status": 429, "times": 1}, {"fault": "drop", "nth": [2]})
    assert embedder.passages(TEXTS).shape[0] == 3
    stand_in.script({"fault": "http", "status": 503})
    with pytest.raises(Unavailable):
        embedder.queries(["red car"])


def test_its_scale_is_what_the_settings_say(client: VertexClient, settings: Settings) -> None:
    measured = settings.model_copy(update={"vertexai_embedding_unrelated": 0.41, "vertexai_embedding_spread": 0.05})
    assert GeminiEmbedder(client, measured).scale == ScoreScale(mean=0.41, std=0.05)

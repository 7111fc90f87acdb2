"""The index in Firestore (its emulator): what only it promises."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import numpy as np
import pytest
from google.cloud import firestore
from numpy.typing import NDArray

from emulators import need_emulators
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.gcp.indexed_chunk import ChunkOfIndex, packed_rows, packed_words, unpacked_rows, unpacked_words
from scenesearch.errors import ConfigurationError, IndexMismatch
from scenesearch.lexical.analysis import words
from scenesearch.lexical.bm25 import Postings
from scenesearch.metadata import Entry, Section
from scenesearch.ports import Filters, Likeness, Moment, Probe
from scenesearch.rows import rows_of
from scenesearch.timeline import Span
from scenesearch.video import VideoRef

DIMENSION = 384
LIKENESS = Likeness(unrelated=0.0, spread=0.05)
SENTENCES = """
red car explodes in the harbour while a dog runs along the pier under grey clouds and someone shouts about the budget of next year
学校の教室で先生が黒板に数式を書いている 港で赤い車が爆発する 来年度の予算について会議で話す 祭りの夜に花火が上がる
"""
WORDS = SENTENCES.split()


@pytest.fixture
def client() -> firestore.Client:
    need_emulators()
    return firestore.Client(project=f"p-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def index(client: firestore.Client) -> FirestoreIndex:
    return FirestoreIndex(client, "an embedder", DIMENSION)


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def moments(ref: VideoRef, chunk: int, texts: list[str], collection: str = "default", language: str | None = "en") -> list[Moment]:
    """One moment a text, of one entry."""
    made = []
    for number, text in enumerate(texts):
        entry = Entry(section=list(Section)[2 + number % 3], span=Span(number * 1000, number * 1000 + 900), text=text)
        row = rows_of([entry])[0]
        made.append(Moment(ref=ref, collection=collection, language=language, chunk=chunk, number=number, first_row=number, rows=(row,)))
    return made


def fill(index: FirestoreIndex, ref: VideoRef, chunk: int, texts: list[str], **more: str) -> list[Moment]:
    made = moments(ref, chunk, texts, **more)
    index.replace(ref, chunk, made, unit_vectors(len(made), seed=chunk))
    return made


def probe(index: FirestoreIndex, query: str, vector: NDArray[np.float32], *, phrases: tuple[str, ...] = ()) -> Probe:
    quoted = tuple(tuple(words(phrase)) for phrase in phrases)
    return Probe(vector=vector, likeness=LIKENESS, words=index.weigh(words(query)), phrases=quoted)


def found(index: FirestoreIndex, query: str, filters: Filters | None = None, **more: tuple[str, ...]) -> list[tuple[str, int, int]]:
    hits = index.find(probe(index, query, unit_vectors(1, seed=99)[0], **more), filters or Filters(), 100, 100)
    return [(hit.ref.video_id, hit.chunk, hit.number) for hit in hits]


def test_what_is_packed_comes_back() -> None:
    made = moments(VideoRef("v", 1), 3, ["the red car", "赤い車 🎆", "x" * 3000])
    where = ChunkOfIndex(VideoRef("v", 1), 3, "default", "en")
    assert unpacked_rows(packed_rows(made), where) == made
    wordings = unpacked_words(packed_words(made))
    assert len(wordings) == 3
    assert wordings.postings.of_word("car")[0].tolist() == [0]


def test_words_and_vectors_count_together(index: FirestoreIndex) -> None:
    made = fill(index, VideoRef("v1", 1), 0, ["a dog on the pier", "the red car explodes", "港で赤い車が爆発する"])
    vectors = unit_vectors(3, seed=0)
    assert found(index, "red car")[0] == ("v1", 0, 1)
    assert found(index, "赤い車")[0] == ("v1", 0, 2)
    nearest = index.find(probe(index, "", vectors[0]), Filters(), 10, 10)
    assert (nearest[0].number, nearest[0].sections) == (0, {made[0].entries[0].section})
    assert nearest[0].strength == pytest.approx(1 / LIKENESS.spread, rel=1e-3)


def test_a_quoted_phrase_must_be_there(index: FirestoreIndex) -> None:
    fill(index, VideoRef("v1", 1), 0, ["the red car explodes", "a red dog", "来年度の予算", "来年の祭り"])
    assert found(index, "red car", phrases=("red car",)) == [("v1", 0, 0)]
    assert found(index, "来年度の予算", phrases=("来年度",)) == [("v1", 0, 2)]


def test_filters_leave_out_what_they_say(index: FirestoreIndex) -> None:
    fill(index, VideoRef("v1", 1), 0, ["the red car"], collection="a", language="en")
    fill(index, VideoRef("v2", 1), 1, ["the red car"], collection="b", language="ja")
    fill(index, VideoRef("v3", 1), 2, ["the red car"], collection="c", language="ja")

    def videos(filters: Filters) -> set[str]:
        return {video for video, _, _ in found(index, "red car", filters)}

    assert videos(Filters()) == {"v1", "v2", "v3"}
    assert videos(Filters(collections=frozenset({"a", "b", "nowhere"}))) == {"v1", "v2"}
    assert videos(Filters(collections=frozenset())) == set()
    assert videos(Filters(language="ja")) == {"v2", "v3"}
    assert videos(Filters(collections=frozenset({"a", "c"}), language="ja")) == {"v3"}
    assert videos(Filters(video_id="v2")) == {"v2"}
    assert videos(Filters(video_id="v2", collections=frozenset({"a"}))) == set()


def test_a_chunk_that_is_indexed_again_leaves_nothing_of_before(index: FirestoreIndex, client: firestore.Client) -> None:
    fill(index, VideoRef("v1", 1), 0, ["red car", "red dog", "red pier"])
    fill(index, VideoRef("v1", 1), 0, ["grey clouds"])
    assert found(index, "red") == [("v1", 0, 0)]
    assert len(list(client.collection("moments").stream())) == 1
    fill(index, VideoRef("v1", 1), 0, [])
    assert found(index, "grey clouds") == []


def test_another_process_sees_changes_at_its_next_question(index: FirestoreIndex, client: firestore.Client) -> None:
    other = FirestoreIndex(client, "an embedder", DIMENSION)
    fill(index, VideoRef("v1", 1), 0, ["red car"])
    fill(index, VideoRef("v2", 1), 1, ["red dog"])
    assert {video for video, _, _ in found(other, "red")} == {"v1", "v2"}
    index.remove("v1")
    assert {video for video, _, _ in found(other, "red")} == {"v2"}
    index.remove("v2")
    fill(index, VideoRef("v3", 1), 0, ["red pier"])
    assert {video for video, _, _ in found(other, "red")} == {"v3"}


def test_one_generation_goes_and_the_other_stays(index: FirestoreIndex) -> None:
    old, new = VideoRef("v1", 1), VideoRef("v1", 2)
    fill(index, old, 0, ["red car"])
    fill(index, new, 0, ["red car"])
    index.remove("v1", 1)
    hits = index.find(probe(index, "red", unit_vectors(1)[0]), Filters(), 10, 10)
    assert [hit.ref for hit in hits] == [new]
    assert list(index.read([old, new], probe(index, "red", unit_vectors(1)[0]), 5)) == [old, new]


def test_no_video_gets_more_than_its_share(index: FirestoreIndex) -> None:
    fill(index, VideoRef("long", 1), 0, ["red car"] * 50)
    fill(index, VideoRef("short", 1), 1, ["red"])
    hits = index.find(probe(index, "red car", unit_vectors(1, seed=7)[0]), Filters(), 10, 3)
    assert sorted(hit.ref.video_id for hit in hits) == ["long", "long", "long", "short"]


def test_reading_gives_the_entries_of_the_strongest(index: FirestoreIndex) -> None:
    made = fill(index, VideoRef("v1", 1), 0, ["a dog", "the red car explodes", "grey clouds"])
    fill(index, VideoRef("v2", 1), 1, ["the red car"])
    asked = probe(index, "red car", unit_vectors(3, seed=0)[1])
    candidates = index.read([VideoRef("v1", 1)], asked, 2)[VideoRef("v1", 1)]
    assert candidates[0].moment == made[1]
    assert candidates[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert len(candidates) == 2


def test_a_chunk_of_any_size_is_indexed(index: FirestoreIndex) -> None:
    letters = np.random.default_rng(5).integers(0x4E00, 0x9FFF, size=(600, 1500))
    texts = ["".join(map(chr, row)) for row in letters]
    made = fill(index, VideoRef("v1", 1), 0, texts)
    asked = replace(probe(index, texts[500][:10], unit_vectors(1, seed=99)[0]), lexical=100.0)
    assert index.find(asked, Filters(), 1, 1)[0].number == 500
    assert index.read([VideoRef("v1", 1)], asked, 1)[VideoRef("v1", 1)][0].moment == made[500]


def test_another_embedder_is_refused_until_the_index_is_cleared(index: FirestoreIndex, client: firestore.Client) -> None:
    fill(index, VideoRef("v1", 1), 0, ["red car"])
    other = FirestoreIndex(client, "another", DIMENSION)
    with pytest.raises(IndexMismatch, match="reindex"):
        other.weigh(["red"])
    with pytest.raises(IndexMismatch):
        fill(other, VideoRef("v2", 1), 0, ["red car"])
    other.clear()
    fill(other, VideoRef("v2", 1), 0, ["red car"])
    assert found(other, "red") == [("v2", 0, 0)]


def test_vectors_that_firestore_cannot_index_are_refused(client: firestore.Client) -> None:
    with pytest.raises(ConfigurationError, match="2048"):
        FirestoreIndex(client, "large", 3072)


def test_an_empty_index_finds_nothing(index: FirestoreIndex) -> None:
    assert found(index, "red") == []
    assert index.weigh(["red"]).average_length == 1.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_ranking_agrees_with_the_exact_one(client: firestore.Client) -> None:
    """Recall of the exact hundred strongest, averaged over questions of different kinds. `make proof` asks 20,000 moments."""
    count, per_chunk, dimension = int(os.environ.get("PROOF_MOMENTS", "5000")), 100, 64
    index = FirestoreIndex(client, "an embedder", dimension)
    random = np.random.default_rng(3)
    centres = unit_vectors(40, seed=11, dimension=dimension)
    vectors = centres[random.integers(0, 40, count)] + 0.7 * unit_vectors(count, seed=12, dimension=dimension)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [" ".join(random.choice(WORDS, 12)) for _ in range(count)]
    for chunk, start in enumerate(range(0, count, per_chunk)):
        ref = VideoRef(f"v{chunk // 4}", 1)
        index.replace(ref, chunk, moments(ref, chunk, texts[start : start + per_chunk]), vectors[start : start + per_chunk])
    postings = Postings.of([words(text) for text in texts])
    recalls = []
    for number in range(12):
        asked = centres[number] + 0.3 * unit_vectors(1, seed=100 + number, dimension=dimension)[0]
        query = " ".join(random.choice(WORDS, number % 4))
        question = probe(index, query, (asked / np.linalg.norm(asked)).astype(np.float32))
        strengths = vectors @ question.vector / LIKENESS.spread
        strengths += question.lexical * postings.scores(question.words.shares, question.words.average_length, 0, count)
        exact = {(int(i) // per_chunk, int(i) % per_chunk) for i in np.argsort(-strengths)[:100]}
        hits = {(hit.chunk, hit.number) for hit in index.find(question, Filters(), 100, 100)}
        recalls.append(len(exact & hits) / 100)
    assert np.mean(recalls) >= 0.95, recalls

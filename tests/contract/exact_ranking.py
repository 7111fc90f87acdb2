"""How much of the exact ranking an index finds, over moments and questions of a seeded script."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract.scene_index_contract import DIMENSION, SCALE, a_moment, direction, probe
from scenesearch.ports import Filters, SceneIndex
from scenesearch.ranking.bm25 import Postings
from scenesearch.ranking.strength import LEXICAL
from scenesearch.ranking.words import words
from scenesearch.video import VideoRef

SENTENCES = """
red car explodes in the harbour while a dog runs along the pier under grey clouds and someone shouts about the budget of next year
学校の教室で先生が黒板に数式を書いている 港で赤い車が爆発する 来年度の予算について会議で話す 祭りの夜に花火が上がる
"""
WORDS = SENTENCES.split()
QUESTIONS, PER_CHUNK = 12, 100


def agreement(index: SceneIndex, count: int, depths: Sequence[int]) -> dict[str, float]:
    """Recall of the exact strongest among as many found (`recall_at_N` averaged over questions of different kinds, `worst_…`),
    of `count` moments that this puts into the index; and the median seconds of a question."""
    random = np.random.default_rng(3)
    centres = unit_vectors(40, seed=11)
    vectors = centres[random.integers(0, 40, count)] + 0.7 * unit_vectors(count, seed=12)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [" ".join(random.choice(WORDS, 12)) for _ in range(count)]
    for chunk, start in enumerate(range(0, count, PER_CHUNK)):
        ref = VideoRef(f"v{chunk // 4}", 1)
        moments = [a_moment(ref, n, text, chunk=chunk) for n, text in enumerate(texts[start : start + PER_CHUNK])]
        index.replace(ref, chunk, moments, vectors[start : start + PER_CHUNK])
    postings = Postings.of([words(text) for text in texts])
    recalls: dict[int, list[float]] = {most: [] for most in depths}
    seconds = []
    for number in range(QUESTIONS):
        asked = centres[number] + 0.3 * direction(100 + number)
        query = " ".join(random.choice(WORDS, number % 4))
        question = replace(probe(index, query), vector=(asked / np.linalg.norm(asked)).astype(np.float32))
        strengths = vectors @ question.vector / SCALE.std
        strengths += LEXICAL * postings.scores(question.words.shares, question.words.average_length, 0, count)
        order = np.argsort(-strengths)
        for most, recall in recalls.items():
            exact = {(int(i) // PER_CHUNK, int(i) % PER_CHUNK) for i in order[:most]}
            begun = time.monotonic()
            hits = {(hit.chunk, hit.number) for hit in index.find(question, Filters(), most, 100)}
            seconds.append(time.monotonic() - begun)
            recall.append(len(exact & hits) / most)
    figures = {"moments": float(count), "query_p50_s": round(float(np.median(seconds)), 3)}
    for most, recall in recalls.items():
        figures |= {f"recall_at_{most}": round(float(np.mean(recall)), 4), f"worst_recall_at_{most}": min(recall)}
    return figures


def unit_vectors(count: int, seed: int) -> NDArray[np.float32]:
    """Shape (count, DIMENSION)."""
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit

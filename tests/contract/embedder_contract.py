"""What every `Embedder` promises. A set of models subclasses `EmbedderContract` and gives it the fixture `embedder`."""

from __future__ import annotations

import numpy as np

from contract.given import together
from scenesearch.ports import Embedder, Vectors

PASSAGES = [
    "The red car hits the wall and explodes.",
    "Let us talk about the budget for next year.",
    "Hot noodles, eight hundred yen a bowl.",
    "花火で一日が終わります",
]


def unit(vectors: Vectors) -> bool:
    return bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3))


class EmbedderContract:
    """Subclass as `TestXEmbedder`."""

    def test_shape_and_length(self, embedder: Embedder) -> None:
        for vectors in (embedder.passages(PASSAGES), embedder.queries(PASSAGES)):
            assert (vectors.shape, vectors.dtype) == ((4, embedder.dimension), np.float32)
            assert unit(vectors)

    def test_nothing_gives_nothing(self, embedder: Embedder) -> None:
        assert embedder.passages([]).shape == (0, embedder.dimension)
        assert embedder.queries([]).shape == (0, embedder.dimension)

    def test_order_is_kept_whatever_the_lengths(self, embedder: Embedder) -> None:
        texts = [text * (1 + n % 3) for n, text in enumerate(PASSAGES * 12)]
        together_, alone = embedder.passages(texts), np.concatenate([embedder.passages([text]) for text in texts[:6]])
        assert np.all(np.sum(together_[:6] * alone, axis=1) > 0.99)

    def test_a_question_is_nearest_to_its_answer(self, embedder: Embedder) -> None:
        passages = embedder.passages(PASSAGES)
        asked = embedder.queries(["car explosion", "money for the coming year", "price of noodles", "fireworks at the end of the day"])
        assert (asked @ passages.T).argmax(axis=1).tolist() == [0, 1, 2, 3]

    def test_likeness_tells_related_from_unrelated(self, embedder: Embedder) -> None:
        passages = embedder.passages(PASSAGES)
        [asked] = embedder.queries(["the red car explodes"])
        scale = embedder.scale
        strengths = (passages @ asked - scale.mean) / scale.std
        assert strengths[0] > 3
        assert strengths[0] - strengths[1:].max() > 2

    def test_odd_texts_are_embedded_too(self, embedder: Embedder) -> None:
        odd = ["", " ", "\x00", "a\x00b", "\ud800", "🎆", "x" * 100_000, "\n\t"]
        assert unit(embedder.passages(odd))
        assert unit(embedder.queries(odd))

    def test_threads_may_share_it(self, embedder: Embedder) -> None:
        [expected] = embedder.queries([PASSAGES[0]])
        for [vector] in together(4, lambda _: embedder.queries([PASSAGES[0]])):
            assert np.allclose(vector, expected, atol=1e-3)

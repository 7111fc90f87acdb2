"""A moment as a structured document, and back."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scenesearch.backends.gcp.documents import generation_id
from scenesearch.backends.gcp.indexed_chunk import (
    ChunkOfIndex,
    Wordings,
    packed_words,
    unpacked_words,
)
from scenesearch.backends.vertexai_search.schema import COLLECTION, HALF, LANGUAGE, MATCHED, REF, ROWS, TEXT, VECTOR, VIDEO_ID, WORDS
from scenesearch.moments import Moment, packed, unpacked
from scenesearch.ranking.words import word_id, words
from scenesearch.video import VideoRef

_DIGITS = 6
"""Of each number of the vector that is searched: more than half precision holds."""


@dataclass(frozen=True, slots=True)
class FoundMoment:
    """A moment as a search gives it back: what its strength is made of, and its rows, still packed."""

    chunk: ChunkOfIndex
    number: int
    wordings: Wordings
    vector: NDArray[np.float32]
    rows: str

    @classmethod
    def of(cls, document_id: str, fields: Mapping[str, Any]) -> Self:
        """Raises `ValueError` or `KeyError` for a document that is not a moment of ours."""
        video_id, generation, chunk, number = document_id.rsplit("-", 3)
        language = fields.get(LANGUAGE)
        return cls(
            chunk=ChunkOfIndex(VideoRef(video_id, int(generation)), int(chunk), str(fields[COLLECTION]), language and str(language)),
            number=int(number),
            wordings=unpacked_words(b64decode(fields[MATCHED])),
            vector=np.frombuffer(b64decode(fields[HALF]), np.float16).astype(np.float32),
            rows=str(fields[ROWS]),
        )

    def moment(self) -> Moment:
        """The moment as it was put."""
        chunk = self.chunk
        [moment] = unpacked(b64decode(self.rows), chunk.ref, chunk.number, chunk.collection, chunk.language)
        return replace(moment, number=self.number)


def document_id(ref: VideoRef, chunk: int, number: int) -> str:
    """The same for the same place: writing it again replaces it. Letters, digits and hyphens (RFC 1034), as the service asks."""
    return f"{ref.video_id}-{ref.generation}-{chunk}-{number}"


def json_document(moment: Moment, vector: NDArray[np.float32]) -> str:
    """The document of a moment. A language that is not known is left out, so that no filter finds it."""
    told = words(" ".join(entry.text for entry in moment.entries))
    fields = {
        REF: generation_id(moment.ref),
        VIDEO_ID: moment.ref.video_id,
        COLLECTION: moment.collection,
        WORDS: sorted({word_key(word) for word in told}),
        TEXT: moment.text,
        VECTOR: [round(float(value), _DIGITS) for value in vector],
        MATCHED: b64encode(packed_words([moment])).decode(),
        HALF: b64encode(vector.astype(np.float16).tobytes()).decode(),
        ROWS: b64encode(packed([moment])).decode(),
    }
    if moment.language is not None:
        fields[LANGUAGE] = moment.language
    return json.dumps(fields)


def word_key(word: str) -> str:
    """A word in filters and facets: its id, so that no script, quote or operator can come between."""
    return f"{word_id(word):08x}"

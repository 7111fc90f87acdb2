"""The fields of a moment in the data store, and what the service does with each of them.

Nothing of Google is imported here, so that the infrastructure can make the data store from the same schema that writes to it.
"""

from __future__ import annotations

from typing import Any

LARGEST_DIMENSION = 768
"""The most numbers that an embedding of one's own may have (documentation of "custom embeddings")."""

REF = "ref"
VIDEO_ID = "video_id"
COLLECTION = "collection"
LANGUAGE = "language"
WORDS = "words"
"""The words of a moment as the product tells them apart, each by its id in hex: what is filtered and counted by."""
TEXT = "text"
VECTOR = "vector"
MATCHED = "matched"
"""Postings and sections, packed: what a strength is made of, beside the vector."""
HALF = "half"
"""The vector once more, in half precision and packed: the service never gives back the one that it searches."""
ROWS = "rows"

SCHEMA_ID = "default_schema"
"""A data store has one schema, and this is its name."""


def schema(dimension: int) -> dict[str, Any]:
    """The JSON schema of the data store. It must be there before the first document: the service drops fields that it does not know.

    What is said of an array stands in its `items` (documentation of "configure field settings"); an embedding is the exception.
    """
    filtered = {"type": "string", "indexable": True}
    told = {**filtered, "retrievable": True}
    given_back = {"type": "string", "retrievable": True}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            REF: filtered,
            VIDEO_ID: filtered,
            COLLECTION: told,
            LANGUAGE: told,
            WORDS: {"type": "array", "items": {"type": "string", "indexable": True, "dynamicFacetable": True}},
            TEXT: {"type": "string", "searchable": True},
            VECTOR: {"type": "array", "keyPropertyMapping": "embedding_vector", "dimension": dimension, "items": {"type": "number"}},
            MATCHED: given_back,
            HALF: given_back,
            ROWS: given_back,
        },
    }

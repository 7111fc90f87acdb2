"""What is asked of the service, in its filter language (documentation of "filter search for structured data")."""

from __future__ import annotations

from collections.abc import Iterable

from scenesearch.backends.vertexai_search.documents import word_key
from scenesearch.backends.vertexai_search.schema import COLLECTION, LANGUAGE, VIDEO_ID, WORDS
from scenesearch.ports import Filters


def any_of(field: str, values: Iterable[str]) -> str:
    """That the field holds one of these values, whatever characters they are made of."""
    return f"{field}: ANY({', '.join(_quoted(value) for value in sorted(values))})"


def all_of(conditions: Iterable[str]) -> str:
    """That every condition holds; an empty text when there is none."""
    return " AND ".join(conditions)


def filtered(filters: Filters, phrases: Iterable[Iterable[str]]) -> list[str]:
    """The conditions of a question: its filters, and every word of its phrases."""
    conditions = [any_of(WORDS, [word_key(word)]) for word in sorted({word for phrase in phrases for word in phrase})]
    if filters.collections is not None:
        conditions.append(any_of(COLLECTION, filters.collections))
    if filters.language is not None:
        conditions.append(any_of(LANGUAGE, [filters.language]))
    if filters.video_id is not None:
        conditions.append(any_of(VIDEO_ID, [filters.video_id]))
    return conditions


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

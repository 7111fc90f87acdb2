"""What the contract tests look at beside the answers: requests that only the emulator would answer are faults."""

from __future__ import annotations

import uuid

import pytest
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from contract.firestore_requests import Requests
from emulators import need_emulators
from scenesearch.backends.gcp.queries import GENERATIONS


@pytest.fixture
def generations(firestore_indexes: Requests) -> firestore.CollectionReference:
    need_emulators()
    return firestore.Client(project=f"p-{uuid.uuid4().hex[:12]}").collection(GENERATIONS)


def faults(seen: Requests) -> list[str]:
    """What was found, forgotten afterwards: here it is no fault of the code."""
    found = seen.faults()
    for one in (seen.needed, seen.asked, seen.large):
        one.clear()
    return found


def test_a_query_on_the_list_is_no_fault(generations: firestore.CollectionReference, firestore_indexes: Requests) -> None:
    stalled = generations.where(filter=FieldFilter("state", "in", ["splitting"])).where(filter=FieldFilter("updated_at", "<", 1))
    assert list(stalled.order_by("updated_at").stream()) == []
    assert firestore_indexes.needed
    assert faults(firestore_indexes) == []


def test_a_query_that_is_not_on_the_list_is_a_fault(generations: firestore.CollectionReference, firestore_indexes: Requests) -> None:
    unlisted = generations.where(filter=FieldFilter("state", "==", "ready")).order_by("title")
    assert list(unlisted.stream()) == []
    [fault] = faults(firestore_indexes)
    assert fault.startswith("no index for")
    assert "title" in fault


def test_asking_by_a_field_without_an_index_is_a_fault(generations: firestore.CollectionReference, firestore_indexes: Requests) -> None:
    assert list(generations.where(filter=FieldFilter("error", "==", "?")).stream()) == []
    assert faults(firestore_indexes) == ["('generations', 'error') is asked by, but not indexed"]


def test_a_large_text_whose_index_is_not_spared_is_a_fault(generations: firestore.CollectionReference, firestore_indexes: Requests) -> None:
    generations.document("one").set({"title": "long " * 400})
    assert faults(firestore_indexes) == ["('generations', 'title') is large: spare its index"]

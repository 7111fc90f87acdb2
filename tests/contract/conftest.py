"""Every request to Firestore is looked at: would the cloud answer it as its emulator does?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def firestore_indexes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a test of what lies in Firestore: every query has its index, and no large text is indexed."""
    if "gcp" not in request.module.__name__:
        yield
        return
    from google.cloud.firestore_v1.services.firestore.client import FirestoreClient

    from contract.firestore_requests import Requests

    seen = Requests()
    run_query, aggregate, commit = FirestoreClient.run_query, FirestoreClient.run_aggregation_query, FirestoreClient.commit

    def queried(client: Any, *, request: Any, **more: Any) -> Any:
        seen.query(request["structured_query"])
        return run_query(client, request=request, **more)

    def counted(client: Any, *, request: Any, **more: Any) -> Any:
        seen.query(request["structured_aggregation_query"].structured_query)
        return aggregate(client, request=request, **more)

    def committed(client: Any, *, request: Any, **more: Any) -> Any:
        seen.write(request["writes"])
        return commit(client, request=request, **more)

    monkeypatch.setattr(FirestoreClient, "run_query", queried)
    monkeypatch.setattr(FirestoreClient, "run_aggregation_query", counted)
    monkeypatch.setattr(FirestoreClient, "commit", committed)
    yield
    assert seen.faults() == []

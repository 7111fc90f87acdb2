"""Says at the end which promise was kept by which backend, and looks at every request to Firestore: would the cloud answer it too?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from contract.firestore_requests import Requests

OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tests of every suite that more than one backend ran."""
    suites = _suites(terminalreporter)
    for name in sorted(name for name, backends in suites.items() if len(backends) > 1):
        backends = suites[name]
        terminalreporter.section(f"{name}: {', '.join(sorted(backends))}")
        for test in dict.fromkeys(test for outcomes in backends.values() for test in outcomes):
            kept = "  ".join(f"{backend}: {backends[backend].get(test, 'not run')}" for backend in sorted(backends))
            terminalreporter.write_line(f"{test}  {kept}")


def _suites(reporter: pytest.TerminalReporter) -> dict[str, dict[str, dict[str, str]]]:
    """Suite ▸ backend's class ▸ test ▸ outcome."""
    suites: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for outcome in OUTCOMES:
        for report in reporter.stats.get(outcome, ()):
            suite = next((value for name, value in getattr(report, "user_properties", ()) if name == "contract"), None)
            if suite is not None:
                _, backend, test = report.nodeid.split("::", 2)
                suites[suite][backend.removeprefix("Test")][test] = outcome
    return suites


@pytest.fixture(autouse=True)
def contract(request: pytest.FixtureRequest, record_property: pytest.RecordProperty) -> None:
    """Marks a test that a backend's class has from a contract."""
    suites = [base.__name__ for base in getattr(request.cls, "__mro__", ()) if base.__name__.endswith("Contract")]
    if suites:
        record_property("contract", suites[-1])


@pytest.fixture(autouse=True)
def firestore_indexes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    """After a test of what lies in Firestore: every query has its index, and no large text is indexed."""
    seen = Requests()
    if "gcp" not in request.module.__name__:
        yield seen
        return
    from google.cloud.firestore_v1.services.firestore.client import FirestoreClient

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
    yield seen
    assert seen.faults() == []

"""Says at the end which promise was kept by which backend: one line a test of a contract, one word a backend."""

from __future__ import annotations

from collections import defaultdict

import pytest

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

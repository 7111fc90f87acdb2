"""Fifty people at once ask `scenesearch serve` with the real local models: nobody is refused, and memory stays flat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.load import fill, load
from benchmarks.served import served

CLIENTS, SECONDS = 50, 30
GROWTH_MB = 32
"""What threads may still take for themselves after the first quarter of the time: no answer leaves anything behind."""


@pytest.mark.slow
def test_fifty_clients_for_half_a_minute(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    fill(tmp_path / "home")
    with served(tmp_path / "home") as server:
        figures = load(server, CLIENTS, SECONDS)
    for name, value in figures.items():
        record_property(name, value)
    assert figures["faults"] == 0, figures["what_failed"]
    assert figures["answers"] >= CLIENTS, "everybody is answered"  # type: ignore[operator]
    assert figures["growth_mb"] <= GROWTH_MB, figures  # type: ignore[operator]

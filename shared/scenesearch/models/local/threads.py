"""The number of threads of a model, so that worker processes share the processors."""

from __future__ import annotations

import os

from scenesearch.config import Settings


def threads(settings: Settings) -> int:
    """Return this worker's share of the processors that the process may run on, at least 1."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, processors // settings.workers)

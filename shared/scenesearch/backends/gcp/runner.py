"""Waiting for the functions of the cloud: they do the work, wherever the question is asked from."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from scenesearch.errors import ConfigurationError

LOOK_S = 2.0
"""Seconds between two looks at what the cloud has done: each look reads the catalog, which is paid for."""


class CloudRunner:
    """The `Runner` port over functions that run elsewhere."""

    def __enter__(self) -> Self:
        """Raises `ConfigurationError`: nothing runs here."""
        raise ConfigurationError("SCENESEARCH_BACKEND=gcp: its functions do the work, there is nothing to run here")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing was started."""

    def settle(self, on_progress: Callable[[], None] = lambda: None, until: Callable[[], bool] | None = None) -> None:
        """Return when `until` is true; at once without it."""
        while until and not until():
            on_progress()
            time.sleep(LOOK_S)
        on_progress()

"""Waiting for what happens elsewhere: by looking at it, never by guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.01
"""How often the servers of `http.server` that tests start look whether they shall end; by itself each looks twice a second."""


def eventually(condition: Callable[[], T], *, within_s: float = 10.0, every_s: float = 0.01) -> T:
    """The first true value of `condition`. Fails after `within_s` seconds with its last value."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s; at last: {value!r}"
        time.sleep(every_s)
    return value

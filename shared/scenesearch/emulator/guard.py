"""Ends process groups when whoever started it is gone, however it went. Runs as a program of its own, without the package.

Reads one line a group from standard input: `+ID` to watch it, `-ID` to let it be. At the end of the input (the starter closed it,
or was killed) every group that is still watched is asked to end, and after a grace period made to.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_S = 5.0
"""Seconds that programs are given to end by themselves."""


def main() -> None:
    """Watch until the input ends, then end what is watched."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = set[int]()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    deadline = time.monotonic() + GRACE_S
    _signal(groups, signal.SIGTERM)
    while _signal(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> bool:
    """Send it to each group; whether any of them is still there."""
    there = False
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            there = True
    return there


if __name__ == "__main__":
    main()

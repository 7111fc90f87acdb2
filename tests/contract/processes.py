"""What the suites run in processes of their own (a spawned process can only import what lies in a module)."""

from __future__ import annotations

import signal
from multiprocessing.synchronize import Event

from contract.given import a_key, a_ref, long
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.presence import join_runtime
from scenesearch.video import VideoRef


def lease_and_wait(database: Database, runtime: str, leased: Event) -> None:
    """Lease a section as a worker of `runtime` (or of none) and hold it until killed."""
    if runtime:
        join_runtime(runtime)
    LocalCatalog(database).lease(a_key(a_ref()), long())
    leased.set()
    signal.pause()


def close_chunks(database: Database, ref: VideoRef, start: int) -> None:
    """Close every fourth of 40 chunks."""
    catalog = LocalCatalog(database)
    for number in range(start, 40, 4):
        catalog.close_chunk(ref, number)

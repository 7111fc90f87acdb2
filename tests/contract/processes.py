"""What the suites run in processes of their own (a spawned process can only import what lies in a module)."""

from __future__ import annotations

import io
import multiprocessing
import signal
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

from contract.given import a_key, a_ref, long
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.liveness import join_runtime
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.messages import ObjectChanged, Subscription
from scenesearch.video import VideoRef

SPAWN = multiprocessing.get_context("spawn")


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


def claim_and_wait(database: Database, runtime: str, claimed: Event) -> None:
    """Claim a delivery as a worker of `runtime` (or of none) and hold it until killed."""
    if runtime:
        join_runtime(runtime)
    assert LocalQueue(database).claim((Subscription.SPLIT_SPLITS,), timedelta(minutes=15))
    claimed.set()
    signal.pause()


def create_many(home: Path, number: int) -> None:
    """Create 20 objects, each of one byte's repetition."""
    store = FolderObjectStore(home / "uploads", "uploads", signer=UrlSigner(home / "key"))
    for name in range(20):
        store.create(f"{name}", io.BytesIO(bytes([number]) * 50_000), content_type="text/plain")


class _Endless(io.RawIOBase):
    def __init__(self, written: Event) -> None:
        self._written, self._reads = written, 0

    def read(self, size: int = -1, /) -> bytes:
        self._reads += 1
        if self._reads > 1:
            self._written.set()
            signal.pause()
        return b"x" * 100_000


def write_and_wait(home: Path, writing: Event) -> None:
    """Begin to write an object, and be in the middle of it until killed."""
    store = FolderObjectStore(home / "uploads", "uploads", signer=UrlSigner(home / "key"))
    store.create("half", _Endless(writing), content_type="text/plain")  # type: ignore[arg-type]


def write_and_wait_to_announce(home: Path, written: Event) -> None:
    """Write an object, and be about to announce it until killed."""

    def wait(_: ObjectChanged) -> None:
        written.set()
        signal.pause()

    store = FolderObjectStore(home / "uploads", "uploads", signer=UrlSigner(home / "key"), on_change=wait)
    store.create("silent", io.BytesIO(b"x" * 1000), content_type="text/plain")


def delete_and_wait_to_announce(home: Path, name: str, deleted: Event) -> None:
    """Delete an object, and be about to announce it until killed."""

    def wait(_: ObjectChanged) -> None:
        deleted.set()
        signal.pause()

    FolderObjectStore(home / "uploads", "uploads", signer=UrlSigner(home / "key"), on_change=wait).delete(name)

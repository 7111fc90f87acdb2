"""Who is still there: lets work that a dead process held come back at once, instead of when its lease runs out.

Every process that takes work holds a lock on a file of its own; the system lets go of it however the process ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from enum import Enum
from pathlib import Path

from scenesearch.backends.local.home import make_private

_runtime_of_this_process: str | None = None


def join_runtime(runtime: str) -> None:
    """Make this process a worker of that runtime (the `name` of a `LivenessLock`): called once, before any work is taken."""
    global _runtime_of_this_process
    _runtime_of_this_process = runtime


class OwnerState(Enum):
    """What became of an owner of work."""

    ALIVE = "alive"
    DIED = "died"
    """It died alone, its runtime lived on: the work may have killed it."""
    INTERRUPTED = "interrupted"
    """Its whole runtime ended (a kill, a power cut, a stop): not the work's fault."""


class LivenessLock:
    """A locked file that says: whoever made this is there. Ends with `release`, or with the process."""

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        self.name = uuid.uuid4().hex
        self._path = folder / self.name
        beginning = folder / f".{self.name}"
        self._descriptor = os.open(beginning, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        beginning.rename(self._path)

    def release(self) -> None:
        """No longer there."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Liveness:
    """This process as an owner of work, and the state of other owners."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._hold: LivenessLock | None = None
        self._process = 0

    @property
    def owner(self) -> str:
        """This process (of this runtime) as the word that is stored beside the work it takes."""
        with self._lock:
            if self._hold is None or self._process != os.getpid():
                self._hold, self._process = LivenessLock(self.folder), os.getpid()
            return f"{_runtime_of_this_process or self._hold.name}/{self._hold.name}"

    def state(self, owner: str) -> OwnerState:
        """What became of `owner`."""
        runtime, _, process = owner.partition("/")
        if self._is_held(process):
            return OwnerState.ALIVE
        return OwnerState.DIED if runtime != process and self._is_held(runtime) else OwnerState.INTERRUPTED

    def _is_held(self, name: str) -> bool:
        path = self.folder / name
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        path.unlink(missing_ok=True)
        return False

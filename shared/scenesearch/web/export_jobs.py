"""Long exports: made in the background, with progress to ask for, and a link in the end. Nobody asks any more: nothing more is made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from pydantic import BaseModel

from scenesearch.errors import Cancelled, NotFound, SceneSearchError
from scenesearch.web.pool import Pool

ABANDONED_S = 120
"""A job that nobody has asked after for so long (seconds) is ended."""

MOST_JOBS = 200
"""How many jobs are remembered, the oldest forgotten first: their files stay in the work bucket for a day."""

Progress = Callable[[float], object]


class JobState(StrEnum):
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExportReady(BaseModel):
    """A large export, to be fetched from the bucket."""

    url: str
    file_name: str
    size_bytes: int
    expires_at: datetime


class ExportJob(BaseModel):
    """An export that is being made. `progress` from 0 to 1; `ready` once it can be fetched; `error` says why it cannot."""

    job_id: str
    video_id: str
    state: JobState
    progress: float
    ready: ExportReady | None = None
    error: str | None = None


class _Job:
    def __init__(self, video_id: str) -> None:
        self.shown = ExportJob(job_id=uuid4().hex, video_id=video_id, state=JobState.RUNNING, progress=0)
        self.asked_at, self.cancelled, self.over = time.monotonic(), False, threading.Event()


class ExportJobs:
    """The jobs of this process. Safe to use from several threads."""

    def __init__(self, pool: Pool, *, abandoned_s: float = ABANDONED_S) -> None:
        self._pool, self._abandoned_s = pool, abandoned_s
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def start(self, video_id: str, make: Callable[[Progress], ExportReady]) -> ExportJob:
        """Have it made. `make` is given what to tell its progress to. Raises `Overloaded` when too many are being made."""
        place, job = self._pool.place(), _Job(video_id)
        with self._lock:
            for forgotten in [key for key, old in self._jobs.items() if old.over.is_set()][: max(0, len(self._jobs) - MOST_JOBS)]:
                del self._jobs[forgotten]
            self._jobs[job.shown.job_id] = job

        def work() -> None:
            try:
                with place.at_work(None):
                    ready = make(lambda share: self._goes_on(job, share))
                job.shown = job.shown.model_copy(update={"state": JobState.READY, "progress": 1.0, "ready": ready})
            except Cancelled as error:
                job.shown = job.shown.model_copy(update={"state": JobState.CANCELLED, "error": str(error)})
            except SceneSearchError as error:
                job.shown = job.shown.model_copy(update={"state": JobState.FAILED, "error": str(error)})
            except BaseException:
                job.shown = job.shown.model_copy(update={"state": JobState.FAILED, "error": "something broke here: try again"})
                raise
            finally:
                place.leave()
                job.over.set()

        threading.Thread(target=work, name="export", daemon=True).start()
        return job.shown

    def job(self, job_id: str, wait_s: float = 0) -> ExportJob:
        """How far it is, at once or as soon as it is over. Raises `NotFound`."""
        job = self._found(job_id)
        job.asked_at = time.monotonic()
        job.over.wait(wait_s)
        job.asked_at = time.monotonic()
        return job.shown

    def cancel(self, job_id: str) -> None:
        """Nobody wants it any more. Raises `NotFound`."""
        self._found(job_id).cancelled = True

    def _found(self, job_id: str) -> _Job:
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFound("there is no such export here (any more): ask for it again")
        return job

    def _goes_on(self, job: _Job, share: float) -> None:
        job.shown = job.shown.model_copy(update={"progress": round(share, 3)})
        if job.cancelled or time.monotonic() - job.asked_at > self._abandoned_s:
            raise Cancelled("the export was cancelled, or nobody asked after it any more")

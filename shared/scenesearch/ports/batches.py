"""Batch jobs as the service of a model runs them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scenesearch.metadata import Section
from scenesearch.ports.models import ClipInput


class JobState(StrEnum):
    """What a service says of a job."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the service: its full name, its state, and why it failed."""

    name: str
    state: JobState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One line of a job's output: the address of the clip it is about, and the response, as `ClipInput.answer` takes it.

    `response` None: the service could not answer; `reason` says why.
    """

    uri: str
    response: bytes | None
    reason: str = ""


class BatchJobs(Protocol):
    """A service that answers many requests within a day, cheaper: requests in one file, answers in others."""

    def line(self, section: Section, given: ClipInput) -> bytes:
        """Return the request about a clip as a line of the input file. Raises `ObjectNotFound`, `TooLarge`, `InvalidRequest`."""
        ...

    def start(self, name: str, source_uri: str, destination_uri: str) -> Job:
        """Start a job over this input file, or return the one that was started under this name before. Raises `Unavailable`."""
        ...

    def look(self, job: str) -> Job:
        """Return the job's present state. Raises `Unavailable`."""
        ...

    def cancel(self, job: str) -> None:
        """Ask for the job's end; nothing happens when it has ended. Raises `Unavailable`."""
        ...

    def answer(self, line: bytes) -> BatchAnswer | None:
        """Read a line of the output; None for one that cannot be told from noise."""
        ...

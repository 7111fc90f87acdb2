"""The record of batch jobs, which is a part of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from scenesearch.video import Batch, SectionKey


class BatchLedger(Protocol):
    """The catalog's record of batch jobs: which sections wait for one, and which are in which."""

    def await_batch(self, key: SectionKey, until: datetime) -> None:
        """Note that the section waits for a batch job, at most until then. Raises `Gone`, `Busy` when somebody works on it meanwhile."""
        ...

    def leave_batch(self, key: SectionKey) -> None:
        """Let the section be asked about online from now on. Raises `Gone`."""
        ...

    def batch_sections(self, batch_id: str, limit: int) -> list[SectionKey]:
        """Return up to `limit` of the sections in this batch; of those that are in none yet for an empty id."""
        ...

    def save_batch(self, batch: Batch, keys: Sequence[SectionKey] = ()) -> None:
        """Store the batch and move those of these sections (at most 400) into it that are in none yet, in one commit."""
        ...

    def claim_batch(self, batch_id: str, until: datetime, *, held: datetime | None = None) -> bool:
        """Take the right to start the batch's job until then; False when somebody else has it, or when there is nothing to start.

        `held`: until when the caller has it already, to extend it or to give it up.
        """
        ...

    def batch(self, batch_id: str) -> Batch | None: ...

    def batches(self) -> list[Batch]:
        """Return the batches that have not ended, oldest first."""
        ...

    def end_batch(self, batch_id: str) -> None:
        """Forget the batch and which sections are in it; nothing happens when there is none."""
        ...

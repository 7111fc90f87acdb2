"""The record of batch jobs in SQLite: the batches that have not ended, and which sections are in which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from scenesearch.backends.local.database import Database
from scenesearch.metadata import Section
from scenesearch.video import Batch, SectionKey, VideoRef

_BATCH = TypeAdapter(Batch)


class LocalBatches:
    """What the catalog knows of batches apart from their sections' own records. Processes and threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def batch_sections(self, batch_id: str, limit: int) -> list[SectionKey]:
        """In no order."""
        rows = self._database.rows("SELECT * FROM batch_sections WHERE batch = ? LIMIT ?", (batch_id, limit))
        return [SectionKey(VideoRef(row["video_id"], row["generation"]), row["chunk"], Section(row["section"])) for row in rows]

    def save_batch(self, batch: Batch, keys: Sequence[SectionKey] = ()) -> None:
        """One transaction."""
        with self._database.atomic():
            self._write(batch)
            for key in keys:
                self._database.execute(
                    "UPDATE batch_sections SET batch = ? WHERE video_id = ? AND generation = ? AND chunk = ? AND section = ?"
                    " AND batch = ''",
                    (batch.id, *_values(key)),
                )

    def claim_batch(self, batch_id: str, until: datetime, *, held: datetime | None = None) -> bool:
        """One transaction."""
        with self._database.atomic():
            batch = self.batch(batch_id)
            if batch is None or not batch.may_be_started(held):
                return False
            self._write(replace(batch, starting_until=until))
        return True

    def batch(self, batch_id: str) -> Batch | None:
        """None once it has ended."""
        row = self._database.row("SELECT document FROM batches WHERE id = ?", (batch_id,))
        return _BATCH.validate_json(row["document"]) if row else None

    def batches(self) -> list[Batch]:
        """Oldest first."""
        return [_BATCH.validate_json(row["document"]) for row in self._database.rows("SELECT document FROM batches ORDER BY created_at")]

    def end_batch(self, batch_id: str) -> None:
        """One transaction."""
        with self._database.atomic():
            self._database.execute("DELETE FROM batch_sections WHERE batch = ?", (batch_id,))
            self._database.execute("DELETE FROM batches WHERE id = ?", (batch_id,))

    def _write(self, batch: Batch) -> None:
        document = _BATCH.dump_json(batch).decode()
        self._database.execute("INSERT OR REPLACE INTO batches VALUES (?, ?, ?)", (batch.id, batch.created_at.timestamp(), document))

    def _waits_for_a_batch(self, key: SectionKey) -> None:
        self._database.execute("INSERT OR REPLACE INTO batch_sections VALUES (?, ?, ?, ?, '')", _values(key))


def _values(key: SectionKey) -> tuple[str, int, int, str]:
    return key.ref.video_id, key.ref.generation, key.chunk, key.section

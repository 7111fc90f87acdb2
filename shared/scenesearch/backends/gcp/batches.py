"""The record of batch jobs in Firestore: the batches that have not ended, and which sections are in which.

```
batches/ID                                     a batch
batch_sections/VIDEO.GENERATION.NUMBER-SECTION   the batch (or none yet) of a section that waits
```
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.api_core import exceptions as google
from google.cloud.firestore import CollectionReference, DocumentReference, FieldFilter, WriteBatch
from pydantic import TypeAdapter

from scenesearch.backends.gcp import documents as of
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.generation_store import BLIND, GenerationStore, tries
from scenesearch.errors import Unavailable
from scenesearch.metadata import Section
from scenesearch.video import Batch, SectionKey

_BATCH = TypeAdapter(Batch)


class FirestoreBatches(GenerationStore):
    """What the catalog knows of batches apart from their sections' own records."""

    def batch_sections(self, batch_id: str, limit: int) -> list[SectionKey]:
        """In no order."""
        query = self._waiting.where(filter=FieldFilter("batch", "==", batch_id)).limit(limit)
        with translated("looking for the sections of a batch"):
            found = [snapshot.to_dict() or {} for snapshot in query.stream()]
        return [SectionKey(of.ref_of(document), document["chunk"], Section(document["section"])) for document in found]

    def save_batch(self, batch: Batch, keys: Sequence[SectionKey] = ()) -> None:
        """One commit, which holds only if nobody moves one of the sections meanwhile; then it is tried with those that are left."""
        for _ in tries():
            with translated(f"saving batch {batch.id}"):
                noted = list(self._client.get_all([self._place(key) for key in keys])) if keys else []
                writes = self._client.batch()
                writes.set(self._batches.document(batch.id), _BATCH.dump_python(batch))
                for note in noted:
                    if (note.to_dict() or {}).get("batch") == "":
                        self._write_if_unchanged(writes, note, {"batch": batch.id})
                try:
                    writes.commit()
                except (google.FailedPrecondition, google.Aborted, google.NotFound):
                    continue
                return
        raise Unavailable(f"too many changes of the sections of batch {batch.id} at once: try again")

    def claim_batch(self, batch_id: str, until: datetime, *, held: datetime | None = None) -> bool:
        """A conditional write: of two at once one is first."""
        with translated(f"claiming batch {batch_id}"):
            snapshot = self._batches.document(batch_id).get()
            document = snapshot.to_dict()
            if document is None or not _BATCH.validate_python(document).may_be_started(held):
                return False
            return self._updated(snapshot, {"starting_until": until})

    def batch(self, batch_id: str) -> Batch | None:
        """None once it has ended."""
        with translated(f"reading batch {batch_id}"):
            document = self._batches.document(batch_id).get().to_dict()
        return _BATCH.validate_python(document) if document else None

    def batches(self) -> list[Batch]:
        """Oldest first."""
        with translated("listing the batches"):
            return [_BATCH.validate_python(snapshot.to_dict()) for snapshot in self._batches.order_by("created_at").stream()]

    def end_batch(self, batch_id: str) -> None:
        """The sections first: a batch that is there has its sections, whoever is interrupted."""
        with translated(f"ending batch {batch_id}"):
            self._delete(snapshot.reference for snapshot in self._waiting.where(filter=FieldFilter("batch", "==", batch_id)).stream())
            self._batches.document(batch_id).delete(retry=BLIND)

    def _waits_for_a_batch(self, writes: WriteBatch, key: SectionKey) -> None:
        writes.set(self._place(key), _note(key, ""))

    @property
    def _batches(self) -> CollectionReference:
        return self._client.collection("batches")

    @property
    def _waiting(self) -> CollectionReference:
        return self._client.collection("batch_sections")

    def _place(self, key: SectionKey) -> DocumentReference:
        return self._waiting.document(f"{of.generation_id(key.ref)}.{of.section_id(key)}")


def _note(key: SectionKey, batch_id: str) -> of.Document:
    return {**of.ref_fields(key.ref), "chunk": key.chunk, "section": key.section, "batch": batch_id}

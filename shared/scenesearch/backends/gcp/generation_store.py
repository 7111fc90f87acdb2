"""The documents of generations in Firestore: where they lie, how they are read and how they are changed.

Nothing here reads, changes and writes under a lock. Frequent writes are blind batches that fail when their chunk is gone;
the few that depend on what is there are conditional on the version that was read, and look again when they come second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

from google.api_core import exceptions as google
from google.api_core.retry import Retry, if_exception_type
from google.cloud.firestore import Client, CollectionReference, DocumentReference, DocumentSnapshot, FieldFilter, Query, WriteBatch

from scenesearch.backends.gcp import documents as of
from scenesearch.backends.gcp.documents import Body, Document, Part
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.queries import GENERATIONS
from scenesearch.errors import Gone, Unavailable
from scenesearch.video import SectionKey, SectionRecord, Video, VideoRef, now

Snapshot: TypeAlias = "DocumentSnapshot[DocumentReference]"
Also: TypeAlias = Callable[[WriteBatch], object]

BLIND = Retry(
    predicate=if_exception_type(google.Aborted, google.ResourceExhausted, google.ServiceUnavailable, google.InternalServerError),
    initial=0.05,
    maximum=2.0,
    timeout=60.0,
)
"""Writes that depend on nothing may simply be sent again."""

TRIES = 40
"""How often a conditional write looks again. Each time somebody else's came through, so this many in a row is an outage."""

IN_LIMIT = 30
"""Values that one `in` filter takes."""


class GenerationStore:
    """What the catalog is made of."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # where documents lie

    @property
    def _generations(self) -> CollectionReference:
        return self._client.collection(GENERATIONS)

    @property
    def _collections(self) -> CollectionReference:
        return self._client.collection("collections")

    @property
    def _reservations(self) -> CollectionReference:
        return self._client.collection("reservations")

    def _generation(self, ref: VideoRef) -> DocumentReference:
        return self._generations.document(of.generation_id(ref))

    def _chunks(self, ref: VideoRef) -> CollectionReference:
        chunks: CollectionReference = self._generation(ref).collection("chunks")
        return chunks

    def _chunk(self, ref: VideoRef, number: int) -> DocumentReference:
        return self._chunks(ref).document(of.chunk_id(number))

    def _sections(self, ref: VideoRef) -> CollectionReference:
        sections: CollectionReference = self._generation(ref).collection("sections")
        return sections

    def _section(self, key: SectionKey) -> DocumentReference:
        return self._sections(key.ref).document(of.section_id(key))

    def _parts(self, ref: VideoRef) -> CollectionReference:
        parts: CollectionReference = self._generation(ref).collection("parts")
        return parts

    # reading

    def _video_of(self, snapshot: Snapshot) -> Video | None:
        document = snapshot.to_dict()
        return None if document is None else of.video_of(document, self._body(of.ref_of(document), snapshot))

    def _body(self, ref: VideoRef, snapshot: Snapshot) -> str:
        """The text of a document, from its parts when it has any; looks again when they are replaced meanwhile."""
        for _ in tries():
            document = snapshot.to_dict() or {}
            names = of.part_names(document)
            if not names:
                return str(document.get("body", ""))
            parts = {one.id: one.to_dict() for one in self._client.get_all([self._parts(ref).document(name) for name in names])}
            bodies = [part["body"] for name in names if (part := parts.get(name))]
            if len(bodies) == len(names):
                return "".join(bodies)
            snapshot = snapshot.reference.get()
        raise contended(ref)

    def _section_snapshot(self, key: SectionKey) -> Snapshot:
        """The section's document, which may be missing. Raises `Gone` when its chunk is."""
        chunk, section = self._chunk(key.ref, key.chunk), self._section(key)
        with about(key.ref):
            found = {snapshot.reference.path: snapshot for snapshot in self._client.get_all([chunk, section])}
        if not found[chunk.path].exists:
            raise Gone(f"chunk {key.chunk} of video {key.ref.video_id} (generation {key.ref.generation}) was removed meanwhile")
        return found[section.path]

    def _section_of(self, key: SectionKey, snapshot: Snapshot) -> SectionRecord:
        document = snapshot.to_dict()
        if document is None:
            return SectionRecord(key=key)
        with about(key.ref):
            return of.section_of(key.ref, document, self._body(key.ref, snapshot))

    def _of_collections(self, collections: frozenset[str] | None) -> Iterator[CollectionReference | Query]:
        if collections is None:
            yield self._generations
            return
        yield from self._among("collection", sorted(collections))

    def _among(self, field: str, values: Sequence[str]) -> Iterator[Query]:
        for start in range(0, len(values), IN_LIMIT):
            yield self._generations.where(filter=FieldFilter(field, "in", list(values[start : start + IN_LIMIT])))

    def _newest(self, queries: Iterable[CollectionReference | Query]) -> dict[str, Video]:
        """Of each video that these find, the newest generation among what they find."""
        newest = dict[str, Video]()
        for query in queries:
            for snapshot in query.stream():
                video = self._video_of(snapshot)
                if video is not None and newest.setdefault(video.ref.video_id, video).ref < video.ref:
                    newest[video.ref.video_id] = video
        return newest

    def _touched_since(self, ref: VideoRef, moment: datetime) -> bool:
        newest = self._chunks(ref).order_by("touched_at", direction=Query.DESCENDING).limit(1).select(["touched_at"])
        return any(snapshot.get("touched_at") >= moment for snapshot in newest.stream())

    # writing

    def _change(self, ref: VideoRef, decide: Callable[[Video], Document | None], also: Also = lambda _: None) -> bool:
        """Change the video as `decide` says (None: not at all), in one batch with `also`, if nobody else changes it meanwhile.

        False when it is not there or `decide` said None.
        """
        for _ in tries():
            with about(ref):
                snapshot = self._generation(ref).get()
                video = self._video_of(snapshot)
                changes = None if video is None else decide(video)
                if changes is None:
                    return False
                if self._updated(snapshot, {**changes, "updated_at": now()}, also):
                    return True
        raise contended(ref)

    def _updated(self, snapshot: Snapshot, changes: Document, also: Also = lambda _: None) -> bool:
        """Whether the document could be changed: not when it is another than `snapshot` by now."""
        batch = self._client.batch()
        batch.update(snapshot.reference, changes, option=self._client.write_option(last_update_time=snapshot.update_time))
        also(batch)
        try:
            batch.commit()
        except (google.FailedPrecondition, google.Aborted):
            return False
        except google.NotFound:
            if snapshot.reference.get().exists:
                raise
            return False
        return True

    def _write_if_unchanged(self, batch: WriteBatch, snapshot: Snapshot, document: Document) -> None:
        if snapshot.exists:
            batch.update(snapshot.reference, document, option=self._client.write_option(last_update_time=snapshot.update_time))
        else:
            batch.create(snapshot.reference, document)

    def _touch(self, batch: WriteBatch, ref: VideoRef, number: int) -> None:
        """Makes the batch fail when the chunk is gone, and says that somebody is at work on it."""
        batch.update(self._chunk(ref, number), {"touched_at": now()})

    def _commit(self, ref: VideoRef, body: Body, finish: Also) -> None:
        """One blind batch with the parts of `body`; those that one request cannot carry are written before it."""
        *ahead, last = list(of.batches(body.parts)) or [[]]
        with about(ref):
            try:
                for group in ahead:
                    self._set(self._client.batch(), group).commit(retry=BLIND)
                batch = self._set(self._client.batch(), last)
                finish(batch)
                batch.commit(retry=BLIND)
            except Exception:
                self._delete(reference for group in ahead for reference, _ in group)
                raise

    def _set(self, batch: WriteBatch, group: Iterable[Part]) -> WriteBatch:
        for reference, document in group:
            batch.set(reference, document)
        return batch

    def _delete(self, references: Iterable[DocumentReference]) -> None:
        pending = list(references)
        for start in range(0, len(pending), 300):
            batch = self._client.batch()
            for reference in pending[start : start + 300]:
                batch.delete(reference)
            batch.commit(retry=BLIND)


@contextmanager
def about(ref: VideoRef) -> Iterator[None]:
    """What is not found means here: the generation was removed or replaced."""
    with translated(f"the catalog, video {ref.video_id} (generation {ref.generation})"):
        try:
            yield
        except google.NotFound as error:
            raise gone(ref) from error


def gone(ref: VideoRef) -> Gone:
    """The error for a generation (or one of its chunks) that is not there any more."""
    return Gone(f"video {ref.video_id} (generation {ref.generation}), or this chunk of it, was removed or replaced meanwhile")


def contended(ref: VideoRef) -> Unavailable:
    """The error for a transaction that lost against others too often."""
    return Unavailable(f"too many changes of video {ref.video_id} (generation {ref.generation}) at once: try again")


def tries() -> Iterator[int]:
    """Numbers from 0; before each but the first a pause that is random, and longer each time (at most half a second)."""
    for number in range(TRIES):
        if number:
            time.sleep(random.uniform(0, min(0.5, 0.01 * 2**number)))  # noqa: S311
        yield number

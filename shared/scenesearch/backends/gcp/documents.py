"""Nouns as Firestore documents. What may grow is a JSON text of its own, and spread over parts when it is large."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeAlias

from google.cloud.firestore import CollectionReference, DocumentReference
from pydantic import TypeAdapter

from scenesearch.metadata import Entry
from scenesearch.names import called
from scenesearch.video import Chunk, Gap, SectionKey, SectionRecord, Usage, Video, VideoRef

Document: TypeAlias = dict[str, Any]
Part: TypeAlias = tuple[DocumentReference, Document]

PART_CHARACTERS = 220_000
"""A character takes 4 bytes at most: a part stays below 900 kB, a document may have 1 MiB."""

REQUEST_CHARACTERS = 900_000
"""A request may have 10 MiB, at the emulator 4 MiB."""

REASON_CHARACTERS = 4000
"""Reasons quote models and files: the beginning tells enough."""

_VIDEO = TypeAdapter(Video)
_CHUNK = TypeAdapter(Chunk)
_SECTION = TypeAdapter(SectionRecord)
_USAGE = TypeAdapter(Usage)


@dataclass(frozen=True, slots=True)
class _Assembled:
    summary: str
    important_scenes: tuple[Entry, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class _Extracted:
    entries: tuple[Entry, ...]
    digest: str


_ASSEMBLED = TypeAdapter(_Assembled)
_EXTRACTED = TypeAdapter(_Extracted)

_NOTHING_ASSEMBLED = _ASSEMBLED.dump_json(_Assembled("", (), ())).decode()


# --- names ---


def generation_id(ref: VideoRef) -> str:
    """`VIDEO.GENERATION`: the generation stands in the path of everything that belongs to it."""
    return f"{ref.video_id}.{ref.generation}"


def chunk_id(number: int) -> str:
    """A chunk's number with six digits, so that documents are in order of time."""
    return f"{number:06}"


def section_id(key: SectionKey) -> str:
    """The name of the section's document: its chunk, then its kind."""
    return f"{chunk_id(key.chunk)}-{key.section}"


def collection_id(name: str) -> str:
    """Its name where Firestore allows it, else its hash: names come from uploads."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,99}", name)
    return name if plain else "." + sha256(name.encode(errors="surrogatepass")).hexdigest()


# --- nouns ---


def video_document(video: Video) -> Document:
    """All of a new video but what `assemble` adds; `names` are those it is found by."""
    document = _VIDEO.dump_python(video, exclude={"ref", "summary", "important_scenes", "gaps"})
    return {
        **document,
        **ref_fields(video.ref),
        "names": sorted(called(video.title, video.name)),
        "open_chunks": sorted(video.open_chunks),
        "error": shortened(video.error),
    }


def video_of(document: Document, assembled: str) -> Video:
    """The video; `assembled` is the text of `assembled_text`, or empty."""
    added = _ASSEMBLED.validate_json(assembled or _NOTHING_ASSEMBLED)
    return _VIDEO.validate_python(
        {
            **document,
            "ref": ref_of(document),
            "summary": added.summary,
            "important_scenes": added.important_scenes,
            "gaps": added.gaps,
        }
    )


def ref_fields(ref: VideoRef) -> Document:
    """The fields that name a generation of a video."""
    return {"video_id": ref.video_id, "generation": ref.generation}


def ref_of(document: Document) -> VideoRef:
    """The generation that a document belongs to."""
    return VideoRef(document["video_id"], document["generation"])


def assembled_text(summary: str, important_scenes: tuple[Entry, ...], gaps: tuple[Gap, ...]) -> str:
    """What `assemble` adds to a video, as JSON."""
    return _ASSEMBLED.dump_json(_Assembled(summary, important_scenes, gaps)).decode()


def chunk_document(chunk: Chunk, at: datetime) -> Document:
    """The chunk as a document; `at` is when it was touched."""
    return {**_CHUNK.dump_python(chunk), "failure": shortened(chunk.failure), "touched_at": at}


def chunk_of(document: Document) -> Chunk:
    """The chunk that a document holds."""
    return _CHUNK.validate_python(document)


def section_document(record: SectionRecord) -> Document:
    """All of a section but its entries and digest."""
    document = _SECTION.dump_python(record, exclude={"key", "entries", "digest"})
    return {**document, "chunk": record.key.chunk, "section": record.key.section, "reason": shortened(record.reason)}


def usage_fields(usage: Usage) -> Document:
    """What work has cost, as a document."""
    return dict(_USAGE.dump_python(usage))


def section_of(ref: VideoRef, document: Document, extracted: str) -> SectionRecord:
    """The section that a document holds; `extracted` is the text of its entries and digest, empty when it has none."""
    found = _EXTRACTED.validate_json(extracted) if extracted else _Extracted((), "")
    key = {"ref": ref, "chunk": document["chunk"], "section": document["section"]}
    return _SECTION.validate_python({**document, "key": key, "entries": found.entries, "digest": found.digest})


def extracted_text(record: SectionRecord) -> str:
    """The entries and the digest of a section as JSON; empty when it has neither."""
    return _EXTRACTED.dump_json(_Extracted(record.entries, record.digest)).decode() if record.entries or record.digest else ""


def shortened(reason: str | None) -> str | None:
    """A reason that fits into a document: at most `REASON_CHARACTERS` characters."""
    return reason if reason is None or len(reason) <= REASON_CHARACTERS else reason[: REASON_CHARACTERS - 1] + "…"


# --- texts that may be large ---


@dataclass(frozen=True, slots=True)
class Body:
    """A text of any size: `fields` belong into its document, `parts` (when it is large) beside it."""

    fields: Document
    parts: Sequence[Part] = ()


def spread(text: str, beside: CollectionReference) -> Body:
    """The text in its document if it is small; else in parts under names of their own, so that no two writes ever mix."""
    if len(text) <= PART_CHARACTERS:
        return Body({"body": text, "parts": []})
    write = uuid.uuid4().hex
    pieces = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)]
    parts = [(beside.document(f"{write}-{number:04}"), {"body": piece}) for number, piece in enumerate(pieces)]
    return Body({"body": "", "parts": [reference.id for reference, _ in parts]}, parts)


def part_names(document: Mapping[str, Any]) -> list[str]:
    """The names of the parts that a large text is in."""
    return list(document.get("parts") or ())


def batches(parts: Sequence[Part], characters: int = REQUEST_CHARACTERS) -> Iterator[list[Part]]:
    """Parts in groups that one request can carry."""
    group, size = list[Part](), 0
    for part in parts:
        length = len(part[1]["body"])
        if group and size + length > characters:
            yield group
            group, size = [], 0
        group.append(part)
        size += length
    if group:
        yield group

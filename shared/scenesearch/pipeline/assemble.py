"""When every chunk is closed: join the borders, summarise, write the metadata text, end the video."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from scenesearch.errors import Gone, Permanent
from scenesearch.joining import joined_chunks
from scenesearch.messages import Extracted
from scenesearch.metadata import CHUNK_SECTIONS, Entry, MetadataText, Section
from scenesearch.pipeline.advance import index_sections
from scenesearch.pipeline.announce import announce
from scenesearch.pipeline.assembled import Assembled, assembled_once
from scenesearch.pipeline.remove import sweep
from scenesearch.ports import Assembly, Catalog, Digest, Ports, Spending, Summarizer, speaker_key
from scenesearch.timeline import Span
from scenesearch.video import (
    NO_COST,
    Chunk,
    Gap,
    SectionRecord,
    SectionState,
    Video,
    VideoRef,
    VideoState,
    media_notes,
    work_prefix,
)

LOG = logging.getLogger(__name__)


def assemble(message: Extracted, summarizer: Summarizer | None, ports: Ports) -> None:
    """End the video: `READY` with its gaps listed, or `FAILED` when nothing could be extracted. Safe to repeat.

    Without a summarizer (it has failed for good) the video ends without summary and important scenes.
    Raises `Retryable` when the summarizer may answer later.
    """
    ref, catalog = message.ref, ports.catalog
    with catalog.atomic():  # one look: a second delivery must not take what the first one leaves for what was extracted
        video, chunks, records = catalog.generation(ref), catalog.chunks(ref), catalog.sections(ref)
    if video is None:
        return
    if video.state is not VideoState.ASSEMBLING:
        announce(video, ports.publisher)
        return
    try:
        gaps = gaps_of(video, chunks, records)
        if any(record.state is SectionState.DONE for record in records) or not gaps:
            _end_ready(video, chunks, records, gaps, summarizer, ports)
        else:
            error = f"nothing could be extracted: {gaps[0].reason}"
            spent = sum((record.usage for record in records), NO_COST)
            with catalog.atomic():
                catalog.commit_assembly(ref, Assembly(summary="", important_scenes=(), gaps=(), usage=spent))
                catalog.move(ref, to=VideoState.FAILED, when=frozenset({VideoState.ASSEMBLING}), error=error)
        if (ended := catalog.generation(ref)) is not None:
            announce(ended, ports.publisher)
    except Gone:
        LOG.info("dropped: the video was removed or replaced", extra={"video": ref.video_id, "generation": ref.generation})
        sweep(ref, ports)


def gaps_of(video: Video, chunks: Sequence[Chunk], records: Sequence[SectionRecord]) -> tuple[Gap, ...]:
    """What the video lacks, in order: times without anything in the file, chunks that could not be cut, sections that failed."""
    spans = {chunk.number: chunk.span for chunk in chunks}
    absent = [
        Gap(_chunk_at(chunks, one.start_ms), None, one.reason, Span(one.start_ms, one.end_ms))
        for one in (video.media.missing if video.media else ())
    ]
    lost = [Gap(chunk.number, None, chunk.failure, chunk.span) for chunk in chunks if chunk.failure is not None]
    broken = [
        Gap(r.key.chunk, r.key.section, r.reason or r.state, spans.get(r.key.chunk))
        for r in records
        if r.state in (SectionState.FAILED, SectionState.BLOCKED)
    ]
    return tuple(sorted([*absent, *lost, *broken], key=lambda gap: (gap.chunk, gap.section or "")))


def _chunk_at(chunks: Sequence[Chunk], at_ms: int) -> int:
    """The chunk that holds this time, or the last one."""
    return next((chunk.number for chunk in chunks if at_ms < chunk.span.end_ms), chunks[-1].number if chunks else 0)


def metadata_object(ref: VideoRef) -> str:
    """The name of the metadata text in the work bucket."""
    return work_prefix(ref) + "metadata.txt"


def _end_ready(
    video: Video,
    chunks: Sequence[Chunk],
    records: Sequence[SectionRecord],
    gaps: tuple[Gap, ...],
    summarizer: Summarizer | None,
    ports: Ports,
) -> None:
    def made() -> Assembled:
        digest, no_digest = _digest(video, records, summarizer, ports.catalog)
        whole = _joined(chunks, [_named(record, digest) for record in records])
        usage = sum((r.usage for r in whole), digest.usage)
        assembly = Assembly(
            summary=digest.summary,
            important_scenes=digest.important_scenes,
            gaps=gaps + no_digest,
            language=None if video.language else _heard(whole),
            usage=usage,
        )
        return Assembled(sections=tuple(whole), assembly=assembly)

    catalog, one = ports.catalog, assembled_once(video.ref, records, made, ports.work)
    changed = _changed(records, one.sections)
    known = replace(video, language=one.assembly.language or video.language)
    for number in sorted({r.key.chunk for r in changed} | _silent(one)):
        index_sections(known, number, [r for r in one.sections if r.key.chunk == number], ports)
    entries = [e for r in one.sections for e in r.entries]
    notes = media_notes(video.media, one.assembly.gaps)
    text = MetadataText(one.assembly.summary, one.assembly.important_scenes, entries, notes).render()
    ports.work.replace(metadata_object(video.ref), io.BytesIO(text.encode()), content_type="text/plain; charset=utf-8")
    with catalog.atomic():
        for record in changed:
            catalog.commit_section(record)
        catalog.commit_assembly(video.ref, one.assembly)
        catalog.move(video.ref, to=VideoState.READY, when=frozenset({VideoState.ASSEMBLING}))


def _heard(records: Sequence[SectionRecord]) -> str | None:
    """The language that is spoken for the longest time."""
    heard = Counter[str]()
    for record in records:
        if record.language:
            heard[record.language] += sum(entry.span.duration_ms for entry in record.entries)
    return max(sorted(heard), key=heard.__getitem__, default=None)


def _silent(one: Assembled) -> set[int]:
    """The chunks that become part of a video in some language only now: nothing is spoken there."""
    if one.assembly.language is None:
        return set()
    return {r.key.chunk for r in one.sections} - {r.key.chunk for r in one.sections if r.language}


def _named(record: SectionRecord, digest: Digest) -> SectionRecord:
    """The record with one name per speaker over the whole video: before joining, which looks at who speaks."""

    def name(entry: Entry) -> Entry:
        if entry.speaker is None:
            return entry
        return replace(entry, speaker=digest.speakers.get(speaker_key(record.key.chunk, entry.speaker), entry.speaker))

    return replace(record, entries=tuple(name(entry) for entry in record.entries))


def _joined(chunks: Sequence[Chunk], records: Sequence[SectionRecord]) -> list[SectionRecord]:
    """The records with the borders between their chunks made invisible."""
    borders = [chunk.span.end_ms for chunk in chunks[:-1]]
    whole: list[SectionRecord] = []
    for section in CHUNK_SECTIONS:
        of_section = [r for r in records if r.key.section is section]
        entries = joined_chunks({r.key.chunk: r.entries for r in of_section}, borders)
        whole += [replace(r, entries=tuple(entries[r.key.chunk])) for r in of_section]
    return whole


def _changed(before: Sequence[SectionRecord], after: Sequence[SectionRecord]) -> list[SectionRecord]:
    known = {r.key: r for r in before}
    return [r for r in after if r != known[r.key]]


def _digest(
    video: Video, records: Sequence[SectionRecord], summarizer: Summarizer | None, catalog: Catalog
) -> tuple[Digest, tuple[Gap, ...]]:
    reason, spending = "the summary was given up after too many failures", Spending()
    if summarizer is not None:
        try:
            return summarizer.summarize(video, records, catalog.profile(video.collection), spending), ()
        except Permanent as error:
            reason = str(error)
    return Digest(summary="", important_scenes=(), usage=spending.total), (Gap(0, Section.SUMMARY, reason),)

"""One section of one chunk: lease it, let the extractor work, commit, advance."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from scenesearch.config import Settings
from scenesearch.errors import Blocked, Gone, ObjectNotFound, Outage, Retryable, Skipped
from scenesearch.messages import ChunkWork, SplitWork, Topic
from scenesearch.metadata import Entry, Section, in_time
from scenesearch.pipeline.advance import advance
from scenesearch.pipeline.batch import answer_to, awaits_batch, forget_answer
from scenesearch.pipeline.remove import sweep
from scenesearch.pipeline.subtitles import offered, refresh_transcription, with_subtitles, without_hearing
from scenesearch.ports import BatchJobs, ClipInput, Extraction, Ports, SectionExtractor, Spending
from scenesearch.video import Chunk, Clip, SectionKey, SectionRecord, SectionState, Video, base_language, now

LOG = logging.getLogger(__name__)

LEASE_PER_WORK = 1.125
"""How long a section is held, in terms of how long its work may take: past the end of the instance that works on it."""

CRASHES_PER_FAILURE = 4
"""A section that was begun this many times `max_attempts` is given up: whatever it is, it kills its workers, or nobody can work on it."""


def extract(message: ChunkWork, extractor: SectionExtractor, ports: Ports, settings: Settings, jobs: BatchJobs | None = None) -> None:
    """Bring the section to a terminal state unless it is in one, then derive what is due.

    At the batch price it waits, without a lease or an attempt, until a job has answered, or failed, or its time is up.

    Raises `Retryable` when the delivery should come again: the section is leased elsewhere, or failed with attempts left.
    """
    catalog, publisher = ports.catalog, ports.publisher
    ref, key = message.ref, SectionKey(message.ref, message.chunk, extractor.section)
    try:
        video, chunk, record = catalog.generation(ref), catalog.chunk(ref, message.chunk), catalog.section(key)
        if video is None or chunk is None:
            raise Gone
        if not record.state.terminal and chunk.failure is None:
            clip = chunk.clip(audio=extractor.wants_audio)
            if chunk.video_clip is None:
                publisher.publish(Topic.SPLITS, SplitWork.of(ref))
                return
            spoken = extractor.section is Section.TRANSCRIPTION
            offers = offered(video, chunk, ports) if spoken else []
            ended = without_hearing(record, offers, video)
            if ended is None and clip is not None and awaits_batch(record, video, clip, jobs, ports, settings):
                return
            catalog.commit_section(ended or with_subtitles(_worked(record, video, chunk, clip, extractor, ports, settings), offers, video))
            if record.batch_until is not None:
                forget_answer(key, ports.work)
            if spoken:
                refresh_transcription(video, ports)  # files that came or went meanwhile
        advance(ref, message.chunk, ports)
    except _ClipLost:
        catalog.commit_clips(ref, message.chunk, video_clip=None, audio_clip=None)
        publisher.publish(Topic.SPLITS, SplitWork.of(ref))
    except Gone:
        LOG.info("dropped: the video was removed or replaced", extra={"video": ref.video_id, "generation": ref.generation})
        sweep(ref, ports)


def _about(key: SectionKey) -> dict[str, object]:
    """What a line of the log says of the work."""
    return {"video": key.ref.video_id, "generation": key.ref.generation, "chunk": key.chunk, "section": key.section.value}


class _ClipLost(Exception):
    """The clip has expired from the work bucket: split cuts it again."""


def _worked(
    record: SectionRecord,
    video: Video,
    chunk: Chunk,
    clip: Clip | None,
    extractor: SectionExtractor,
    ports: Ports,
    settings: Settings,
) -> SectionRecord:
    """The section's terminal record. Raises `Retryable` when it failed with attempts left."""
    if clip is None:
        return replace(record, state=SectionState.SKIPPED, reason="there is no audio stream")
    if record.failures >= settings.max_attempts or record.attempts >= settings.max_attempts * CRASHES_PER_FAILURE:
        return replace(record, state=SectionState.FAILED, reason=record.reason or "the worker died every time it was tried")
    catalog = ports.catalog
    lease = catalog.lease(record.key, timedelta(seconds=settings.work_seconds * LEASE_PER_WORK))
    record = replace(record, attempts=lease.attempt)
    profile, answer = catalog.profile(video.collection), answer_to(record, ports.work)
    given = ClipInput(clip=clip, store=ports.work, profile=profile, language=video.language, price=video.price, answer=answer)
    try:
        found = extractor.extract(given, deadline=now() + timedelta(seconds=settings.work_seconds))
    except Skipped as why_not:
        return _ended(record, SectionState.SKIPPED, str(why_not), given.spending)
    except Blocked as refusal:
        return _ended(record, SectionState.BLOCKED, str(refusal), given.spending)
    except Outage as away:
        LOG.warning("a model is away", extra={**_about(record.key), "attempt": lease.attempt, "reason": str(away)})
        catalog.release(lease, str(away), failed=False, usage=given.spending.total)
        raise
    except ObjectNotFound as lost:
        catalog.release(lease, str(lost), usage=given.spending.total)
        raise _ClipLost from lost
    except Exception as error:  # whatever a model does to a clip must end as that section's reason
        why = f"{type(error).__name__}: {error}"
        LOG.warning("a section failed", extra={**_about(record.key), "attempt": lease.attempt, "reason": why})
        if record.failures + 1 >= settings.max_attempts:
            return _ended(replace(record, failures=record.failures + 1), SectionState.FAILED, why, given.spending)
        catalog.release(lease, why, usage=given.spending.total)
        raise Retryable(why) from error
    return _done(record, video, chunk, clip, found)


def _ended(record: SectionRecord, state: SectionState, reason: str, spending: Spending) -> SectionRecord:
    """The record of a section that there is nothing of, with what it has cost all the same."""
    return replace(record, state=state, reason=reason, usage=record.usage + spending.total)


def _done(record: SectionRecord, video: Video, chunk: Chunk, clip: Clip, found: Extraction) -> SectionRecord:
    if found.rejected:
        LOG.warning("entries were rejected", extra={**_about(record.key), "rejected": found.rejected, "model": found.model})
    return replace(
        record,
        state=SectionState.DONE,
        reason=None,
        entries=tuple(in_time(rebased(found.entries, clip, chunk, last=chunk.number == video.chunk_count - 1))),
        digest=found.digest,
        language=base_language(found.language),
        track=video.media.audio_track if video.media and record.key.section is Section.TRANSCRIPTION else None,
        model=found.model,
        prompt_version=found.prompt_version,
        usage=record.usage + found.usage,
    )


def rebased(entries: tuple[Entry, ...], clip: Clip, chunk: Chunk, *, last: bool) -> Iterator[Entry]:
    """The entries on the video's clock. The one place where the clip's measured start is added.

    An entry belongs to the chunk that holds its midpoint: clips overlap their neighbours, chunks do not. What lies before
    the first chunk or after the last belongs to those.
    """
    for entry in entries:
        span = entry.span.shifted(clip.start_ms)
        before = span.midpoint_ms < chunk.span.start_ms and chunk.number > 0
        after = span.midpoint_ms >= chunk.span.end_ms and not last
        if not before and not after:
            yield replace(entry, span=span)

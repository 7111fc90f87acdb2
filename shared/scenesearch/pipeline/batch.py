"""Half price within a day: sections that wait are collected into batch jobs; answers become work like any other chunk's.

What a job answers about a clip is kept beside the clip, and its chunk is told again: `extract` takes the answer in place of its first
request, so that it is validated, repaired and committed like one that came online. What a job does not answer in time is asked online.
Every step can be repeated: a batch is in the catalog before its job is started, a job is found again by the batch's id, and a batch
ends only when every one of its sections has an answer or was let go.
"""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, Gone, InvalidRequest, ObjectNotFound, SceneSearchError, TooLarge
from scenesearch.messages import ChunkWork, ObjectChanged, Topic
from scenesearch.metadata import CHUNK_SECTIONS, Section
from scenesearch.ports import BatchJobs, ClipInput, Job, JobState, ObjectStore, Ports
from scenesearch.price import Price
from scenesearch.video import Batch, Chunk, Clip, SectionKey, SectionRecord, Video, now, work_prefix

LOG = logging.getLogger(__name__)

BATCHES = "batches/"
"""Where the work bucket keeps the files of jobs: `batches/ID/requests.jsonl`, and what the service writes below `batches/ID/output`."""

MOST_IN_A_BATCH = 400
"""The most sections in a job: one commit moves them into it, and one call of the timer's function takes their answers in."""

START_LEASE = timedelta(minutes=10)
"""How long nobody else starts a batch whose starter has died: longer than the 540 s that a function may take."""

LOOK_AGAIN = timedelta(minutes=1)
"""A job's output may be there before the job says that it has ended."""


def awaits_batch(record: SectionRecord, video: Video, clip: Clip, jobs: BatchJobs | None, ports: Ports, settings: Settings) -> bool:
    """Whether the section waits for a batch job; the first time this is asked, it is noted that it does. Raises `Gone`, `Busy`."""
    if jobs is None or video.price is not Price.BATCH or not ports.work.uri(clip.object_name).startswith("gs://"):
        return False
    if record.batch_until is None:
        ports.catalog.await_batch(record.key, now() + timedelta(hours=settings.batch_hours))
        return True
    return record.waits_for_batch and answer_to(record, ports.work) is None


def answer_to(record: SectionRecord, work: ObjectStore) -> bytes | None:
    """Return what a batch job answered about the section; None when it did not, or when the answer did not help before."""
    if record.batch_until is None or record.failures or record.usage.tokens:
        return None
    try:
        with work.open(_answer_object(record.key)) as file:
            return file.read()
    except ObjectNotFound:
        return None


def forget_answer(key: SectionKey, work: ObjectStore) -> None:
    """Delete what a batch job may have answered about the section: it is used once, and booked once."""
    work.delete(_answer_object(key))


def ask_online(key: SectionKey, ports: Ports) -> None:
    """Let the section be asked about online from now on, and forget what a batch job may have answered. Raises `Gone`."""
    forget_answer(key, ports.work)
    ports.catalog.leave_batch(key)


def tend_batches(jobs: BatchJobs | None, ports: Ports, settings: Settings) -> None:
    """The timer's part: start what was interrupted, look after jobs under way, collect what waits into new ones.

    A batch that fails keeps no other waiting. The first failure is raised when all have been seen to: the next round goes on.
    """
    if jobs is None:
        return
    failures: list[Exception] = []
    for batch in chain(ports.catalog.batches(), _collected(ports)):
        try:
            follow(batch, jobs, ports, settings)
        except Exception as error:  # whatever is wrong with one batch, the others are due
            about = {"batch": batch.id, "job": batch.job, "reason": str(error)}
            LOG.warning("a batch could not be followed", exc_info=True, extra=about)
            failures.append(error)
    if failures:
        raise failures[0]


def output_written(change: ObjectChanged, jobs: BatchJobs | None, ports: Ports, settings: Settings) -> None:
    """The work bucket's part: what a job has written is taken in at once. Anything else that changes there is no concern of ours."""
    batch_id = change.name.removeprefix(BATCHES).partition("/")[0]
    batch = ports.catalog.batch(batch_id) if change.name.startswith(f"{BATCHES}{batch_id}/output") else None
    if jobs is None or batch is None or change.event != "OBJECT_FINALIZE":
        return
    if not follow(batch, jobs, ports, settings):
        ports.publisher.publish(Topic.BATCHES, change, delay=LOOK_AGAIN)


def follow(batch: Batch, jobs: BatchJobs, ports: Ports, settings: Settings) -> bool:
    """Bring the batch on as far as its job allows; True when it has ended. Raises `Unavailable`."""
    about = {"batch": batch.id, "section": batch.section.value}
    overdue = now() - batch.created_at > timedelta(hours=settings.batch_hours)
    if not batch.job and not overdue:
        return _started(batch, jobs, ports)
    job = _given_up(batch, jobs) if overdue else jobs.look(batch.job)
    if job.state is JobState.RUNNING:
        return False
    if job.state is not JobState.SUCCEEDED:
        LOG.warning(
            "a batch job came to nothing: its sections are asked about online", extra={**about, "job": job.name, "reason": job.reason}
        )
    _take_in(batch, jobs, ports)
    _end(batch, ports)
    return True


def _given_up(batch: Batch, jobs: BatchJobs) -> Job:
    """Return how an overdue job has ended: one that has not, or that nothing can be learnt about, is cancelled and has failed."""
    if not batch.job:
        return Job("", JobState.FAILED, "it could not be started in time")
    try:
        job = jobs.look(batch.job)
    except SceneSearchError as error:
        job = Job(batch.job, JobState.RUNNING, str(error))
    if job.state is not JobState.RUNNING:
        return job
    try:
        jobs.cancel(batch.job)
    except SceneSearchError as error:
        LOG.error("a batch job could not be cancelled: it may still cost something", extra={"job": batch.job, "reason": str(error)})
    return replace(job, state=JobState.FAILED)


def _collected(ports: Ports) -> Iterator[Batch]:
    """New batches of the sections that wait; those whose video went away are no longer among them afterwards."""
    while waiting := ports.catalog.batch_sections("", MOST_IN_A_BATCH):
        for section in CHUNK_SECTIONS:
            if keys := [key for key in waiting if key.section is section]:
                batch = Batch(id=uuid.uuid4().hex, section=section, created_at=now())
                ports.catalog.save_batch(batch, keys)
                yield batch


def _started(batch: Batch, jobs: BatchJobs, ports: Ports) -> bool:
    """Start the job, unless somebody else is at it; a start that fails may be tried again at once. True when nothing is left to start."""
    until = now() + START_LEASE
    if not ports.catalog.claim_batch(batch.id, until):
        return False
    try:
        return _start(batch, jobs, ports)
    except Exception:
        ports.catalog.claim_batch(batch.id, now(), held=until)
        raise


def _start(batch: Batch, jobs: BatchJobs, ports: Ports) -> bool:
    """Write the requests and start the job. Sections that cannot be asked about like this are let go; True when none is left."""
    folder, lines = f"{BATCHES}{batch.id}/", io.BytesIO()
    for key in ports.catalog.batch_sections(batch.id, MOST_IN_A_BATCH):
        try:
            given = _input(key, ports)
            if given is not None:
                lines.write(jobs.line(key.section, given) + b"\n")
        except (ObjectNotFound, TooLarge, InvalidRequest) as error:
            LOG.warning("a clip cannot be put into a batch", extra={"video": key.ref.video_id, "chunk": key.chunk, "reason": str(error)})
            _let_go(key, ports)
    if not lines.tell():
        _end(batch, ports)
        return True
    lines.seek(0)
    ports.work.replace(f"{folder}requests.jsonl", lines, content_type="application/jsonl")
    try:
        job = jobs.start(batch.id, ports.work.uri(f"{folder}requests.jsonl"), ports.work.uri(f"{folder}output"))
    except (InvalidRequest, ConfigurationError) as refusal:
        LOG.error("batch jobs are refused: their sections are asked about online", extra={"batch": batch.id, "reason": str(refusal)})
        _take_in(batch, jobs, ports)
        _end(batch, ports)
        return True
    ports.catalog.save_batch(replace(batch, job=job.name))
    LOG.info("started a batch job", extra={"batch": batch.id, "section": batch.section.value, "job": job.name})
    return False


def _input(key: SectionKey, ports: Ports) -> ClipInput | None:
    """What the section's extractor would be given; None when there is nothing (more) to ask."""
    catalog = ports.catalog
    try:
        video, chunk, record = catalog.generation(key.ref), catalog.chunk(key.ref, key.chunk), catalog.section(key)
    except Gone:
        return None
    clip = _clip(key, chunk)
    if video is None or clip is None or record.state.terminal:
        return None
    profile = catalog.profile(video.collection)
    return ClipInput(clip=clip, store=ports.work, profile=profile, language=video.language, price=video.price)


def _clip(key: SectionKey, chunk: Chunk | None) -> Clip | None:
    return None if chunk is None else chunk.clip(audio=key.section is Section.TRANSCRIPTION)


def _take_in(batch: Batch, jobs: BatchJobs, ports: Ports) -> None:
    """Keep each answer beside its clip and have its chunk worked on; what has no answer is let go. Safe to repeat."""
    waiting = dict(_by_uri(ports.catalog.batch_sections(batch.id, MOST_IN_A_BATCH), ports))
    for line in _output(batch, ports.work):
        answer = jobs.answer(line)
        key = waiting.get(answer.uri) if answer else None
        if answer is None or key is None:
            continue
        if answer.response is None:
            LOG.warning("a batch job could not answer", extra={"video": key.ref.video_id, "chunk": key.chunk, "reason": answer.reason})
            continue
        ports.work.replace(_answer_object(key), io.BytesIO(answer.response), content_type="application/json")
        ports.publisher.publish(Topic.CHUNKS, ChunkWork.of(key.ref, chunk=key.chunk))
        del waiting[answer.uri]
    for key in waiting.values():
        _let_go(key, ports)


def _by_uri(keys: Sequence[SectionKey], ports: Ports) -> Iterator[tuple[str, SectionKey]]:
    for key in keys:
        clip = _clip(key, ports.catalog.chunk(key.ref, key.chunk))
        if clip is not None:
            yield ports.work.uri(clip.object_name), key


def _output(batch: Batch, work: ObjectStore) -> Iterator[bytes]:
    for item in list(work.list(f"{BATCHES}{batch.id}/output")):
        if item.name.endswith(".jsonl"):
            with work.open(item.name) as file:
                yield from io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file


def _let_go(key: SectionKey, ports: Ports) -> None:
    try:
        ports.catalog.leave_batch(key)
    except Gone:
        return
    ports.publisher.publish(Topic.CHUNKS, ChunkWork.of(key.ref, chunk=key.chunk))


def _end(batch: Batch, ports: Ports) -> None:
    for item in list(ports.work.list(f"{BATCHES}{batch.id}/")):
        ports.work.delete(item.name)
    ports.catalog.end_batch(batch.id)


def _answer_object(key: SectionKey) -> str:
    return f"{work_prefix(key.ref)}answers/{key.chunk:05}-{key.section}.json"

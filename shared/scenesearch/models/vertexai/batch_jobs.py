"""Batch prediction jobs of Vertex AI: the requests of online calls as lines of a file, and the answers in another."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.metadata import Section
from scenesearch.models.vertexai.client import RetryPolicy, VertexClient
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.models.vertexai.media_parts import MediaPart
from scenesearch.ports import BatchAnswer, ClipInput, Job, JobState
from scenesearch.video import now

if TYPE_CHECKING:
    from google.genai.client import AsyncClient
    from google.genai.types import BatchJob, HttpOptions

LOG = logging.getLogger(__name__)

CALL_SECONDS = 60.0
"""How long a call about a job may take, retries included. Such calls answer within a second or two."""

ENDED_WELL = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"})
ENDED_BADLY = frozenset({"JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED", "JOB_STATE_CANCELLING"})
"""The states of the API after which a job does nothing more; in all others it may still."""

MOST_QUOTED = 300
"""The most characters of the service's own words in a log line."""

_T = TypeVar("_T")


class GeminiBatchJobs:
    """`BatchJobs` on Vertex AI. A line of the output repeats its request: the address of the clip in it says whose answer it is."""

    def __init__(self, client: VertexClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        # three tries, each of which may take half of the time: one that hangs leaves room for another
        self._policy = RetryPolicy(most=3, seconds=CALL_SECONDS / 2, pause=settings.vertexai_retry_seconds)

    def line(self, section: Section, given: ClipInput) -> bytes:
        """Return the line of a request: the very body that would be sent online. Raises `ObjectNotFound`, `TooLarge`, `InvalidRequest`."""
        request = extractor_of(section, self._client, self._settings).request(MediaPart(given.clip, given.store), given)
        return json.dumps({"request": self._client.body(request)}, ensure_ascii=False).encode()

    def start(self, name: str, source_uri: str, destination_uri: str) -> Job:
        """Start a job, or return the one with this display name. Raises `Unavailable`, `ConfigurationError`, `InvalidRequest`."""
        from google.genai import types

        async def create(http: HttpOptions, client: AsyncClient) -> BatchJob:
            async for known in await client.batches.list(
                config=types.ListBatchJobsConfig(http_options=http, filter=f'display_name="{name}"')
            ):
                if known.display_name == name:
                    return known
            config = types.CreateBatchJobConfig(http_options=http, display_name=name, dest=destination_uri)
            return await client.batches.create(model=self._settings.vertexai_bulk_model, src=source_uri, config=config)

        return _job(self._call(create))

    def look(self, job: str) -> Job:
        """Return the state of a job; one that the service no longer knows has failed. Raises `Unavailable`."""
        from google.genai import types

        async def get(http: HttpOptions, client: AsyncClient) -> BatchJob:
            return await client.batches.get(name=job, config=types.GetBatchJobConfig(http_options=http))

        try:
            return _job(self._call(get))
        except ConfigurationError as unknown:
            return Job(job, JobState.FAILED, str(unknown))

    def cancel(self, job: str) -> None:
        """Cancel a job; one that is gone needs none. Raises `Unavailable`."""
        from google.genai import types

        async def cancel(http: HttpOptions, client: AsyncClient) -> None:
            await client.batches.cancel(name=job, config=types.CancelBatchJobConfig(http_options=http))

        try:
            self._call(cancel)
        except ConfigurationError:
            LOG.info("a job to be cancelled is gone", extra={"job": job})

    def answer(self, line: bytes) -> BatchAnswer | None:
        """Return the answer in a line of output; None for whatever is no answer to one of our requests, since lines are untrusted."""
        try:
            read = json.loads(line)
            uri = next(filter(None, map(_uri, read["request"]["contents"][0]["parts"])))
        except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
            LOG.warning("a line of a batch job's output is none of ours", extra={"begins": line[:MOST_QUOTED].decode(errors="replace")})
            return None
        response = read.get("response")
        if not response:
            return BatchAnswer(uri, None, str(read.get("status") or "no response")[:MOST_QUOTED])
        return BatchAnswer(uri, json.dumps({"response": response, "processed_time": read.get("processed_time")}).encode())

    def _call(self, send: Callable[[HttpOptions, AsyncClient], Coroutine[Any, Any, _T]]) -> _T:
        return self._client.call(send, "batch jobs", self._policy, deadline=now() + timedelta(seconds=CALL_SECONDS))


def _uri(part: dict[str, Any]) -> str | None:
    """Return the address in a media part, in either spelling of JSON."""
    file = part.get("fileData") or part.get("file_data") or {}
    uri: str | None = file.get("fileUri") or file.get("file_uri")
    return uri


def _job(job: BatchJob) -> Job:
    said = job.state.value if job.state else ""
    state = JobState.SUCCEEDED if said in ENDED_WELL else JobState.FAILED if said in ENDED_BADLY else JobState.RUNNING
    return Job(job.name or "", state, f"{said} {job.error.message or '' if job.error else ''}".strip()[:MOST_QUOTED])

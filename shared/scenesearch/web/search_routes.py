"""Asking over HTTP: one path of code, two ways to read it (JSON, or events as they come)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from scenesearch.errors import InvalidRequest, SceneSearchError
from scenesearch.metadata import Section
from scenesearch.observability.logs import without_words
from scenesearch.ports import Cancellation
from scenesearch.search.answer import MAX_QUERY, Answer, Effort, FileHit, Language, Mode, Scene, SearchRequest
from scenesearch.search.query import understood
from scenesearch.timeline import Span
from scenesearch.video import Feedback, now
from scenesearch.web.access import readable, video_to_read
from scenesearch.web.presence import while_there
from scenesearch.web.site import TheCaller, TheSite

LOG = logging.getLogger(__name__)

routes = APIRouter()

Event = FileHit | Scene | Answer


_ASKED: dict[str, Any] = {"type": "string", "pattern": r"[\p{L}\p{N}]", "maxLength": MAX_QUERY}


def _either_name(schema: dict[str, Any]) -> None:
    """What the types cannot say: one of `q` and `query` is there, and asks something."""
    for name in ("q", "query"):
        schema["properties"][name] = _ASKED | {"description": schema["properties"][name].get("description", "")}
    schema["oneOf"] = [{"required": ["q"]}, {"required": ["query"]}]


def describe_question(document: dict[str, Any]) -> None:
    """OpenAPI has no "one of two" for the parameters of a GET: there it names `q` alone."""
    operation = document["paths"]["/v1/search"]["get"]
    operation["parameters"] = [one for one in operation["parameters"] if one["name"] != "query"]
    for parameter in operation["parameters"]:
        if parameter["name"] == "q":
            parameter |= {"required": True, "schema": dict(_ASKED)}


NotGiven = Literal[""]
"""As forms and addresses leave a choice open."""


class SearchParameters(BaseModel):
    """A question as it comes over the wire: `q` or `query`, and the same choices as everywhere. Empty means not given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_either_name)

    q: str | None = Field(default=None, description='What you remember. "Quoted phrases" must match.')
    query: str | None = Field(default=None, description="The same as `q`.")
    collection: str | None = None
    mode: Mode | NotGiven = Mode.BALANCED
    effort: Effort | NotGiven = Effort.STANDARD
    limit: Annotated[int, Field(ge=1, le=100)] | NotGiven = Field(default=10, description="How many scenes.")
    video_id: str | None = None
    language: Language | NotGiven | None = Field(default=None, description="Only videos in this language.")
    answer_language: Language | NotGiven | None = Field(default=None, description="Describe the scenes in it; else in the question's own.")
    speaker: str | None = None
    tag: str | None = None
    section: Section | NotGiven | None = None
    since: datetime | NotGiven | None = Field(default=None, description="Uploaded at this time or later.")
    until: datetime | NotGiven | None = Field(default=None, description="Uploaded before this time.")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, given: object) -> object:
        return {name: value for name, value in given.items() if value != ""} if isinstance(given, Mapping) else given

    @field_validator("since", "until", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        numeric = isinstance(value, str) and re.fullmatch(r"\s*[-+]?[\d._]+(e[-+]?\d+)?\s*", value, re.IGNORECASE)  # seconds since 1970
        if numeric or (value is not None and not isinstance(value, (str, datetime))):
            raise ValueError("write a time as in 2026-11-03T09:30:00Z")
        return value

    def request(self) -> SearchRequest:
        """The question. Raises `InvalidRequest` when there is none, or two."""
        if {"q", "query"} <= self.model_fields_set:
            raise InvalidRequest("`q` and `query` are two questions: leave one out")
        asked = self.q if self.q is not None else self.query
        if asked is None or not asked.strip():
            raise InvalidRequest("there is no question: say in `q` what you are looking for")
        return SearchRequest(query=asked, **self.model_dump(exclude={"q", "query"}))


class FeedbackGiven(BaseModel):
    """Somebody's word on a scene. `start` and `end` in seconds."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=MAX_QUERY, json_schema_extra={"pattern": _ASKED["pattern"]})
    video_id: str
    start: float = Field(ge=0, lt=1e7)
    end: float = Field(gt=0, lt=1e7)
    right: bool


_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Answer, "content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@routes.get("/v1/search", responses=_ANSWERS, summary="Find scenes", operation_id="search")
async def search(request: Request, given: Annotated[SearchParameters, Query()], site: TheSite, caller: TheCaller) -> Response:
    """JSON; with `Accept: text/event-stream` the events `file`, `scene`, `done` (the rest of the answer) and `error`.

    The answer's scenes are the `limit` best by score of those that came.
    """
    return await _answered(request, given, site, caller)


@routes.post("/v1/search", responses=_ANSWERS, summary="Find scenes", operation_id="search_by_post")
async def search_by_post(request: Request, given: SearchParameters, site: TheSite, caller: TheCaller) -> Response:
    """The same, for questions that should not stand in an address."""
    return await _answered(request, given, site, caller)


@routes.post("/v1/feedback", status_code=201, summary="Say whether a scene was right", operation_id="give_feedback")
def give_feedback(given: FeedbackGiven, site: TheSite, caller: TheCaller) -> FeedbackGiven:
    """Stored with the question; what reaches beyond the video's end is cut off."""
    video = video_to_read(given.video_id, caller, site.app.catalog)
    understood(given.query)
    span = Span.of_seconds(given.start, given.end).clipped(Span(0, max(1, video.duration_ms)))
    if span is None:
        raise InvalidRequest(
            f"the video has {video.duration_ms / 1000} s, so there is no scene at {given.start} s: look at the times again"
        )
    site.app.catalog.save_feedback(Feedback(query=given.query, ref=video.ref, span=span, right=given.right, caller=caller.name, at=now()))
    return given.model_copy(update={"start": span.start_s, "end": span.end_s})


async def _answered(request: Request, given: SearchParameters, site: TheSite, caller: TheCaller) -> Response:
    cancellation = Cancellation()

    def start() -> tuple[Iterator[Event], Event]:
        events = site.app.search.events(given.request(), readable(caller, site.app.catalog), cancellation)
        return events, next(events)  # what is wrong with the question shows before anything is sent

    events, first = await anyio.to_thread.run_sync(start)
    coming = _stepped(events, first)
    if "text/event-stream" in request.headers.get("accept", ""):
        return _Stream(_as_events(coming), cancellation)
    answer: Answer | None = None
    async with while_there(request.receive, cancellation):
        async for event in coming:
            if isinstance(event, Answer):
                answer = event
    return JSONResponse(answer.model_dump(mode="json")) if answer is not None else Response(status_code=499)


class _Stream(StreamingResponse):
    """Events as they come, for as long as somebody reads them."""

    def __init__(self, events: AsyncIterator[bytes], cancellation: Cancellation) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._cancellation = cancellation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with while_there(receive, self._cancellation):
            await self.stream_response(send)


async def _stepped(events: Iterator[Event], first: Event) -> AsyncIterator[Event]:
    """The events, each made in a thread. Whoever stops reading (the client is gone) ends the search."""
    end = object()
    try:
        yield first
        while (event := await anyio.to_thread.run_sync(next, events, end)) is not end:
            assert isinstance(event, (FileHit, Scene, Answer))  # noqa: S101 - for the type checker
            yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


async def _as_events(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            match event:
                case FileHit():
                    yield format_sse_event(event="file", data_str=event.model_dump_json())
                case Scene():
                    yield format_sse_event(event="scene", data_str=event.model_dump_json())
                case Answer():
                    yield format_sse_event(event="done", data_str=event.model_dump_json(exclude={"files", "scenes"}))
    except SceneSearchError as error:
        yield format_sse_event(event="error", data_str=json.dumps({"detail": str(error)}))
    except Exception as error:  # noqa: BLE001 - whatever it is, its words stay out of the log
        LOG.error("a search broke while its answer was being sent", extra={"error": without_words(error)})
        yield format_sse_event(event="error", data_str=json.dumps({"detail": "Something broke here: ask again."}))

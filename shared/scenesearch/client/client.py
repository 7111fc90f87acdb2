"""One server, asked over HTTP: the same questions, answers and errors as the application in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from scenesearch.client.faults import fault, reaching, strange
from scenesearch.client.tokens import SignedIn, base
from scenesearch.errors import InvalidRequest, SceneSearchError, Unavailable, UnreadableMedia, VideoNotFound
from scenesearch.library.views import EntryView, VideoDetails, VideoView
from scenesearch.names import called, composed
from scenesearch.search.answer import Answer, FileHit, Scene, SearchRequest
from scenesearch.timeline import Span

PATIENCE = httpx2.Timeout(90.0, connect=10.0)
"""Seconds without a byte: longer than a thorough answer may take."""

EVENT_BYTES = 4_000_000
"""The largest event of a stream that is believed: the last one holds an answer without its scenes, some kB."""

M = TypeVar("M", bound=BaseModel)


class _Videos(BaseModel):
    videos: list[VideoView]


class _Entries(BaseModel):
    entries: list[EntryView]


class _Link(BaseModel):
    url: str


class _Job(BaseModel):
    job_id: str
    state: str
    progress: float
    ready: _Link | None = None
    error: str | None = None


class _Reason(BaseModel):
    detail: str = "the answer broke off: ask again"


class Client:
    """The scenesearch that is served at `url`. A context, as it keeps connections; safe to use from several threads.

    `token` gives an ID token for each request; None: the server asks for none.
    Every method raises `Unavailable` when the server cannot be reached or does not answer in time, and else the error of ours that
    the server tells of, in its words: `NotSignedIn`, `NotAllowed`, `NotFound`, `InvalidRequest`, …
    """

    def __init__(self, url: str, *, token: Callable[[], str] | None = None, patience: httpx2.Timeout = PATIENCE) -> None:
        self._url = base(url)
        self._http = httpx2.Client(
            base_url=self._url,
            auth=SignedIn(self._url, token) if token is not None else None,
            timeout=patience,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # asking

    def search(self, request: SearchRequest) -> Answer:
        """The whole answer at once."""
        return self._told(Answer, self._sent("POST", "/v1/search", json=_asked(request)).text)

    def events(self, request: SearchRequest) -> Iterator[FileHit | Scene | Answer]:
        """Files first, then scenes as they are found, last the whole answer. Whoever stops reading ends the search on the server."""
        files: list[FileHit] = []
        scenes: list[Scene] = []
        with self._open("POST", "/v1/search", json=_asked(request), headers={"Accept": "text/event-stream"}) as response:
            for event in httpx2.EventSource(response, EVENT_BYTES):
                match event.event:
                    case "file":
                        files.append(self._told(FileHit, event.data))
                        yield files[-1]
                    case "scene":
                        scenes.append(self._told(Scene, event.data))
                        yield scenes[-1]
                    case "done":
                        best = sorted(scenes, key=lambda scene: -scene.score)[: request.limit]
                        yield self._told(Answer, event.data, files=files, scenes=best)
                        return
                    case "error":
                        raise Unavailable(self._told(_Reason, event.data).detail)
        raise Unavailable(f"{self._url} broke off in the middle of an answer: ask again")

    def feedback(self, query: str, video_id: str, span: Span, *, right: bool) -> None:
        """Say whether a scene that was found for `query` was right."""
        given = {"query": query, "video_id": video_id, "start": span.start_s, "end": span.end_s, "right": right}
        self._sent("POST", "/v1/feedback", json=given)

    # the library

    def videos(self, collection: str | None = None) -> list[VideoView]:
        """The live videos that the caller may see, newest first."""
        return self._told(_Videos, self._sent("GET", "/v1/videos", params={"collection": collection} if collection else {}).text).videos

    def video(self, video_id: str) -> VideoDetails:
        """One video and what was found out about it."""
        return self._told(VideoDetails, self._sent("GET", _of(video_id)).text)

    def find(self, wanted: str) -> VideoView:
        """The video with this id or, when just one has it, this title, object name or file name.

        Raises `VideoNotFound`; `InvalidRequest` when several fit.
        """
        known = self.videos()
        fits = [one for one in known if one.video_id == wanted]
        fits = fits or [one for one in known if composed(wanted) in called(one.title, one.name)]
        if len(fits) > 1:
            ids = ", ".join(f"{one.video_id} ({one.name})" for one in fits)
            raise InvalidRequest(f"{wanted!r} fits {len(fits)} videos, name one by its id: {ids}")
        if not fits:
            raise VideoNotFound(f"there is no video {wanted!r} at {self._url}: `scenesearch videos` lists them")
        return fits[0]

    def metadata_text(self, video_id: str) -> str:
        """The five sections of a video, one line an entry."""
        return self._sent("GET", f"{_of(video_id)}/metadata.txt").text

    def entries(self, video_id: str) -> list[EntryView]:
        """The timed lines of a video, in order of section and time."""
        return self._told(_Entries, self._sent("GET", f"{_of(video_id)}/entries").text).entries

    def retry(self, video_id: str) -> VideoView:
        """Do again what failed; returns at once."""
        return self._told(VideoView, self._sent("POST", f"{_of(video_id)}/retry").text)

    def remove(self, video_id: str) -> None:
        """Delete the upload; what was derived from it follows."""
        self._sent("DELETE", _of(video_id))

    def export(self, video_id: str, span: Span, to: Path, progress: Callable[[float], object] = lambda share: None) -> None:
        """Take a scene away as the file `to`, whole or not at all; its extension says what is made. `progress` is told from 0 to 1.

        Raises `InvalidRequest` also when the file cannot be written.
        """
        wanted = {"video_id": video_id, "start": span.start_s, "end": span.end_s, "format": to.suffix.lower().removeprefix(".")}
        draft = to.with_name(f".{to.name}.part")
        try:
            with self._open("POST", "/v1/exports", json=wanted) as made:
                if made.status_code in (httpx2.codes.CREATED, httpx2.codes.ACCEPTED):  # it lies, or will lie, in the bucket, behind a link
                    made.read()
                    long = made.status_code == httpx2.codes.ACCEPTED
                    link = self._awaited(self._told(_Job, made.text), progress) if long else self._told(_Link, made.text)
                    with httpx2.stream("GET", str(httpx2.URL(f"{self._url}/").join(link.url)), timeout=PATIENCE) as stored:
                        _save(stored, draft)
                else:
                    _save(made, draft)
            draft.replace(to)
        except OSError as error:
            raise InvalidRequest(f"{str(to)!r} cannot be written: {error.strerror or error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _awaited(self, job: _Job, progress: Callable[[float], object]) -> _Link:
        """The link of a long export, once it is made; whoever leaves before has it cancelled."""
        path = f"/v1/exports/{quote(job.job_id, safe='')}"
        try:
            while job.state == "running":
                progress(job.progress)
                job = self._told(_Job, self._sent("GET", f"{path}?wait=2").text)
        except BaseException:
            with suppress(SceneSearchError):
                self._sent("DELETE", path)
            raise
        if job.ready is None:
            raise UnreadableMedia(job.error or "the export was not made: try again")
        return job.ready

    # one request

    @contextmanager
    def _open(self, method: str, path: str, **given: Any) -> Iterator[httpx2.Response]:
        with reaching(self._url), self._http.stream(method, path, **given) as response:
            if not response.is_success:
                response.read()
                raise fault(response, self._url)
            yield response

    def _sent(self, method: str, path: str, **given: Any) -> httpx2.Response:
        with self._open(method, path, **given) as response:
            response.read()
            return response

    def _told(self, model: type[M], text: str, **known: object) -> M:
        try:
            return model.model_validate(json.loads(text) | known)
        except (ValidationError, ValueError, TypeError) as error:
            raise strange(self._url) from error


def _asked(request: SearchRequest) -> Mapping[str, Any]:
    return request.model_dump(mode="json", exclude_none=True)


def _of(video_id: str) -> str:
    return f"/v1/videos/{quote(video_id, safe='')}"


def _save(response: httpx2.Response, to: Path) -> None:
    """The body of a good answer as a file. Raises `Unavailable` when it is none."""
    if not response.is_success:
        raise Unavailable(f"the export cannot be fetched from the bucket (status {response.status_code}): try again")
    with to.open("wb") as file:
        for block in response.iter_bytes():
            file.write(block)

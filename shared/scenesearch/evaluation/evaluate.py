"""Measure search on questions with known answers, through the product's own index and stages."""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from scenesearch.bootstrap import Application
from scenesearch.config import Auth, Backend, Settings
from scenesearch.errors import InvalidRequest
from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.pipeline.advance import index_chunk
from scenesearch.ports import Ports
from scenesearch.search.answer import MAX_QUERY, Answer, Mode, SearchRequest
from scenesearch.search.modes import cutoffs_of
from scenesearch.search.search import Limits
from scenesearch.timeline import Span
from scenesearch.video import DEFAULT_COLLECTION, MediaInfo, Video, VideoRef, VideoState, now

OVERLAPS = (0.5, 0.7)
"""The temporal intersections over union from which on a scene counts as found."""
_RANKED = 100
"""Files: what R@100 looks at. The product ranks 30; every other figure is the same with these (measured on 400 questions)."""

_SCENES = 10
"""Scenes asked for: the deepest rank that is reported."""

Ask = Callable[[SearchRequest], Answer]
Model = TypeVar("Model", bound=BaseModel)


class Segment(BaseModel):
    """One timed line of a video of the set. Times in seconds."""

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    text: str
    kind: Literal["transcription", "visual", "onscreen"]
    speaker: str | None = None


class GivenVideo(BaseModel):
    """A line of `videos.jsonl`."""

    video_id: str
    title: str = ""
    summary: str = ""
    duration: float = Field(gt=0)
    segments: list[Segment]


class GivenQuestion(BaseModel):
    """A line of `queries.jsonl`: any of `spans` is right."""

    query: str
    video_id: str
    spans: list[tuple[float, float]] = Field(min_length=1)


class Figures(BaseModel):
    """Recall in percent by rank (`r@1` …): of videos, of scenes by temporal overlap, of scenes in the given video; time a question."""

    queries: int
    vr: dict[str, float]
    vcmr: dict[str, dict[str, float]]
    svmr: dict[str, dict[str, float]]
    p50_ms: float
    p95_ms: float
    index_s: float
    rejection: Rejection | None = Field(default=None, exclude_if=lambda rejection: rejection is None)


class Rejection(BaseModel):
    """In percent: of questions that nothing here answers, those to which each mode says so (`no_match`); and of the questions whose first
    scene is right (temporal overlap 0.5), those that balanced and precision still answer. `curve`: the same by cutoff, 0 to 1.
    """

    balanced: float
    precision: float
    kept: float
    kept_precision: float
    curve: dict[str, dict[str, float]]


def evaluate(
    directory: Path, *, query_field: str = "query", limit: int | None = None, through_http: bool = False, absent: Path | None = None
) -> Figures:
    """Index the videos of `directory/videos.jsonl` afresh, ask the questions of `directory/queries.jsonl` (the first `limit`).

    `absent`: another set, whose questions (`limit` of them) are asked as well, as such that nothing here answers.
    `through_http`: ask the search endpoint over a connection of this machine, not the search in this process.

    Raises:
        InvalidRequest: a file is missing, empty or does not have the shape described in the design.
    """
    others = lines_of(absent / "queries.jsonl", GivenQuestion, renamed={query_field: "query"}, limit=limit) if absent else None
    with indexed(directory, query_field=query_field, limit=limit) as given, _asking(given.app, through_http=through_http) as ask:
        figures = given.figures(ask)
        return figures if others is None else figures.model_copy(update={"rejection": _rejection(given.questions, others, ask)})


@contextmanager
def _asking(app: Application, *, through_http: bool) -> Iterator[Ask]:
    if through_http:
        with over_http(app) as ask:
            yield ask
    else:
        yield app.search.answer


@dataclass(frozen=True)
class Indexed:
    """A set whose videos are in an index of their own."""

    app: Application
    questions: Sequence[GivenQuestion]
    index_s: float

    def figures(self, ask: Ask) -> Figures:
        """What is found of all questions when they are asked this way."""
        ask(SearchRequest(query="warm up"))  # what is loaded once is not part of a question's time
        return _asked(self.questions, ask).figures(self.index_s)


@contextmanager
def indexed(directory: Path, *, query_field: str = "query", limit: int | None = None) -> Iterator[Indexed]:
    """The videos of a set in a library of their own for the time of the context. Raises `InvalidRequest` as `evaluate` does."""
    videos = lines_of(directory / "videos.jsonl", GivenVideo)
    if not videos:
        raise InvalidRequest(f"{directory / 'videos.jsonl'} holds no video")
    questions = lines_of(directory / "queries.jsonl", GivenQuestion, renamed={query_field: "query"}, limit=limit)
    if not questions:
        raise InvalidRequest(f"{directory / 'queries.jsonl'} holds no question")
    known = {video.video_id for video in videos}
    strange = next((question.video_id for question in questions if question.video_id not in known), None)
    if strange is not None:
        raise InvalidRequest(f"{directory / 'queries.jsonl'} asks about video {strange!r}, which videos.jsonl does not have")
    with tempfile.TemporaryDirectory(prefix="scenesearch-evaluate-") as home:
        settings = Settings.load().model_copy(update={"home": Path(home), "backend": Backend.LOCAL, "auth": Auth.NONE})
        app = Application(settings, limits=Limits(files_ranked=_RANKED, cutoffs=cutoffs_of(settings)))
        began = time.perf_counter()
        for video in videos:
            put(video, app.ports, round(settings.chunk_seconds * 1000))
        yield Indexed(app, questions, round(time.perf_counter() - began, 1))


@contextmanager
def over_http(app: Application) -> Iterator[Ask]:
    """Asks the search endpoint, served on this machine for the time of the context."""
    from scenesearch.client.client import Client
    from scenesearch.web.server import served
    from scenesearch.web.sites import search_site

    with served(search_site(app)) as url, Client(url) as client:
        yield client.search


def requests(question: GivenQuestion) -> tuple[SearchRequest, SearchRequest]:
    """What is asked for a question: among all videos, and in the one it is about."""
    anywhere = SearchRequest(query=question.query[:MAX_QUERY], limit=_SCENES)
    return anywhere, anywhere.model_copy(update={"video_id": question.video_id})


@dataclass
class _Tally:
    """The ranks (from 0; None: not found) at which the right answers came."""

    videos: list[int | None] = field(default_factory=list)
    scenes: dict[float, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    given: dict[float, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    took_ms: list[float] = field(default_factory=list)

    def figures(self, index_s: float) -> Figures:
        return Figures(
            queries=len(self.videos),
            vr=_recall(self.videos, (1, 5, 10, 100)),
            vcmr={str(least): _recall(self.scenes[least], (1, 5, 10)) for least in OVERLAPS},
            svmr={str(least): _recall(self.given[least], (1, 5)) for least in OVERLAPS},
            p50_ms=round(float(np.percentile(self.took_ms, 50)), 1),
            p95_ms=round(float(np.percentile(self.took_ms, 95)), 1),
            index_s=index_s,
        )


def _asked(questions: Sequence[GivenQuestion], ask: Ask) -> _Tally:
    tally = _Tally()
    for question in questions:
        anywhere, there = requests(question)
        began = time.perf_counter()
        answer = answered(ask, anywhere)
        tally.took_ms.append((time.perf_counter() - began) * 1000)
        within = answered(ask, there)
        tally.videos.append(next((n for n, file in enumerate(answer.files if answer else ()) if file.video_id == question.video_id), None))
        for least in OVERLAPS:
            tally.scenes[least].append(_rank(answer, question, least))
            tally.given[least].append(_rank(within, question, least))
    return tally


def _rejection(questions: Sequence[GivenQuestion], absent: Sequence[GivenQuestion], ask: Ask) -> Rejection:
    def in_mode(question: GivenQuestion, mode: Mode) -> Answer | None:
        return answered(ask, requests(question)[0].model_copy(update={"mode": mode}))

    def share(said: Sequence[bool]) -> float:
        return round(100 * sum(said) / max(1, len(said)), 2)

    balanced = [answer for question in absent if (answer := in_mode(question, Mode.BALANCED)) is not None]
    precise = [answer for question in absent if (answer := in_mode(question, Mode.PRECISION)) is not None]
    own = [(question, in_mode(question, Mode.BALANCED)) for question in questions]
    right = [(question, answer) for question, answer in own if answer is not None and _rank(answer, question, OVERLAPS[0]) == 0]
    still = [answer for question, _ in right if (answer := in_mode(question, Mode.PRECISION)) is not None]
    tops = [answer.scenes[0].score if answer.scenes else 0.0 for answer in balanced]
    of_right = [answer.scenes[0].score for _, answer in right]
    return Rejection(
        balanced=share([answer.no_match for answer in balanced]),
        precision=share([answer.no_match for answer in precise]),
        kept=share([not answer.no_match for _, answer in right]),
        kept_precision=share([not answer.no_match for answer in still]),
        curve={
            f"{cutoff:.2f}": {"rejected": share([top < cutoff for top in tops]), "kept": share([top >= cutoff for top in of_right])}
            for cutoff in (n / 20 for n in range(1, 20))
        },
    )


def answered(ask: Ask, request: SearchRequest) -> Answer | None:
    """The answer; None for a question without a word in it, which counts as missed."""
    try:
        return ask(request)
    except InvalidRequest:
        return None


def _rank(answer: Answer | None, question: GivenQuestion, least: float) -> int | None:
    for rank, scene in enumerate(answer.scenes if answer else ()):
        if scene.video_id == question.video_id and any(_overlap(scene.start, scene.end, a, b) >= least for a, b in question.spans):
            return rank
    return None


def _overlap(start: float, end: float, a: float, b: float) -> float:
    """Temporal intersection over union of two spans in seconds."""
    return max(0.0, min(end, b) - max(start, a)) / max(1e-9, max(end, b) - min(start, a))


def _recall(ranks: Sequence[int | None], depths: Sequence[int]) -> dict[str, float]:
    found = [rank for rank in ranks if rank is not None]
    return {f"r@{depth}": round(100 * sum(rank < depth for rank in found) / max(1, len(ranks)), 2) for depth in depths}


def put(given: GivenVideo, ports: Ports, chunk_ms: int) -> None:
    """Store the video as one that is ready, its moments in the index chunk by chunk: all that search needs, without a file."""
    at = now()
    media = MediaInfo(container="", duration_ms=round(given.duration * 1000), video_codec="", width=0, height=0, frame_rate=0)
    video = ports.catalog.begin(
        Video(
            ref=VideoRef(given.video_id, 1),
            bucket="evaluate",
            name=given.video_id,
            collection=DEFAULT_COLLECTION,
            title=given.title,
            summary=given.summary,
            media=media,
            state=VideoState.READY,
            created_at=at,
            updated_at=at,
        )
    )
    chunks: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries_of(given):
        chunks[entry.span.midpoint_ms // chunk_ms].append(entry)
    for number, entries in sorted(chunks.items()):
        index_chunk(video, number, entries, ports)


def entries_of(given: GivenVideo) -> Iterator[Entry]:
    """The lines of a video of the set as what extraction would have made of it."""
    for segment in given.segments:
        start = round(segment.start * 1000)
        span = Span(start, max(start + 1, round(segment.end * 1000)))
        match segment.kind:
            case "transcription":
                yield Entry(section=Section.TRANSCRIPTION, span=span, text=segment.text, speaker=segment.speaker)
            case "visual":
                yield Entry(section=Section.VISUAL_INFO, span=span, text=segment.text)
            case "onscreen":
                yield Entry(section=Section.TEXTS, span=span, text=segment.text, lines=(segment.text,), kind=TextKind.TEXT)


def lines_of(path: Path, model: type[Model], *, renamed: dict[str, str] | None = None, limit: int | None = None) -> list[Model]:
    """The lines of a JSONL file. Raises `InvalidRequest`, naming the line."""
    found: list[Model] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if limit is not None and len(found) == limit:
                    break
                if line.strip():
                    found.append(_line(f"{path}:{number}", line, model, renamed or {}))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read ({error}): give a directory with videos.jsonl and queries.jsonl") from error
    return found


def _line(where: str, line: str, model: type[Model], renamed: dict[str, str]) -> Model:
    try:
        document = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{where} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"{where} is no JSON object")
    for there, here in renamed.items():
        if there not in document:
            raise InvalidRequest(f"{where} has no field {there!r}")
        document[here] = document[there]
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error

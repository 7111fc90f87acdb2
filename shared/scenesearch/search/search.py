"""Asking: authorise, understand, rank files, read the best of them, ground what is found, verify it, answer.

Everything is told as soon as it is known: files first, then scenes, last the whole answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from scenesearch.metadata import Entry
from scenesearch.ports import Cancellation, Catalog, Embedder, Filters, SceneIndex, SceneReader, SceneWatcher, ScoreScale
from scenesearch.search.answer import Answer, Effort, Evidence, FileHit, Mode, Scene, SearchRequest, Spent
from scenesearch.search.authorise import authorised
from scenesearch.search.file_stage import FileMatch, rank_files
from scenesearch.search.grounding import GroundedScene
from scenesearch.search.inquiry import Inquiry
from scenesearch.search.modes import ModePreset, default_cutoffs
from scenesearch.search.query import understood
from scenesearch.search.reading_list import files_that_pass, files_to_read, text_decides
from scenesearch.search.scene_stage import FileRead, FileToRead, SceneStage
from scenesearch.search.top_scenes import TopScenes
from scenesearch.search.verification import verify
from scenesearch.video import Usage, Video, now

LOG = logging.getLogger(__name__)

CANNOT_WATCH = "nothing here can watch the clips: the scenes are confirmed by the text alone"

Event = FileHit | Scene | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long reading and watching may take, how many files are ranked, and the score that an answer must reach in each mode."""

    reading: timedelta = timedelta(seconds=20)
    watching: timedelta = timedelta(seconds=60)
    files_ranked: int = 30
    cutoffs: Mapping[Mode, float] = field(default_factory=default_cutoffs)


class Search:
    """Both stages, over whatever catalog, index and models there are. Safe to use from several threads."""

    def __init__(
        self,
        catalog: Catalog,
        index: SceneIndex,
        embedder: Embedder,
        readers: tuple[SceneReader, SceneWatcher | None],
        limits: Limits | None = None,
    ) -> None:
        """`readers`: the reader of metadata text, and the watcher of clips for `thorough`, if there is one."""
        self._catalog, self._index, self._embedder = catalog, index, embedder
        self._reader, self._watcher = readers
        self._limits = limits or Limits()

    def answer(self, request: SearchRequest, readable: frozenset[str] | None = None) -> Answer:
        """Return the whole answer. `readable`: the collections that the caller may read; None: all.

        Raises:
            InvalidRequest: the question cannot be understood.
            NotFound: there is no such collection or video (that the caller may read).
            IndexMismatch: the index was built with another embedder.
            Unavailable: index or catalog do not answer.
        """
        *_, last = self.events(request, readable)
        assert isinstance(last, Answer)  # noqa: S101 - for the type checker
        return last

    def events(
        self, request: SearchRequest, readable: frozenset[str] | None = None, cancellation: Cancellation | None = None
    ) -> Iterator[Event]:
        """Yield files, then scenes as each file is read, and last the whole answer: the `limit` best of these scenes.

        A scene is yielded when it is among the best so far, so that the first one does not wait for the slowest file; better ones may
        follow. After a cancellation it ends without an answer. Raises what `answer` raises, before the first event.
        """
        began = time.monotonic()
        query = understood(request.query)
        filters = authorised(request, readable, self._catalog)
        inquiry = Inquiry(request, query, self._index, self._embedder, cancellation or Cancellation())
        return self._until_left(inquiry, self._stages(inquiry, filters, began))

    def _until_left(self, inquiry: Inquiry, stages: Generator[Event, None, None]) -> Iterator[Event]:
        """Yield the events; when they end, early or not, cancel all work that still runs for them."""
        answered = False
        try:
            with closing(stages) as events:
                for event in events:
                    answered = isinstance(event, Answer)
                    yield event
        finally:
            inquiry.cancellation.cancel()
            if not answered and inquiry.spending.total.tokens:
                cost = _cost(inquiry.spending.total)
                LOG.info("a question was left unanswered", extra={"effort": inquiry.request.effort, **cost})

    def _stages(self, inquiry: Inquiry, filters: Filters, began: float) -> Generator[Event, None, None]:
        """The order of an answer."""
        request, depth = inquiry.request, self._limits.files_ranked
        ranking = rank_files(inquiry.probe, request, filters, self._index, self._catalog, depth=depth)
        if by_text := text_decides(inquiry):
            reading = files_that_pass(ranking, inquiry, self._catalog, depth=depth)
            ranking = reading.ranking
        files = [_file_hit(match, inquiry.probe.scale) for match in ranking.files]
        yield from files
        if not by_text:  # known before the texts are looked up
            reading = files_to_read(ranking, inquiry, self._catalog)
        watched = request.effort is Effort.THOROUGH and self._watcher is not None
        best = TopScenes(request.limit)
        for read in self._read(reading.files, inquiry):
            inquiry.missed(read.failure)
            for scene in read.scenes:
                if _wanted(scene, inquiry.preset) and (self._answers(scene, inquiry) or not inquiry.preset.answers_only):
                    shown = _scene(read.video, scene)
                    if best.take(shown) and not watched:
                        yield shown
        scenes = best.best()
        if watched and not inquiry.cancellation.cancelled:
            scenes = self._verified(scenes, inquiry)
            yield from () if inquiry.cancellation.cancelled else scenes
        if inquiry.cancellation.cancelled:
            return
        if request.effort is Effort.THOROUGH and self._watcher is None:
            inquiry.missed(CANNOT_WATCH)
        spent = inquiry.spending.total
        if spent.tokens:
            LOG.info("a question was answered", extra={"effort": request.effort, "files": len(reading.files), **_cost(spent)})
        yield Answer(
            query=request.query.encode("utf-8", "replace").decode(),
            mode=request.mode,
            effort=request.effort,
            degraded="; ".join(inquiry.reasons) or None,
            truncated=ranking.truncated,
            no_match=not any(self._answers(scene, inquiry) for scene in scenes),
            took_ms=round((time.monotonic() - began) * 1000),
            files=files,
            scenes=scenes,
            usage=Spent(tokens=dict(spent.tokens), cost_usd=round(spent.cost_usd, 6)) if spent.tokens else None,
        )

    def _answers(self, scene: GroundedScene | Scene, inquiry: Inquiry) -> bool:
        """Return whether a scene answers the question; one that contains the quoted phrases does."""
        return bool(inquiry.query.phrases) or scene.score >= self._limits.cutoffs[inquiry.request.mode]

    def _read(self, files: Sequence[FileToRead], inquiry: Inquiry) -> Iterator[FileRead]:
        """Yield each file when it has been read, with grounded scenes; with the least effort, the scenes of the index."""
        stage = SceneStage(inquiry.query, inquiry.question, per_file=inquiry.per_file)
        if inquiry.request.effort is Effort.FAST:
            return (stage.known(file) for file in files)
        return stage.read(files, self._reader, cancellation=inquiry.cancellation, deadline=now() + self._limits.reading)

    def _verified(self, scenes: list[Scene], inquiry: Inquiry) -> list[Scene]:
        """Return the scenes after verification."""
        assert self._watcher is not None  # noqa: S101 - for the type checker
        videos = self._catalog.live(list({scene.video_id for scene in scenes}))
        deadline = now() + self._limits.watching
        mode = inquiry.request.mode
        verified = verify(scenes, videos, inquiry.question, mode, self._watcher, cancellation=inquiry.cancellation, deadline=deadline)
        inquiry.missed(verified.failure)
        return verified.scenes


def _wanted(scene: GroundedScene, preset: ModePreset) -> bool:
    return scene.score >= preset.least_score and (scene.grounded or not preset.grounded_only)


def _file_hit(match: FileMatch, scale: ScoreScale) -> FileHit:
    video = match.video
    return FileHit(
        video_id=video.ref.video_id,
        title=video.title,
        collection=video.collection,
        score=round(scale.score(match.strength), 4),
        duration=video.duration_ms / 1000,
    )


def _scene(video: Video, scene: GroundedScene) -> Scene:
    return Scene(
        video_id=video.ref.video_id,
        title=video.title,
        timestamp=str(scene.span),
        start=scene.span.start_s,
        end=scene.span.end_s,
        description=scene.description,
        evidence=[_evidence(entry) for entry in scene.evidence],
        grounded=scene.grounded,
        score=round(scene.score, 6),
    )


def _evidence(entry: Entry) -> Evidence:
    return Evidence(section=entry.section, timestamp=str(entry.span), speaker=entry.speaker, text=entry.text)


def _cost(spent: Usage) -> dict[str, object]:
    return {"tokens": dict(spent.tokens), "cost_usd": spent.cost_usd}

"""Asking: the question understood, files ranked, the best of them read, and everything told as soon as it is known."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scenesearch.errors import ConfigurationError, NotFound, SceneSearchError
from scenesearch.metadata import Entry, one_line
from scenesearch.names import same, spellings
from scenesearch.ports import (
    Candidate,
    Catalog,
    Embedder,
    Filters,
    Probe,
    Question,
    SceneIndex,
    SceneReader,
    SceneWatcher,
    ScoreScale,
    Spending,
)
from scenesearch.ranking.phrases import occurrences
from scenesearch.search.answer import Answer, Effort, Evidence, FileHit, Mode, Scene, SearchRequest, Spent
from scenesearch.search.asker import Asker
from scenesearch.search.choices import CHOICES, Choices
from scenesearch.search.confirming import Confirmed, confirm
from scenesearch.search.file_stage import FileMatch, FileRanking, rank_files
from scenesearch.search.grounding import GroundedScene
from scenesearch.search.kept import Kept
from scenesearch.search.query import understood
from scenesearch.search.scene_stage import FileRead, FileToRead, SceneStage
from scenesearch.timeline import Span
from scenesearch.video import Profile, Usage, Video, base_language, now

LOG = logging.getLogger(__name__)

MOMENTS_READ = 40
"""Moments of a file that a reader is shown the neighbourhoods of."""

MOMENTS_LOOKED_AT = 400
"""Moments of a file that are looked through where only their text tells whether they may answer."""

WORDS_ALONE = ScoreScale(mean=0.0, std=1.0, midpoint=2.0)
"""The scale of a question that has no vector: its words alone count, and two thirds of them are as good as even."""

CANNOT_WATCH = "nothing here can watch the clips: the scenes are confirmed by the text alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the parts of an answer may take, and how many files are ranked."""

    reading: timedelta = timedelta(seconds=20)
    watching: timedelta = timedelta(seconds=60)
    files_ranked: int = 30


class Search:
    """Both stages, over whatever catalog, index and models there are. Safe to use from several threads."""

    def __init__(
        self,
        catalog: Catalog,
        index: SceneIndex,
        embedder: Embedder,
        reader: SceneReader,
        watcher: SceneWatcher | None = None,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._catalog, self._index, self._embedder = catalog, index, embedder
        self._reader, self._watcher = reader, watcher
        self._patience = patience or Patience()

    def answer(self, request: SearchRequest, readable: frozenset[str] | None = None) -> Answer:
        """The whole answer. `readable`: the collections that the caller may read; None: all.

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
        self, request: SearchRequest, readable: frozenset[str] | None = None, asker: Asker | None = None
    ) -> Iterator[FileHit | Scene | Answer]:
        """Files first, then scenes as each file is read, last the whole answer: the `limit` best of the scenes that came.

        A scene comes when it is among the best so far, so that the first one need not wait for the slowest file; better ones may follow.
        Once the asker has left, it ends without an answer. Raises what `answer` raises, before the first event.
        """
        asking = _Asking(
            request, readable, asker or Asker(), self._catalog, self._index, self._embedder, self._reader, self._watcher, self._patience
        )
        return asking.events()


class _Asking:
    """One question on its way."""

    def __init__(
        self,
        request: SearchRequest,
        readable: frozenset[str] | None,
        asker: Asker,
        catalog: Catalog,
        index: SceneIndex,
        embedder: Embedder,
        reader: SceneReader,
        watcher: SceneWatcher | None,
        patience: Patience,
    ) -> None:
        self._began = time.monotonic()
        self._request, self._asker = request, asker
        self._catalog, self._index, self._embedder = catalog, index, embedder
        self._reader, self._watcher, self._patience = reader, watcher, patience
        self._query = understood(request.query)
        self._reasons: list[str] = []
        self._spending = Spending()
        self._filters = Filters(
            collections=self._collections(readable),
            language=base_language(request.language),
            video_id=request.video_id,
            section=request.section,
        )
        self._profiles: dict[str, Profile] = {}

    def events(self) -> Iterator[FileHit | Scene | Answer]:
        answered = False
        try:
            with closing(self._events()) as events:
                for event in events:
                    answered = isinstance(event, Answer)
                    yield event
        finally:
            self._asker.leave()  # whoever still works for it, being late or because nobody reads on, may stop
            if not answered and self._spending.total.tokens:
                LOG.info("a question was left unanswered", extra={"effort": self._request.effort, **_cost(self._spending.total)})

    def _events(self) -> Generator[FileHit | Scene | Answer, None, None]:
        ranking = self._ranking()
        if self._text_tells:
            ranking, to_read = self._told_apart(ranking)
            hits = [self._file_hit(match) for match in ranking.files]
            yield from hits
        else:
            hits = [self._file_hit(match) for match in ranking.files]
            yield from hits  # before their texts are looked up
            to_read = self._to_read(ranking.files[: self._choices.files], MOMENTS_READ)
        reasons = self._reasons
        kept = Kept(self._request.limit)
        for read in self._readings(to_read):
            if read.failure is not None and read.failure not in reasons:
                reasons.append(read.failure)
            for scene in read.scenes:
                if self._wanted(scene):
                    told = self._scene(read.video, scene)
                    if kept.take(told) and not self._watching:
                        yield told
        scenes = kept.best()
        if self._watching and not self._asker.left:
            confirmed = self._confirmed(scenes)
            scenes = confirmed.scenes
            reasons += [confirmed.failure] if confirmed.failure else []
            yield from () if self._asker.left else scenes
        if self._asker.left:
            return
        if self._request.effort is Effort.THOROUGH and self._watcher is None:
            reasons.append(CANNOT_WATCH)
        spent = self._spending.total
        if spent.tokens:
            LOG.info("a question was answered", extra={"effort": self._request.effort, "files": len(to_read), **_cost(spent)})
        yield Answer(
            query=self._request.query.encode("utf-8", "replace").decode(),
            mode=self._request.mode,
            effort=self._request.effort,
            degraded="; ".join(reasons) or None,
            truncated=ranking.truncated,
            took_ms=round((time.monotonic() - self._began) * 1000),
            files=hits,
            scenes=scenes,
            usage=Spent(tokens=dict(spent.tokens), cost_usd=round(spent.cost_usd, 6)) if spent.tokens else None,
        )

    # what is asked

    def _collections(self, readable: frozenset[str] | None) -> frozenset[str] | None:
        """The collections to look in. What the caller may not read is as if it did not exist."""
        name, wanted = self._request.collection, self._request.video_id
        if name is not None:
            asked = spellings(name) if readable is None else spellings(name) & readable
            if not any(map(self._exists, sorted(asked))):
                raise NotFound(f"there is no collection {one_line(name)!r} here that you may read")
            readable = asked
        if wanted is not None:
            video = self._catalog.video(wanted)
            if video is None or (readable is not None and video.collection not in readable):
                raise NotFound(f"there is no video {one_line(wanted)!r} here that you may read")
        return readable

    def _exists(self, collection: str) -> bool:
        return self._catalog.collection(collection) is not None or any(True for _ in self._catalog.videos(frozenset({collection})))

    @cached_property
    def _probe(self) -> Probe:
        vector, scale = self._meaning()
        return Probe(
            vector=vector,
            scale=scale,
            words=self._index.weigh(self._query.words),
            text=self._query.text,
            phrases=tuple(phrase.words for phrase in self._query.phrases),
            sections=self._query.sections,
        )

    def _meaning(self) -> tuple[NDArray[np.float32], ScoreScale]:
        """The question's vector and the scale it is read on. When the model gives none, zeros: the words are asked alone."""
        try:
            return self._embedder.queries([self._query.text])[0], self._embedder.scale
        except SceneSearchError as error:
            if isinstance(error, ConfigurationError):  # nothing that passes: whoever runs this must hear of it
                LOG.error("questions have no vectors", extra={"reason": str(error)})
            self._reasons.append(f"only the words were looked for, the embedder failed: {error}")
            return np.zeros(self._embedder.dimension, np.float32), WORDS_ALONE

    @cached_property
    def _question(self) -> Question:
        return Question(
            text=one_line(self._request.query),
            phrases=tuple(phrase.written for phrase in self._query.phrases),
            language=self._request.answer_language or self._query.language,
            precise=self._request.mode is Mode.PRECISION,
            sections=self._query.sections,
            words=self._probe.words,
            scale=self._probe.scale,
            spending=self._spending,
            asker=self._asker,
        )

    @cached_property
    def _choices(self) -> Choices:
        return CHOICES[self._request.mode]

    # files

    def _ranking(self) -> FileRanking:
        return rank_files(self._probe, self._request, self._filters, self._index, self._catalog, depth=self._patience.files_ranked)

    def _to_read(self, files: Sequence[FileMatch], depth: int) -> list[FileToRead]:
        """The files with their (at most) `depth` strongest moments; those of which there are none any more are left out."""
        candidates = self._index.read([match.video.ref for match in files], self._probe, depth)
        return [
            FileToRead(match.video, self._profile(match.video.collection), tuple(mine))
            for match in files
            if (mine := candidates.get(match.video.ref))
        ]

    @property
    def _text_tells(self) -> bool:
        """Whether only its text tells if a moment may answer: who speaks, and phrases of stop words alone, are in no index."""
        filtered = self._request.section is not None or self._request.speaker is not None
        return filtered or any(not phrase.words for phrase in self._query.phrases)

    def _told_apart(self, ranking: FileRanking) -> tuple[FileRanking, list[FileToRead]]:
        """The files of a ranking that may answer by their text, and the best of them with what may be evidence of the moments that may."""
        found = self._to_read(ranking.files, MOMENTS_LOOKED_AT)
        full = len(ranking.files) == self._patience.files_ranked or any(len(file.candidates) == MOMENTS_LOOKED_AT for file in found)
        narrowed = (replace(file, candidates=tuple(self._narrowed(file.candidates))[:MOMENTS_READ]) for file in found)
        to_read = [file for file in narrowed if file.candidates]
        left, most = {file.video.ref for file in to_read}, self._choices.files
        files = tuple(match for match in ranking.files if match.video.ref in left)
        return replace(ranking, files=files, truncated=ranking.truncated or full or len(to_read) > most), to_read[:most]

    def _narrowed(self, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        """Those that may answer, with the entries that may be evidence."""
        wordless = [phrase.written for phrase in self._query.phrases if not phrase.words]
        for candidate in candidates:
            rows = [replace(row, entries=tuple(filter(self._admits, row.entries))) for row in candidate.moment.rows]
            moment = replace(candidate.moment, rows=tuple(rows))
            if moment.entries and all(occurrences(phrase, moment.entries) for phrase in wordless):
                yield replace(candidate, moment=moment)

    def _admits(self, entry: Entry) -> bool:
        """Whether an entry may be evidence under the filters of the request."""
        section, speaker = self._request.section, self._request.speaker
        spoken = speaker is None or (entry.speaker is not None and same(one_line(entry.speaker), one_line(speaker)))
        return spoken and (section is None or entry.section is section)

    def _profile(self, collection: str) -> Profile:
        if collection not in self._profiles:
            self._profiles[collection] = self._catalog.profile(collection)
        return self._profiles[collection]

    # scenes

    def _readings(self, files: list[FileToRead]) -> Iterator[FileRead]:
        stage = SceneStage(self._query, self._question, per_file=self._per_file)
        if self._request.effort is Effort.FAST:
            return (stage.known(file) for file in files)
        return stage.read(files, self._reader, asker=self._asker, deadline=now() + self._patience.reading)

    @property
    def _per_file(self) -> int:
        """The most scenes of one file."""
        return self._request.limit if self._request.video_id is not None else self._choices.per_file

    def _wanted(self, scene: GroundedScene) -> bool:
        choices = self._choices
        return scene.score >= choices.least_score and (scene.grounded or not choices.grounded_only)

    @property
    def _watching(self) -> bool:
        return self._request.effort is Effort.THOROUGH and self._watcher is not None

    def _confirmed(self, scenes: list[Scene]) -> Confirmed:
        assert self._watcher is not None  # noqa: S101 - for the type checker
        videos = self._catalog.live(list({scene.video_id for scene in scenes}))
        deadline = now() + self._patience.watching
        return confirm(scenes, videos, self._question, self._request.mode, self._watcher, asker=self._asker, deadline=deadline)

    # what is told

    def _file_hit(self, match: FileMatch) -> FileHit:
        video = match.video
        return FileHit(
            video_id=video.ref.video_id,
            title=video.title,
            collection=video.collection,
            score=round(self._probe.scale.score(match.strength), 4),
            duration=video.duration_ms / 1000,
        )

    def _scene(self, video: Video, scene: GroundedScene) -> Scene:
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


def _cost(spent: Usage) -> dict[str, object]:
    return {"tokens": dict(spent.tokens), "cost_usd": spent.cost_usd}


def _evidence(entry: Entry) -> Evidence:
    return Evidence(
        section=entry.section, timestamp=str(Span(entry.span.start_ms, entry.span.end_ms)), speaker=entry.speaker, text=entry.text
    )

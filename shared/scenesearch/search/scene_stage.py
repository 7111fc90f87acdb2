"""The scene stage: the best files read at once, each as soon as it can be; what comes back is grounded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from scenesearch.errors import SceneSearchError
from scenesearch.metadata import one_line
from scenesearch.moments import Passage, Window
from scenesearch.observability.logs import without_words
from scenesearch.ports import Cancellation, Candidate, FoundScene, Question, Reading, SceneReader
from scenesearch.ranking.evidence import evidence_lines, line_strengths
from scenesearch.search.grounding import GroundedScene, ground, merged
from scenesearch.search.passages import passages_of
from scenesearch.search.query import Query
from scenesearch.video import Profile, Video

LOG = logging.getLogger(__name__)

BUDGET = 24_000
"""The most characters of one video that a reader gets: some six thousand tokens, however long the video is."""

DESCRIPTION = 200
"""The most characters of a description that is joined from lines."""


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file from the file stage, with its strongest moments, strongest first."""

    video: Video
    profile: Profile
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class FileRead:
    """The result of reading a file: its grounded and ungrounded scenes, best first; `failure` says why the reader gave none."""

    video: Video
    scenes: tuple[GroundedScene, ...]
    failure: str | None = None


class SceneStage:
    """Reads files for one question."""

    def __init__(self, query: Query, question: Question, *, per_file: int) -> None:
        self._query, self._question, self._per_file = query, question, per_file

    def read(
        self, files: Sequence[FileToRead], reader: SceneReader, *, cancellation: Cancellation, deadline: datetime
    ) -> Iterator[FileRead]:
        """Yield each file when it has been read. Where the reader fails or is late, its scenes are those of the index, with the reason.

        Ends when cancelled.
        """
        if not files:
            return
        pool = ThreadPoolExecutor(min(reader.at_once, len(files)), thread_name_prefix="reader")
        try:
            waiting: dict[Future[FileRead], FileToRead] = {pool.submit(self._read, file, reader, deadline): file for file in files}
            while waiting:
                done = cancellation.wait(waiting, deadline)
                if cancellation.cancelled:
                    return
                if not done:
                    break
                for future in done:
                    yield self._outcome(future, waiting.pop(future))
            for file in waiting.values():
                yield self.known(file, failure="the reader did not answer in time")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def known(self, file: FileToRead, failure: str | None = None) -> FileRead:
        """Return the scenes that the index alone finds in a file: its strongest moments that do not overlap."""
        passages = passages_of(file.candidates, BUDGET)
        scenes: list[GroundedScene] = []
        for candidate in file.candidates:
            if len(scenes) == self._per_file:
                break
            found = self._as_scene(candidate)
            scene = self._grounded(found, passages, file.video)
            if scene is not None and not any(scene.span.overlaps(other.span) for other in scenes):
                scenes.append(scene)
        return FileRead(file.video, tuple(scenes), failure)

    def _read(self, file: FileToRead, reader: SceneReader, deadline: datetime) -> FileRead:
        passages = passages_of(file.candidates, BUDGET)
        reading = Reading(video=file.video, passages=passages, profile=file.profile)
        found = reader.read(self._question, reading, limit=self._per_file, deadline=deadline)
        scenes = (self._grounded(scene, passages, file.video) for scene in found[: self._per_file])
        return FileRead(file.video, merged([scene for scene in scenes if scene is not None]))

    def _outcome(self, future: Future[FileRead], file: FileToRead) -> FileRead:
        try:
            return future.result()
        except SceneSearchError as error:
            return self.known(file, failure=f"the reader failed: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, its words stay out of the log
            LOG.error("a reader broke", extra={"video": file.video.ref.video_id, "error": without_words(error)})
            return self.known(file, failure="the reader failed")

    def _grounded(self, found: FoundScene, passages: Sequence[Passage], video: Video) -> GroundedScene | None:
        return ground(found, passages, self._query.phrases, duration_ms=video.duration_ms, tight=self._query.only_phrases)

    def _as_scene(self, candidate: Candidate) -> FoundScene:
        rows = candidate.moment.rows
        lines = line_strengths(rows, (Window(0, len(rows), candidate.similarity),), self._question)
        strengths = np.concatenate([of.strengths for of in lines])
        entries = evidence_lines([entry for row in rows for entry in row.entries], strengths.tolist(), self._question.phrases)
        return FoundScene(
            span=candidate.moment.span,
            description=one_line(" · ".join(dict.fromkeys(entry.text for entry in entries)))[:DESCRIPTION],
            quotes=tuple(entry.text for entry in entries),
            score=self._question.scale.score(candidate.strength),
        )

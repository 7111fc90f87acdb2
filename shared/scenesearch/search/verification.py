"""Verification for `thorough`: a model watches the clip of each scene and says which criteria of the question are met."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass
from datetime import datetime

from scenesearch.errors import SceneSearchError
from scenesearch.observability.logs import without_words
from scenesearch.ports import Cancellation, Question, SceneWatcher
from scenesearch.search.answer import Mode, Scene
from scenesearch.timeline import Span
from scenesearch.video import Video

LOG = logging.getLogger(__name__)

AT_ONCE = 8
"""The most scenes of a question that are watched at once, each by a request."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The verified scenes in their new order; `failure` says why some could not be watched."""

    scenes: list[Scene]
    failure: str | None = None


def verify(
    scenes: Sequence[Scene],
    videos: Mapping[str, Video],
    question: Question,
    mode: Mode,
    watcher: SceneWatcher,
    *,
    cancellation: Cancellation,
    deadline: datetime,
) -> Verified:
    """Watch each scene: one that misses a criterion is dropped (precision), dropped if it meets none (balanced), or moved down (recall).

    A scene that cannot be watched in time keeps its score. Nothing more is watched after a cancellation.
    """
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="watcher")
    try:
        watched = [
            pool.submit(watcher.watch, question, videos[s.video_id], Span.of_seconds(s.start, s.end), deadline=deadline)
            for s in scenes
            if s.video_id in videos
        ]
        kept: list[Scene] = []
        failure: str | None = None
        for scene, verdict in zip((s for s in scenes if s.video_id in videos), watched, strict=True):
            cancellation.wait([verdict], deadline)
            if cancellation.cancelled:
                break
            try:
                met = verdict.result(timeout=0).met
            except LateError:
                met, failure = None, failure or "some clips could not be watched in time"
            except SceneSearchError as error:
                met, failure = None, failure or f"some clips could not be watched: {error}"
            except Exception as error:  # noqa: BLE001 - whatever it is, its words stay out of the log
                LOG.error("a watcher broke", extra={"video": scene.video_id, "error": without_words(error)})
                met, failure = None, failure or "some clips could not be watched"
            if met is None:
                kept.append(scene)
            elif _stays(met, mode):
                kept.append(scene.model_copy(update={"score": round(scene.score * met, 6)}))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Verified(sorted(kept, key=lambda scene: -scene.score), failure)


def _stays(met: float, mode: Mode) -> bool:
    match mode:
        case Mode.PRECISION:
            return met == 1
        case Mode.BALANCED:
            return met > 0
        case Mode.RECALL:
            return True

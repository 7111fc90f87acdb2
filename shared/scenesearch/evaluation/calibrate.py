"""Measure how an embedder's cosines are to be read (`ports.ScoreScale`), on a set of questions with known answers.

Unrelated are questions and moments of videos that they are not about: `unrelated` is the mean of their cosines, `spread` the standard
deviation. Ranking depends on the spread (it weighs likeness against words); `unrelated` moves all strengths alike, and with them scores
and what `precision` drops. The set should hold videos about different things: among alike ones nothing is unrelated (decision 18).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from scenesearch.errors import InvalidRequest
from scenesearch.evaluation.evaluate import GivenQuestion, GivenVideo, entries_of, lines_of
from scenesearch.moments import Moment, moments_of
from scenesearch.ports import Embedder
from scenesearch.video import DEFAULT_COLLECTION, Video, VideoRef, now

QUESTIONS, MOMENTS = 100, 200
"""So many of the set are looked at: a few thousand pairs, some cents with a model that is paid for."""

RIGHT = 3
"""Moments of each question's own span that are embedded at most."""


class Scale(BaseModel):
    """What was measured. `right`: how many spreads above `unrelated` the best moment of the right span lies, for half of the questions."""

    embedder: str
    questions: int
    moments: int
    unrelated: float
    spread: float
    right: float


def measured(directory: Path, embedder: Embedder, *, query_field: str = "query", seed: int = 1) -> Scale:
    """The scale of an embedder on `directory/videos.jsonl` and `directory/queries.jsonl`; the same sample every time.

    Raises:
        InvalidRequest: the set cannot be read, or has fewer than two videos.
        ModelError, Unavailable: the embedder fails.
    """
    videos = lines_of(directory / "videos.jsonl", GivenVideo)
    asked = lines_of(directory / "queries.jsonl", GivenQuestion, renamed={query_field: "query"})
    if len(videos) < 2 or not asked:
        raise InvalidRequest(f"{directory}: a scale needs questions and at least two videos, to tell what is unrelated")
    rng = random.Random(seed)  # noqa: S311 - no secret
    questions = rng.sample(asked, min(QUESTIONS, len(asked)))
    moments = [moment for video in videos for moment in _moments(video)]
    sample = rng.sample(moments, min(MOMENTS, len(moments)))
    right = [_right(question, moments)[:RIGHT] for question in questions]
    vectors = embedder.queries([question.query for question in questions])
    others = embedder.passages([moment.text for moment in sample])
    own = embedder.passages([moment.text for some in right for moment in some])
    unrelated = np.array(
        [[m.ref.video_id != question.video_id for m in sample] for question in questions],
    )
    cosines = (vectors @ others.T)[unrelated]
    mean, spread = float(cosines.mean()), float(cosines.std())
    best, start = [], 0
    for vector, some in zip(vectors, right, strict=True):
        if some:
            best.append(float((own[start : start + len(some)] @ vector).max()))
        start += len(some)
    return Scale(
        embedder=embedder.name,
        questions=len(questions),
        moments=len(sample),
        unrelated=round(mean, 3),
        spread=round(spread, 4),
        right=round((float(np.median(best)) - mean) / spread, 2) if best else 0.0,
    )


def _moments(given: GivenVideo) -> list[Moment]:
    at = now()
    video = Video(
        ref=VideoRef(given.video_id, 1),
        bucket="",
        name=given.video_id,
        collection=DEFAULT_COLLECTION,
        title="",
        created_at=at,
        updated_at=at,
    )
    return moments_of(video, 0, entries_of(given))


def _right(question: GivenQuestion, moments: Sequence[Moment]) -> list[Moment]:
    """The moments that overlap a right span, those that do so most first."""
    overlaps = [
        (sum(max(0.0, min(m.span.end_s, end) - max(m.span.start_s, start)) for start, end in question.spans), m)
        for m in moments
        if m.ref.video_id == question.video_id
    ]
    return [moment for shared, moment in sorted(overlaps, key=lambda pair: -pair[0]) if shared > 0]

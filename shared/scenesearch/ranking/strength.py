"""How strongly a moment answers a question: one number made of cosine, words and sections, for all indexes and readers.

Strengths are in units of the embedder's `ScoreScale`: 1 is one standard deviation of the cosines of passages that have nothing to do
with a question. Every weight of the ranking stands here, with what it was measured on (docs/decisions/0018).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import section_bits
from scenesearch.ports import Hit, Probe, ScoreScale
from scenesearch.video import VideoRef

Floats = NDArray[np.float32]

LEXICAL = 3.0
"""What is added when the words answer the whole question. Measured on tutorialvqa: 2 to 4 differ by less than a point."""

HINTED = 0.5
"""What an entry of a section that the question asks for ("who says …") adds, in indexes and readers alike."""

USUAL_ROWS = 6
"""The usual rows of a scene in speech and texts, however long they last: a little more than a moment has."""

USUAL_WEIGHT = 0.5
"""The weight of the usual length: a scene half or twice as long loses a quarter of a standard deviation. Descriptions have no such prior.
docs/decisions/0032 has the table of all sets."""

TITLE = 0.5
"""What title and summary add to a file when they answer the whole question by their words (measured on tutorialvqa)."""

TEMPERATURE = 0.7
"""How much stronger a moment must be to count e times as much. Measured: 0.4 to 1 differ by a point."""


SPOKEN_BY_WINDOWS, SPOKEN_BY_BEST_LINE, SPOKEN_BY_LINES = 0.5, 0.3, 0.2
"""Weights of the likeness of speech and texts: of the windows that a run overlaps, its best line, and the mean of its lines."""

PAUSE_S = 5.0
"""The seconds of a pause without any entry that take off one standard deviation."""

MOST_OF_A_PAUSE = 3.0
"""The most that a pause takes off, in standard deviations."""


def standardised(scale: ScoreScale, cosines: Floats) -> Floats:
    """Cosines in standard deviations above the mean of passages that have nothing to do with a question."""
    values: Floats = (cosines - np.float32(scale.mean)) / np.float32(scale.std)
    return values


def strengths(probe: Probe, cosines: Floats, answered: Floats, sections: NDArray[np.uint8]) -> Floats:
    """The strengths of moments, shape (moments,).

    `cosines` with the question's vector; `answered`: the share of the question that each answers by its words (`Postings.scores`);
    `sections`: which it holds (`section_bits`).
    """
    values = standardised(probe.scale, cosines)
    values += np.float32(LEXICAL) * answered
    if probe.sections:
        values += np.float32(HINTED) * ((sections & np.uint8(section_bits(probe.sections))) != 0)
    return values


def soft_sum(strengths: Sequence[float]) -> float:
    """Several strengths as one: little more than the strongest when it stands out, more when others are as strong."""
    if not strengths:
        return -math.inf
    most = max(strengths)
    return most + TEMPERATURE * math.log(sum(math.exp((s - most) / TEMPERATURE) for s in strengths))


def capped(ranked: Iterable[Hit], limit: int, per_video: int) -> list[Hit]:
    """The first `limit` hits, at most `per_video` of one video: a long video cannot crowd out the rest."""
    hits: list[Hit] = []
    taken: dict[VideoRef, int] = {}
    for hit in ranked:
        if taken.get(hit.ref, 0) < per_video:
            taken[hit.ref] = taken.get(hit.ref, 0) + 1
            hits.append(hit)
            if len(hits) == limit:
                break
    return hits

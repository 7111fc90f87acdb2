"""The local summary: the most central and diverse lines of a video, and its densest moments. It only quotes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from scenesearch.metadata import Entry, Section, TextKind, in_time
from scenesearch.ports import Digest, Embedder, Spending, Vectors
from scenesearch.timeline import hull
from scenesearch.video import Profile, SectionRecord, Usage, Video

_SENTENCES = 4
"""The most lines that a summary quotes."""

_MOST_LINES = 400
"""The most lines of a video that are compared: where there are more, every second, third ... one is taken."""

_REDUNDANT = 0.55
"""The weight of the likeness to lines already chosen, against centrality scaled to 0 to 1."""

_SCENE_MS = 20_000
"""The longest important scene in milliseconds."""

_GAP_MS = 8_000
"""The longest pause in milliseconds between two lines of one important scene."""

_LONGEST = 220
"""The most characters of an important scene's text."""

_SPOKEN, _WRITTEN = 1.0, 0.7
"""Weights of spoken lines and captions, and of other texts: signs and menus say less about a video."""


class ExtractiveSummarizer:
    """A `Summarizer` that only quotes. It compares lines by an embedder's vectors, or by their words when it has no embedder."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder

    def summarize(self, video: Video, sections: Sequence[SectionRecord], profile: Profile, spending: Spending | None = None) -> Digest:
        """Return the summary and the important scenes of the video's entries; speakers are not named."""
        entries = in_time(e for record in sections for e in record.entries)
        telling = _telling(entries)
        if not telling:
            return Digest(summary=_bare(video, entries), important_scenes=())
        vectors = self._vectors([e.text for e in telling])
        central = _centrality(telling, vectors)
        lines = [telling[i].text for i in sorted(_diverse(central, vectors, _SENTENCES))]
        summary = f"{video.title}: " + " ".join(_sentence(line) for line in lines)
        return Digest(summary=summary, important_scenes=tuple(_scenes(video, entries, telling, central, vectors)), usage=Usage())

    def _vectors(self, texts: list[str]) -> Vectors:
        return self._embedder.passages(texts) if self._embedder is not None else _word_vectors(texts)


def _telling(entries: Sequence[Entry]) -> list[Entry]:
    """Return the lines that a summary may quote: of each text once, at most 400 spread over the video, none of up to three letters."""
    seen: set[str] = set()
    found: list[Entry] = []
    for entry in entries:
        folded = re.sub(r"\W+", "", entry.text.casefold())
        written = entry.section is Section.TRANSCRIPTION or (entry.section is Section.TEXTS and entry.kind is not TextKind.TIMECODE)
        if written and len(folded) > 3 and folded not in seen:
            seen.add(folded)
            found.append(entry)
    step = max(1, math.ceil(len(found) / _MOST_LINES))
    return found[::step]


def _centrality(entries: Sequence[Entry], vectors: Vectors) -> list[float]:
    """Return the centrality of each line: its mean likeness to all lines, lowered for short ones and for texts that are no captions.

    Lines shorter than 36 characters are lowered in proportion, down to 0.4.
    """
    likeness = vectors @ vectors.mean(axis=0)
    length = [min(1.0, 0.4 + len(e.text) / 60) for e in entries]
    weight = [_SPOKEN if e.section is Section.TRANSCRIPTION or e.kind is TextKind.CAPTION else _WRITTEN for e in entries]
    return [float(a) * b * c for a, b, c in zip(likeness, length, weight, strict=True)]


def _diverse(scores: Sequence[float], vectors: Vectors, most: int) -> list[int]:
    """Choose the `most` best by score that differ from those chosen before (maximal marginal relevance)."""
    spread = max(scores) - min(scores) or 1.0
    left = list(range(len(scores)))
    chosen: list[int] = []
    while left and len(chosen) < most:

        def worth(i: int) -> float:
            near = max((float(vectors[i] @ vectors[j]) for j in chosen), default=0.0)
            return (scores[i] - min(scores)) / spread - _REDUNDANT * near

        best = max(left, key=worth)
        chosen.append(best)
        left.remove(best)
    return chosen


def _scenes(video: Video, entries: Sequence[Entry], telling: Sequence[Entry], central: Sequence[float], vectors: Vectors) -> list[Entry]:
    """Return three to eight important scenes, more for longer videos: runs of lines that are dense, central and different.

    There are two, and one more a minute, within these limits; each quotes its three most central lines.
    """
    runs: list[list[int]] = []
    for i, entry in enumerate(telling):
        if runs:
            first, last = telling[runs[-1][0]], telling[runs[-1][-1]]
            near = entry.span.start_ms - last.span.end_ms <= _GAP_MS and entry.span.end_ms - first.span.start_ms <= _SCENE_MS
            if near:
                runs[-1].append(i)
                continue
        runs.append([i])
    end = max(e.span.end_ms for e in entries)
    most = max(3, min(8, round(max(video.duration_ms, end) / 60_000) + 2))
    scores = [sum(central[i] for i in run) / math.sqrt(len(run)) for run in runs]
    means = np.stack([vectors[run].mean(axis=0) for run in runs])
    found = []
    for number in sorted(_diverse(scores, means, most)):
        members = [telling[i] for i in runs[number]]
        best = sorted(sorted(runs[number], key=lambda i: -central[i])[:3])
        text = " / ".join(telling[i].text for i in best)[:_LONGEST]
        found.append(Entry(section=Section.IMPORTANT_SCENES, span=hull(e.span for e in members), text=text))
    return found


def _bare(video: Video, entries: Sequence[Entry]) -> str:
    shown = [e for e in entries if e.section is Section.VISUAL_INFO]
    if not shown:
        return video.title
    return f"{video.title}: nothing is said or written; {len(shown)} shot{'s' if len(shown) > 1 else ''}."


def _sentence(line: str) -> str:
    line = line.replace(" / ", " ").strip()
    return line if line.endswith((".", "?", "!", "…", "。", "？", "！")) else line + "."


def _word_vectors(texts: Sequence[str]) -> Vectors:
    """Return tf-idf vectors of unit length over words and, for scripts without spaces, pairs of characters."""
    bags = [Counter(_terms(text)) for text in texts]
    spread = Counter(term for bag in bags for term in bag)
    column = {term: i for i, term in enumerate(sorted(spread))}
    vectors = np.zeros((len(texts), max(1, len(column))), dtype=np.float32)
    for row, bag in enumerate(bags):
        for term, count in bag.items():
            vectors[row, column[term]] = count * math.log(1 + len(texts) / spread[term])
    unit: Vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


def _terms(text: str) -> list[str]:
    words = re.findall(r"[a-z0-9\u00c0-\u024f\u0400-\u04ff]{2,}", text.casefold())
    runs = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]+", text)
    return words + [run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1))]

"""What a large index is made of: chunks of real videos resampled line by line, with vectors near those of their moments. Seeded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenesearch.evaluation.evaluate import GivenQuestion, GivenVideo, entries_of, lines_of
from scenesearch.metadata import Entry, Section
from scenesearch.moments import Moment, Row, moments_of
from scenesearch.ports import Embedder
from scenesearch.search.answer import MAX_QUERY
from scenesearch.timeline import Span
from scenesearch.video import Video, VideoRef, now

ROOT = Path(__file__).parents[1]
SETS = ROOT.parent / "shared" / "bench"
"""Annotated real videos in the shape of `scenesearch evaluate`, where somebody has put them."""

MOMENTS_EMBEDDED = 1_200
LINES_A_CHUNK = 60
SWAPPED = 0.25
"""The share of lines that are taken from another video, so that no two chunks say the same."""

MOVED = 0.3
NOISE = 0.01
"""How far vectors are moved: by so much of the difference of two other real ones (which keeps to where real ones lie), and at random."""

VOCABULARY, WORDS_A_LINE, LINES_MADE_UP = 50_000, 12, 5_000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """Real chunks with the vectors of their moments, the lines of each section to draw others from, and real questions."""

    source: str
    chunks: Sequence[tuple[Sequence[Moment], Floats]]
    lines: dict[Section, list[str]]
    questions: Sequence[str]
    swapped: float = SWAPPED

    def chunk(self, ref: VideoRef, number: int, collection: str, rng: np.random.Generator) -> tuple[list[Moment], Floats]:
        """One of the chunks, resampled, as this chunk of that video."""
        moments, vectors = self.chunks[int(rng.integers(len(self.chunks)))]
        rows: dict[int, Row] = {id(row): self._resampled(row, rng) for moment in moments for row in moment.rows}
        made = [
            replace(moment, ref=ref, collection=collection, chunk=number, rows=tuple(rows[id(row)] for row in moment.rows))
            for moment in moments
        ]
        return made, self._perturbed(vectors, rng)

    def _resampled(self, row: Row, rng: np.random.Generator) -> Row:
        return Row(row.span, tuple(self._swapped(entry, rng) if rng.random() < self.swapped else entry for entry in row.entries))

    def _swapped(self, entry: Entry, rng: np.random.Generator) -> Entry:
        lines = self.lines[entry.section]
        text = lines[rng.integers(len(lines))]
        return replace(entry, text=text, lines=(text,) if entry.lines else ())

    def _perturbed(self, vectors: Floats, rng: np.random.Generator) -> Floats:
        others = [self.chunks[n][1] for n in rng.integers(len(self.chunks), size=2)]
        one, two = (other[rng.integers(len(other), size=len(vectors))] for other in others)
        return unit(vectors + MOVED * (one - two) + rng.normal(0, NOISE, vectors.shape).astype(np.float32))


def material(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Of the real sets when they are there, else of the sample's truth file with made-up words."""
    return real(embedder, rng) if (SETS / "tutorialvqa" / "videos.jsonl").is_file() else made_up(embedder, rng)


def real(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Chunks of all sets by turns, their videos in random order, until so many moments are embedded."""
    folders = sorted(folder for folder in SETS.iterdir() if (folder / "videos.jsonl").is_file())
    videos = {folder: lines_of(folder / "videos.jsonl", GivenVideo) for folder in folders}
    lines: dict[Section, list[str]] = {section: [] for section in Section}
    for entry in chain.from_iterable(entries_of(video) for known in videos.values() for video in known):
        lines[entry.section].append(entry.text)
    of_sets = [_chunks([known[n] for n in rng.permutation(len(known))]) for known in videos.values()]
    chosen: list[list[Moment]] = []
    for entries in chain.from_iterable(zip(*of_sets, strict=False)):
        chosen.append(_moments(entries))
        if sum(map(len, chosen)) >= MOMENTS_EMBEDDED:
            break
    asked = [question.query for folder in folders for question in lines_of(folder / "queries.jsonl", GivenQuestion)]
    questions = [asked[n][:MAX_QUERY] for n in rng.permutation(len(asked))]
    return Material(", ".join(folder.name for folder in folders), _embedded(chosen, embedder), lines, questions)


def made_up(embedder: Embedder, rng: np.random.Generator) -> Material:
    """The sentences and scenes of the sample; every line is one of them with made-up words by Zipf's law."""
    truth = json.loads((ROOT / "samples" / "truth.json").read_text(encoding="utf-8"))
    said = [sentence["text"] for sentence in truth["sentences"]] + [scene["description"] for scene in truth["scenes"]]
    words = rng.zipf(1.3, (LINES_MADE_UP, WORDS_A_LINE)) % VOCABULARY
    lines = [f"{said[n % len(said)]} {' '.join(_word(int(word)) for word in row)}" for n, row in enumerate(words)]
    entries = [
        Entry(section=Section.TRANSCRIPTION, span=Span(3000 * n, 3000 * n + 2900), text=text)
        for n, text in enumerate(said[n] for n in rng.integers(len(said), size=10 * LINES_A_CHUNK))
    ]
    chosen = [_moments(entries[start : start + LINES_A_CHUNK]) for start in range(0, len(entries), LINES_A_CHUNK)]
    return Material("the sample", _embedded(chosen, embedder), {Section.TRANSCRIPTION: lines}, lines[:1000], swapped=1.0)


def unit(vectors: Floats) -> Floats:
    """The vectors, of unit length."""
    made: Floats = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return made


def _chunks(videos: Sequence[GivenVideo]) -> Iterator[list[Entry]]:
    """The lines of the videos, one video after the other, in chunks of at least so many. No chunk begins inside a video."""
    entries: list[Entry] = []
    for video in videos:
        end_ms = max((entry.span.end_ms for entry in entries), default=0)
        entries += [replace(entry, span=entry.span.shifted(end_ms)) for entry in entries_of(video)]
        if len(entries) >= LINES_A_CHUNK:
            yield entries
            entries = []


def _moments(entries: Sequence[Entry]) -> list[Moment]:
    made_of = Video(
        ref=VideoRef("material", 1), bucket="", name="", collection="", title="", language="en", created_at=now(), updated_at=now()
    )
    return moments_of(made_of, 0, entries)


def _embedded(chunks: Sequence[Sequence[Moment]], embedder: Embedder) -> list[tuple[Sequence[Moment], Floats]]:
    return [(moments, embedder.passages([moment.text for moment in moments])) for moments in chunks]


def _word(number: int) -> str:
    """A made-up word; small numbers are frequent."""
    letters = "aeioubcdfghklmnprstvwz"
    word = ""
    number += len(letters)
    while number:
        number, letter = divmod(number, len(letters))
        word += letters[letter]
    return word

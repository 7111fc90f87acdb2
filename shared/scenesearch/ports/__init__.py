"""The seams: what the pipeline and the search ask of the outside. Two real implementations each, one contract suite.

One family a file. An implementation translates its driver's errors into `scenesearch.errors` at its edge.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenesearch.ports.catalog import Assembly, Catalog, Lease
from scenesearch.ports.index import Candidate, Filters, Hit, Probe, SceneIndex, ScoreScale, Vectors, WordWeights
from scenesearch.ports.messages import Publisher
from scenesearch.ports.models import (
    ClipInput,
    Digest,
    Embedder,
    Extraction,
    FoundScene,
    Models,
    Question,
    Reading,
    SceneReader,
    SceneWatcher,
    SectionExtractor,
    Spending,
    Summarizer,
    Verdict,
    Waiting,
    speaker_key,
)
from scenesearch.ports.objects import ObjectInfo, ObjectStore

__all__ = [
    "Assembly",
    "Candidate",
    "Catalog",
    "ClipInput",
    "Digest",
    "Embedder",
    "Extraction",
    "Filters",
    "FoundScene",
    "Hit",
    "Lease",
    "Models",
    "ObjectInfo",
    "ObjectStore",
    "Ports",
    "Probe",
    "Publisher",
    "Question",
    "Reading",
    "SceneIndex",
    "SceneReader",
    "SceneWatcher",
    "ScoreScale",
    "SectionExtractor",
    "Spending",
    "Summarizer",
    "Vectors",
    "Verdict",
    "Waiting",
    "WordWeights",
    "speaker_key",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The seams that the verbs of ingest work through, as `bootstrap` has chosen them."""

    uploads: ObjectStore
    work: ObjectStore
    publisher: Publisher
    catalog: Catalog
    index: SceneIndex
    embedder: Embedder

"""The seams: what the pipeline and the search ask of the outside. Two real implementations each, one contract suite.

One family a file. An implementation translates its driver's errors into `scenesearch.errors` at its edge.
"""

from __future__ import annotations

from scenesearch.ports.backend import Backend, HandlerFactory, Ports, Runner
from scenesearch.ports.batches import BatchAnswer, BatchJobs, Job, JobState
from scenesearch.ports.cancellation import Cancellation
from scenesearch.ports.catalog import Assembly, Catalog, Lease
from scenesearch.ports.index import Candidate, Filters, Hit, Probe, SceneIndex, ScoreScale, Vectors, WordWeights
from scenesearch.ports.messages import Handler, Publisher
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
    speaker_key,
)
from scenesearch.ports.objects import ObjectInfo, ObjectStore

__all__ = [
    "Assembly",
    "Backend",
    "BatchAnswer",
    "BatchJobs",
    "Cancellation",
    "Candidate",
    "Catalog",
    "ClipInput",
    "Digest",
    "Embedder",
    "Extraction",
    "Filters",
    "FoundScene",
    "Handler",
    "HandlerFactory",
    "Hit",
    "Job",
    "JobState",
    "Lease",
    "Models",
    "ObjectInfo",
    "ObjectStore",
    "Ports",
    "Probe",
    "Publisher",
    "Question",
    "Reading",
    "Runner",
    "SceneIndex",
    "SceneReader",
    "SceneWatcher",
    "ScoreScale",
    "SectionExtractor",
    "Spending",
    "Summarizer",
    "Vectors",
    "Verdict",
    "WordWeights",
    "speaker_key",
]

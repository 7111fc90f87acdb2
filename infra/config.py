"""What an environment consists of, with the defaults. What differs stands in environments/NAME.toml; stacks hold no literal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scenesearch.config import Settings
from scenesearch.messages import Subscription
from scenesearch.price import Price


class Function(StrEnum):
    """The functions, named as their folders."""

    SPLIT = "split"
    EXTRACT_VISUAL_INFO = "extract_visual_info"
    EXTRACT_TRANSCRIPTION = "extract_transcription"
    EXTRACT_TEXTS = "extract_texts"
    ASSEMBLE = "assemble"
    REMOVE = "remove"
    RECOVER = "recover"
    SEARCH = "search"
    LIBRARY = "library"

    @property
    def resource(self) -> str:
        """Its name in the cloud, where underscores are not allowed."""
        return self.value.replace("_", "-")

    @property
    def account(self) -> str:
        """The id of the service account that it runs as: `split` alone would be too short, Google wants 6 to 30 characters."""
        return f"fn-{self.resource}"

    @property
    def entry_point(self) -> str:
        """What its `main.py` calls it: pages and questions by their name, messages all alike."""
        return self.value if self in HTTP_FUNCTIONS else "handle"


class Purpose(StrEnum):
    """What a bucket is for; its name ends with it."""

    UPLOADS = "uploads"
    WORK = "work"
    ARCHIVES = "archives"
    BUILDS = "builds"
    STATE = "terraform-state"
    """Made by hand, before there is any state (docs/deploy.md)."""


REGISTRY = "functions"
"""The repository of images."""

EXTRACTORS = (Function.EXTRACT_VISUAL_INFO, Function.EXTRACT_TRANSCRIPTION, Function.EXTRACT_TEXTS)
HTTP_FUNCTIONS = (Function.SEARCH, Function.LIBRARY)
EVENT_FUNCTIONS = tuple(f for f in Function if f not in HTTP_FUNCTIONS)


def listener(subscription: Subscription) -> Function:
    """The function behind a subscription: a subscription's name starts with its function's."""
    return max((f for f in EVENT_FUNCTIONS if subscription.value.startswith(f.resource)), key=lambda f: len(f.resource))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large and how many. `concurrency` is requests per instance, and so the threads of its server."""

    memory_mib: int
    cpu: int
    timeout_s: int
    concurrency: int
    max_instances: int
    min_instances: int = 0

    @property
    def parallel(self) -> int:
        """The most requests at once: what the quota of the model behind it must bear."""
        return self.concurrency * self.max_instances


EVENT_SECONDS = 540
"""Work on one delivery ends before its acknowledgement is due (600 s, the most that Pub/Sub gives)."""

LIMITS: Mapping[Function, Limits] = {
    # /tmp is memory: a 400 MB clip while it is written, the same of sound, FFmpeg's buffers while it transcodes. Alone in its
    # instance, since the next clip would double that; two cores because transcoding is the only thing here that computes.
    Function.SPLIT: Limits(memory_mib=4096, cpu=2, timeout_s=EVENT_SECONDS, concurrency=1, max_instances=20),
    # They wait for the model nearly all the time, so four share an instance; memory for one clip each that must be cut again.
    # Instances × 4 is the number of requests under way at the model: held below its quota, the rest waits in the subscription.
    Function.EXTRACT_VISUAL_INFO: Limits(memory_mib=2048, cpu=1, timeout_s=EVENT_SECONDS, concurrency=4, max_instances=10),
    # Sound only: clips of a few megabytes.
    Function.EXTRACT_TRANSCRIPTION: Limits(memory_mib=1024, cpu=1, timeout_s=EVENT_SECONDS, concurrency=4, max_instances=10),
    # High resolution: four times the tokens of visual_info a frame, so half as many at once.
    Function.EXTRACT_TEXTS: Limits(memory_mib=2048, cpu=1, timeout_s=EVENT_SECONDS, concurrency=4, max_instances=5),
    # All text of a video in memory (10 h are about 30 MB), once a video: few are enough.
    Function.ASSEMBLE: Limits(memory_mib=1024, cpu=1, timeout_s=EVENT_SECONDS, concurrency=2, max_instances=5),
    # Lists and deletes; nobody waits for it.
    Function.REMOVE: Limits(memory_mib=512, cpu=1, timeout_s=EVENT_SECONDS, concurrency=4, max_instances=5),
    # The timer's sweep and a trickle of letters. More than one instance would only race for the same videos.
    Function.RECOVER: Limits(memory_mib=1024, cpu=1, timeout_s=EVENT_SECONDS, concurrency=8, max_instances=1),
    # Waits for index and reader; candidates and postings of a question take a few megabytes. A thorough answer may take minutes.
    Function.SEARCH: Limits(memory_mib=1024, cpu=1, timeout_s=300, concurrency=40, max_instances=10),
    # Serves the page and streams exports: a clip in memory at worst for some of them, and the longest download decides the time.
    Function.LIBRARY: Limits(memory_mib=2048, cpu=1, timeout_s=900, concurrency=20, max_instances=5),
}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How Pub/Sub delivers. An attempt refused for want of an instance counts too, so many are allowed: the handlers count real work."""

    ack_deadline_s: int = 600
    attempts: int = 40
    backoff_min_s: int = 10
    backoff_max_s: int = 600
    retention_s: int = 7 * 86_400
    dead_letter_retention_s: int = 31 * 86_400


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How long objects stay, in days."""

    deleted_uploads: int = 7
    clips: int = 30
    parked: int = 90
    builds: int = 90


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When somebody is told."""

    unacked_minutes: int = 60
    error_ratio: float = 0.2
    unended_hours: int = 6
    daily_model_usd: float
    search_error_ratio: float = 0.01
    search_p95_ms: int = 8000


def _default(setting: str) -> Any:
    return Settings.model_fields[setting].default


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which models, where. The defaults are the product's own."""

    location: str = _default("vertexai_location")
    bulk: str = _default("vertexai_bulk_model")
    quality: str = _default("vertexai_quality_model")
    embedding: str = _default("vertexai_embedding_model")
    dimension: int = _default("vertexai_embedding_dimension")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where builds come from: a repository that is connected to Cloud Build, and which tags are planned and, once approved, applied."""

    owner: str = "scenesearch"
    repository: str = "scenesearch"
    tags: str
    pull_requests: bool = False

    @property
    def url(self) -> str:
        return f"https://github.com/{self.owner}/{self.repository}"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment: one Google Cloud project."""

    name: str
    project: str
    source: Source
    thresholds: Thresholds
    region: str = "europe-west1"
    database_location: str = "eur3"
    runtime: str = "python311"
    builder: str = "gcr.io/buildpacks/builder:google-22"
    models: ModelChoice = ModelChoice()
    price: Price | None = None
    """At which price Gemini is asked about videos; none: `standard` for uploads, the cheapest for backfills."""

    limits: Mapping[Function, Limits] = field(default_factory=lambda: LIMITS)
    delivery: Delivery = Delivery()
    keeping: Keeping = Keeping()
    daily_hours: float
    admins: tuple[str, ...] = ()
    page_users: tuple[str, ...] = ()
    search_callers: tuple[str, ...] = ()
    public_search: bool = False
    alert_emails: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    """Who reads the plan of a tag and lets it be applied."""

    billing_account: str
    budget_units: int
    """What a month may cost, in whole units of the billing account's own currency."""

    secret_settings: tuple[str, ...] = ()
    vertex_ai_search: bool = False
    trace_ratio: float = 0.1
    tick_minutes: int = 15
    protect_data: bool = True

    def bucket(self, purpose: Purpose) -> str:
        """Bucket names are taken once in the world: the project's name makes them ours."""
        return f"{self.project}-{purpose}"

    @property
    def registry(self) -> str:
        """Where images of functions lie."""
        return f"{self.region}-docker.pkg.dev/{self.project}/{REGISTRY}"

    def image(self, function: Function, version: str) -> str:
        """The image of an HTTP function, by the version of its archive."""
        return f"{self.registry}/{function.resource}:{version}"

    def account(self, name: str) -> str:
        """The address of one of our service accounts."""
        return f"{name}@{self.project}.iam.gserviceaccount.com"

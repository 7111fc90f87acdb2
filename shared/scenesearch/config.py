"""Settings, read once from the environment (`SCENESEARCH_…`); a wrong one fails at start and names its variable."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from scenesearch.errors import ConfigurationError
from scenesearch.price import Price


class Backend(StrEnum):
    """Where objects, messages and state are."""

    LOCAL = "local"
    GCP = "gcp"


class Models(StrEnum):
    """What reads clips, embeds and answers."""

    LOCAL = "local"
    VERTEXAI = "vertexai"


class Auth(StrEnum):
    """How callers prove who they are."""

    NONE = "none"
    GOOGLE = "google"


class Settings(BaseSettings):
    """Every setting there is, with its default on one machine."""

    model_config = SettingsConfigDict(env_prefix="SCENESEARCH_", extra="ignore")

    backend: Backend = Backend.LOCAL
    models: Models = Models.LOCAL
    auth: Auth = Auth.NONE
    home: Path = Field(default_factory=lambda: Path.home() / ".scenesearch", description="where the one-machine backend keeps everything")

    admins: str = Field(default="", description="e-mail addresses or `domain:…`, by comma: they may read and write everything")
    auth_audience: str = Field(default="", description="which audiences ID tokens of services must name, by comma")
    auth_keys_url: str = Field(default="https://www.googleapis.com/oauth2/v1/certs", description="the keys that sign ID tokens")
    iap_audience: str = Field(default="", description="the audience of Identity-Aware Proxy's header; empty: the header is not believed")
    iap_keys_url: str = Field(default="https://www.gstatic.com/iap/verify/public_key", description="the keys that sign that header")

    server_token: str = Field(default="", description="the ID token for `--server`; empty: one of the Google credentials found here")
    server_audience: str = Field(default="", description="whom such a token is for; empty: the server's address")

    upload_max_bytes: int = Field(default=50_000_000_000, gt=0, description="the largest video that is taken")

    uploads_bucket: str = "uploads"
    work_bucket: str = "work"

    gcp_project: str = Field(default="", description="the Google Cloud project of buckets, topics and database")
    gcp_database: str = Field(default="(default)", description="the Firestore database of catalog and index")
    gcp_signer: str = Field(default="", description="the service account that signs links to objects; empty: the one that runs this")
    trace_ratio: float = Field(default=0, ge=0, le=1, description="the share of traces that is sent to Cloud Trace; 0: none")
    firestore_index_moments: int = Field(
        default=50_000, gt=0, description="above so many moments a warning says that Vertex AI Search is the index to choose"
    )
    vertexai_search_data_store: str = Field(
        default="", description="a Vertex AI Search data store of moments, by id or full name; empty: Firestore holds them"
    )
    vertexai_search_endpoint: str = Field(
        default="", description="HOST:PORT of another Discovery Engine API than Google's own; on this machine: without encryption"
    )

    chunk_seconds: float = Field(
        default=300, gt=1, le=300, description="how long a chunk aims to be; a clip is never longer than 5 minutes"
    )
    clip_max_bytes: int = Field(default=400_000_000, gt=1_000_000)
    split_seconds: float = Field(default=400, gt=0, description="after this long, split hands the rest to itself")
    media_memory_bytes: int = Field(default=1_000_000_000, gt=200_000_000, description="memory that reading one file may take, in bytes")
    media_seconds: float = Field(default=400, gt=0, description="how long one step of reading a file may take: its plan, a clip, an export")
    media_pixels: int = Field(default=7680 * 4320, gt=0, description="the most pixels of a picture; the default is 8K")
    workers: int = Field(default=2, ge=1, le=64, description="worker processes of the one-machine runtime")
    deliver_twice: bool = Field(
        default=False, description="deliver every message twice on purpose, to see that nothing minds (one machine)"
    )
    max_attempts: int = Field(default=5, ge=1, description="real failures of a section before it is given up")
    work_seconds: float = Field(default=840, gt=0, description="how long one section of one chunk may take")
    stalled_seconds: float = Field(default=3600, ge=0, description="without progress for this long, the timer sets a video going again")
    unended_hours: float = Field(default=0, ge=0, description="the timer's log names videos that are older and have not ended; 0: none")
    daily_hours: float = Field(default=0, ge=0, description="hours of video taken a day; 0: no cap")

    cutoff_recall: float = Field(default=0, ge=0, le=1, description="the score under which nothing is an answer, in the mode recall")
    cutoff_balanced: float = Field(
        default=0.25, ge=0, le=1, description="the same, balanced: `evaluate DIR --absent DIR2` prints what others would do"
    )
    cutoff_precision: float = Field(default=0.4, ge=0, le=1, description="the same, precision: scenes under it are not shown at all")

    whisper_model: str = Field(
        default="",
        description="a faster-whisper model by name or path; empty: the best that is there",
    )
    offline: bool = Field(default=False, description="never try to fetch a model")
    vlm_url: str = Field(default="", description="an OpenAI-compatible vision endpoint that describes keyframes")
    vlm_model: str = ""
    vlm_key: str = ""

    price: Price | None = Field(
        default=None,
        description="standard, flex or batch: at which price Gemini is asked about videos; none: standard, and the cheapest for backfills",
    )
    batch_hours: float = Field(
        default=24, gt=0, le=72, description="how long a section waits for a batch job before it is asked about online"
    )
    vertexai_project: str = Field(default="", description="the Google Cloud project that pays for the models")
    vertexai_location: str = "global"
    vertexai_base_url: str = Field(
        default="", description="another endpoint than Google's own; http only on this machine, with no credentials"
    )
    vertexai_bulk_model: str = Field(default="gemini-3.5-flash-lite", description="reads every clip")
    vertexai_quality_model: str = Field(default="gemini-3.8-flash", description="reads text: summaries, speakers, scenes")
    vertexai_embedding_model: str = "gemini-embedding-2"
    vertexai_embedding_dimension: int = Field(default=768, ge=64, le=2048, description="2048 is the most that Firestore indexes")
    vertexai_embedding_unrelated: float = Field(
        default=0.5, ge=-1, lt=1, description="the cosine of a question and a passage without relation: `evaluate DIR --scale` measures it"
    )
    vertexai_embedding_spread: float = Field(default=0.04, gt=0, description="how far such cosines are apart, measured with it")
    vertexai_embedding_batch: int = Field(default=50, ge=1, le=250, description="texts a request; 1 where the endpoint knows no batches")
    vertexai_thinking: Literal["auto", "", "minimal", "low", "medium", "high"] = Field(
        default="auto", description="auto: minimal for lite models, low for other flash models; empty: the model's own choice"
    )
    vertexai_temperature: float | None = Field(default=None, ge=0, le=2, description="none: the model's own, which Gemini 3 asks for")
    vertexai_max_output_tokens: int = Field(default=32_768, ge=256, description="an answer that needs more is asked for in halves")
    vertexai_visual_info_fps: float = Field(default=1.0, gt=0, le=24)
    vertexai_visual_info_resolution: Literal["default", "low", "medium", "high"] = "default"
    vertexai_texts_fps: float = Field(default=0.5, gt=0, le=24)
    vertexai_texts_resolution: Literal["default", "low", "medium", "high"] = "high"
    vertexai_summary_tokens: int = Field(default=60_000, ge=10_000, description="the most text that one summary request is given")
    vertexai_request_seconds: float = Field(default=240, gt=0, description="how long one request may take")
    vertexai_retries: int = Field(default=6, ge=0, description="how often a request is sent again within one delivery")
    vertexai_retry_seconds: float = Field(default=1.0, gt=0, description="the first pause before that; it doubles, with jitter")
    vertexai_query_seconds: float = Field(
        default=2.5, ge=1, description="how long a question waits for its vector, in two tries, before its words alone are looked for"
    )
    vertexai_prices: Path | None = Field(default=None, description="a price table in place of the one that comes with the package")

    def price_fault(self, price: Price) -> str | None:
        """Why this price is not offered with these settings, and what to do; None when it is."""
        if self.models is Models.LOCAL:
            return "models that run on this machine cost nothing: leave the price out, or set SCENESEARCH_MODELS=vertexai"
        if price is Price.FLEX and self.vertexai_location != "global":
            return "flex is offered at the global endpoint only: set SCENESEARCH_VERTEXAI_LOCATION=global, or take batch or standard"
        if price is Price.BATCH and self.backend is Backend.LOCAL:
            return "batch jobs read clips from Cloud Storage: set SCENESEARCH_BACKEND=gcp, or take flex, which costs the same"
        return None

    @classmethod
    def load(cls) -> Self:
        """The settings of this process.

        Raises:
            ConfigurationError: a variable is missing or wrong; the message names it.
        """
        try:
            settings = cls()
        except ValidationError as error:
            faults = "; ".join(f"SCENESEARCH_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(f"wrong settings: {faults}") from error
        if settings.price is not None and (fault := settings.price_fault(settings.price)):
            raise ConfigurationError(f"SCENESEARCH_PRICE={settings.price}: {fault}")
        if settings.auth is Auth.NONE and os.environ.get("K_SERVICE"):
            raise ConfigurationError("SCENESEARCH_AUTH=none is for one machine only: set SCENESEARCH_AUTH=google in the cloud")
        return settings

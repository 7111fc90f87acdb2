"""Settings, read once from the environment (`SCENESEARCH_…`); a wrong one fails at start and names its variable."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from scenesearch.errors import ConfigurationError


class Backend(StrEnum):
    LOCAL = "local"
    GCP = "gcp"


class Models(StrEnum):
    LOCAL = "local"
    VERTEXAI = "vertexai"


class Auth(StrEnum):
    NONE = "none"
    GOOGLE = "google"


class Settings(BaseSettings):
    """Every setting there is, with its default on one machine."""

    model_config = SettingsConfigDict(env_prefix="SCENESEARCH_", extra="ignore")

    backend: Backend = Backend.LOCAL
    models: Models = Models.LOCAL
    auth: Auth = Auth.NONE
    home: Path = Field(default_factory=lambda: Path.home() / ".scenesearch", description="where the one-machine backend keeps everything")

    uploads_bucket: str = "uploads"
    work_bucket: str = "work"

    chunk_seconds: float = Field(
        default=300, gt=1, le=300, description="how long a chunk aims to be; a clip is never longer than 5 minutes"
    )
    clip_max_bytes: int = Field(default=400_000_000, gt=1_000_000)
    split_seconds: float = Field(default=400, gt=0, description="after this long, split hands the rest to itself")
    workers: int = Field(default=2, ge=1, le=64, description="worker processes of the one-machine runtime")
    max_attempts: int = Field(default=5, ge=1, description="real failures of a section before it is given up")
    work_seconds: float = Field(default=840, gt=0, description="how long one section of one chunk may take")
    lease_seconds: float = Field(
        default=900, gt=0, description="how long a worker may hold a section; longer than the time limit of its work"
    )
    daily_hours: float = Field(default=0, ge=0, description="hours of video taken a day; 0: no cap")

    whisper_model: str = Field(
        default="",
        description="a faster-whisper model by name or path; empty: the best that is there",
    )
    offline: bool = Field(default=False, description="never try to fetch a model")
    vlm_url: str = Field(default="", description="an OpenAI-compatible vision endpoint that describes keyframes")
    vlm_model: str = ""
    vlm_key: str = ""

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
        if settings.auth is Auth.NONE and os.environ.get("K_SERVICE"):
            raise ConfigurationError("SCENESEARCH_AUTH=none is for one machine only: set SCENESEARCH_AUTH=google in the cloud")
        return settings

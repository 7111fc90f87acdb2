"""What is asked and what is answered: the same names in the API, on the command line and on the page."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scenesearch.metadata import Section
from scenesearch.video import LANGUAGE_TAG

MAX_QUERY = 2000
"""Characters of a question that are read; longer ones are refused with a clear error."""


class Mode(StrEnum):
    """Miss nothing, or no false hit."""

    RECALL = "recall"
    BALANCED = "balanced"
    PRECISION = "precision"


class Effort(StrEnum):
    """Index only; the reader over metadata text; the model also watches the found clips."""

    FAST = "fast"
    STANDARD = "standard"
    THOROUGH = "thorough"


def _in_a_zone(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


Time = Annotated[datetime, AfterValidator(_in_a_zone)]
"""A time; UTC where no zone is given."""


Language = Annotated[str, Field(pattern=LANGUAGE_TAG, max_length=35)]
"""A language by its tag: "ja", "en-US"."""


class SearchRequest(BaseModel):
    """A question and the user's choices. `since` and `until` bound the time of upload; `limit` counts scenes.

    `language` is that of the videos, `answer_language` that of the descriptions (a tag like "ja"; the question's own when it is None).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    collection: str | None = None
    mode: Mode = Mode.BALANCED
    effort: Effort = Effort.STANDARD
    limit: int = Field(default=10, ge=1, le=100)
    video_id: str | None = None
    language: Language | None = None
    answer_language: Language | None = None
    speaker: str | None = None
    tag: str | None = None
    section: Section | None = None
    since: Time | None = None
    until: Time | None = None


class Evidence(BaseModel):
    """A quotation of one entry that the scene rests on."""

    section: Section
    timestamp: str
    speaker: str | None = None
    text: str


class FileHit(BaseModel):
    """A video that may hold the scene. `score` 0 to 1; `duration` in seconds."""

    video_id: str
    title: str
    collection: str
    score: float
    duration: float


class Scene(BaseModel):
    """A place to jump to. `start` and `end` in seconds; `grounded` when its evidence stands in the video at that place."""

    video_id: str
    title: str
    timestamp: str
    start: float
    end: float
    description: str
    evidence: list[Evidence]
    grounded: bool
    score: float


class Spent(BaseModel):
    """What models that are paid for have cost: tokens by modality ("text", "video", "output"), US dollars. The question's own vector,
    some twenty tokens, is not in it.
    """

    tokens: dict[str, int]
    cost_usd: float


class Answer(BaseModel):
    """The whole answer. `degraded` says which model could not be used, and why; `truncated` that filters may have left hits out;
    `no_match` that nothing here answers the question: the scenes, if any, are what came nearest.

    `usage` is there when models that are paid for were asked.
    """

    query: str
    mode: Mode
    effort: Effort
    degraded: str | None = None
    truncated: bool = False
    no_match: bool = False
    took_ms: int
    files: list[FileHit]
    scenes: list[Scene]
    usage: Spent | None = Field(default=None, exclude_if=lambda usage: usage is None)

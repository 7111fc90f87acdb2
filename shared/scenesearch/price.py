"""The prices at which Gemini can be asked."""

from __future__ import annotations

from enum import StrEnum


class Price(StrEnum):
    """Full price at once, half price when the service has time (flex), or half price within a day (batch jobs). Dearest first."""

    STANDARD = "standard"
    FLEX = "flex"
    BATCH = "batch"

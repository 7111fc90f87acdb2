"""What each mode means in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scenesearch.config import Settings
from scenesearch.search.answer import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePreset:
    """How many files are read, how many scenes one of them may give, how certain they must be, and whether only what answers is shown.

    Scenes that score less than `least_score` are never shown; whether the others answer the question the mode's cutoff says.
    """

    files: int
    per_file: int
    least_score: float
    grounded_only: bool
    answers_only: bool = False


MODES: Mapping[Mode, ModePreset] = {
    Mode.RECALL: ModePreset(files=20, per_file=5, least_score=0.0, grounded_only=False),
    Mode.BALANCED: ModePreset(files=10, per_file=3, least_score=0.01, grounded_only=True),
    Mode.PRECISION: ModePreset(files=10, per_file=3, least_score=0.01, grounded_only=True, answers_only=True),
}


def default_cutoffs() -> Mapping[Mode, float]:
    """Return the score (0 to 1) that the best scene must reach in each mode to answer the question (decision 0032)."""
    return cutoffs_of(Settings())


def cutoffs_of(settings: Settings) -> Mapping[Mode, float]:
    """Return the cutoffs of the operator's settings."""
    return {Mode.RECALL: settings.cutoff_recall, Mode.BALANCED: settings.cutoff_balanced, Mode.PRECISION: settings.cutoff_precision}

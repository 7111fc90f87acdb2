"""What each mode means in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scenesearch.search.answer import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePreset:
    """How many files are read, how many scenes one of them may give, how strong and how certain they must be."""

    files: int
    per_file: int
    least_score: float
    grounded_only: bool


MODES: Mapping[Mode, ModePreset] = {
    Mode.RECALL: ModePreset(files=20, per_file=5, least_score=0.0, grounded_only=False),
    Mode.BALANCED: ModePreset(files=10, per_file=3, least_score=0.01, grounded_only=True),
    Mode.PRECISION: ModePreset(files=10, per_file=3, least_score=0.3, grounded_only=True),
}

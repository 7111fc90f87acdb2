"""Several strengths (see `ports.Probe`) as one."""

from __future__ import annotations

import math
from collections.abc import Sequence

TEMPERATURE = 0.7
"""How much stronger a moment must be to count e times as much. Measured: .4 to 1 differ by a point."""


def soft_sum(strengths: Sequence[float]) -> float:
    """Several strengths as one: little more than the strongest when it stands out, more when others are as strong."""
    if not strengths:
        return -math.inf
    most = max(strengths)
    return most + TEMPERATURE * math.log(sum(math.exp((s - most) / TEMPERATURE) for s in strengths))

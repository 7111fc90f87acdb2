"""How much a model thinks before it answers. Thoughts are billed as output."""

from __future__ import annotations

from typing import Literal

Level = Literal["minimal", "low", "medium", "high"]


def thinking_level(setting: str, model: str) -> Level | None:
    """Return the thinking level of requests to `model`; None leaves it to the model.

    "auto" is "minimal" for the lite models, which transcribe what they see and think so by default, and "low" for the other flash
    models, which refuse "minimal"; where the setting asks those for it, they get "low". Models of other families decide for themselves.
    """
    lite, flash = "flash-lite" in model, "flash" in model
    match setting:
        case "auto":
            return "minimal" if lite else "low" if flash else None
        case "minimal":
            return "minimal" if lite or not flash else "low"
        case "low" | "medium" | "high":
            return setting
    return None

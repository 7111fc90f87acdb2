"""Which Python packages are installed."""

from __future__ import annotations

import importlib.util


def is_installed(module: str) -> bool:
    """Whether a module could be imported. Imports no more than the packages that contain it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False

"""Real videos beside the project: their licences do not allow keeping them in it, so tests do without where they are not."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "videos"
ABSENT = "is not beside the project"
"""The one reason to skip a test that is none of CI's business."""

"""What the page's tests share."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from waiting import eventually

SAMPLE = Path(__file__).parents[2] / "samples" / "harbour_day.mp4"
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
LOADED = "document.querySelector('video')?.readyState >= 2"


def until(page: Page, condition: str, *, within_s: float = 20) -> None:
    """Wait for a condition in the page (its policy forbids the browser driver's own way, which needs eval)."""
    eventually(lambda: page.evaluate(condition), within_s=within_s, every_s=0.05)


def time_of(page: Page) -> float:
    """Where the player is, in seconds."""
    seconds: float = page.evaluate("document.querySelector('video').currentTime")
    return seconds

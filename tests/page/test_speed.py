"""The page is quick: to use, to answer, and to jump. Full figures: `python benchmarks/page.py`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from page.measuring import QUESTIONS, cinema, fill, jump, result_ms, usable_ms, weight
from page.serving import Served
from scenesearch.video import Video

pytestmark = pytest.mark.slow

TRIES = 5
"""A goal is to be reached in one of so many tries: the machine that tests may be busy, the page may not be slow."""


@pytest.fixture(scope="module")
def ten_videos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `scenesearch serve` over ten videos."""
    home = tmp_path_factory.mktemp("ten") / "home"
    fill(home, 10)
    machine = Served(home)
    subprocess.run([Path(sys.executable).with_name("scenesearch"), "reindex"], env=machine.environment, check=True)
    with machine:
        yield machine.url


def best_of(tries: int, measure: Callable[[int], float], *, goal: float) -> float:
    """The first that reaches the goal, else the best."""
    best = float("inf")
    for number in range(tries):
        best = min(best, measure(number))
        if best <= goal:
            break
    return best


def test_the_page_can_be_used_within_a_second(opened: Callable[..., Page], ten_videos: str) -> None:
    assert best_of(TRIES, lambda _: usable_ms(opened(), ten_videos), goal=1000) <= 1000


def test_the_first_result_is_painted_soon(opened: Callable[..., Page], ten_videos: str) -> None:
    best = best_of(TRIES, lambda number: result_ms(opened(), ten_videos, QUESTIONS[number]), goal=300)
    assert best <= 900, "300 ms is the goal, which the benchmark holds to; a machine whose cores are all taken is given three times as long"


@pytest.mark.parametrize("path", ["/", "/search?q=police", "/library"])
def test_a_view_weighs_200_kb_at_most_before_media(opened: Callable[..., Page], ten_videos: str, path: str) -> None:
    assert 30_000 < weight(opened(), ten_videos + path) <= 200_000


def test_a_jump_into_two_hours_costs_two_megabytes_at_most(browser: Browser, tmp_path: Path) -> None:
    """A busy machine shows its first picture late, and is sent more until then."""
    with cinema(tmp_path, 7200) as (url, site, films):
        for film, at in zip(films, (5025.5, 7100.25), strict=True):

            def megabytes(_: int, film: Video = film, at: float = at) -> float:
                made = jump(browser, url, site, film, at)
                assert at - 0.1 <= made["shown_at"] < at + 8
                return made["mb"]

            assert best_of(TRIES, megabytes, goal=2) <= 2, film.title

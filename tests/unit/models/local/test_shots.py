"""Where shots end, and how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesearch.models.local.shots import Change, Look, look, shots

Picture = NDArray[np.uint8]
GENERATOR = np.random.default_rng(7)


def scenery(*colour: int) -> Picture:
    """A picture with some structure in about one colour."""
    rows, columns = np.mgrid[0:90, 0:160]
    waves = 30 * np.sin(rows / 9 + colour[0]) + 20 * np.cos(columns / 13 + colour[1])
    return np.clip(np.array(colour)[None, None] + waves[..., None], 0, 255).astype(np.uint8)


def sea() -> Picture:
    return scenery(30, 90, 180)


def fire() -> Picture:
    return scenery(220, 110, 30)


def seen(pictures: list[Picture]) -> list[Look]:
    """Ten pictures a second."""
    return [look(i * 100, p) for i, p in enumerate(pictures)]


def borders(pictures: list[Picture]) -> list[tuple[int, Change]]:
    return [(s.start_ms, s.begins) for s in shots(seen(pictures), len(pictures) * 100)]


def test_a_hard_cut_begins_a_shot_where_it_is() -> None:
    assert borders([sea()] * 20 + [fire()] * 20) == [(0, Change.START), (2000, Change.CUT)]


def test_shots_follow_each_other_without_gaps() -> None:
    found = shots(seen([sea()] * 20 + [fire()] * 20), 4000)

    assert [(s.start_ms, s.end_ms) for s in found] == [(0, 2000), (2000, 4000)]


def test_a_fade_through_black_is_one_border() -> None:
    down = [(sea() * level).astype(np.uint8) for level in np.linspace(1, 0, 8)]
    up = [(fire() * level).astype(np.uint8) for level in np.linspace(0, 1, 8)]

    found = borders([sea()] * 20 + down + up + [fire()] * 20)

    assert [change for _, change in found] == [Change.START, Change.FADE]
    assert 2500 <= found[1][0] <= 3100


def test_a_dissolve_is_one_border_in_its_middle() -> None:
    mixed = [(sea() * (1 - t) + fire() * t).astype(np.uint8) for t in np.linspace(0, 1, 12)]

    found = borders([sea()] * 25 + mixed + [fire()] * 25)

    assert [change for _, change in found] == [Change.START, Change.DISSOLVE]
    assert 2400 <= found[1][0] <= 3800


def test_a_flash_is_no_cut() -> None:
    white = np.full((90, 160, 3), 255, np.uint8)

    assert borders([sea()] * 20 + [white] * 2 + [sea()] * 20) == [(0, Change.START)]


def test_a_moving_camera_is_no_cut() -> None:
    wide = np.concatenate([sea(), scenery(60, 120, 150), sea()], axis=1)

    assert borders([wide[:, x : x + 160] for x in range(0, 240, 4)]) == [(0, Change.START)]


def test_noise_is_no_cut() -> None:
    noisy = [np.clip(sea() + GENERATOR.normal(0, 12, (90, 160, 3)), 0, 255).astype(np.uint8) for _ in range(40)]

    assert borders(noisy) == [(0, Change.START)]

"""What the camera does and how the picture looks, in words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from scenesearch.models.local.camera import camera_words, motion, small_gray
from scenesearch.models.local.colours import brightness_words, colour_words


@pytest.fixture(scope="module")
def landscape() -> NDArray[np.uint8]:
    """A large picture with structure of many sizes."""
    import cv2

    noise = np.random.default_rng(3).integers(0, 255, (60, 160, 3), dtype=np.uint8)
    return cv2.GaussianBlur(cv2.resize(noise, (1600, 600), interpolation=cv2.INTER_CUBIC), (0, 0), 3).astype(np.uint8)


def words(pictures: list[NDArray[np.uint8]]) -> str:
    small = [small_gray(np.ascontiguousarray(p)) for p in pictures]
    return camera_words([motion(a, b) for a, b in pairwise(small)])


def test_a_still_picture_is_static(landscape: NDArray[np.uint8]) -> None:
    assert words([landscape[:360, :640]] * 10) == "static picture"


def test_a_camera_that_turns_right_pans_right(landscape: NDArray[np.uint8]) -> None:
    assert words([landscape[100:460, x : x + 640] for x in range(0, 400, 16)]).startswith("camera pans right")


def test_a_camera_that_turns_left_pans_left(landscape: NDArray[np.uint8]) -> None:
    assert words([landscape[100:460, x : x + 640] for x in range(400, 0, -16)]).startswith("camera pans left")


def test_a_camera_that_looks_down_tilts_down(landscape: NDArray[np.uint8]) -> None:
    assert words([landscape[y : y + 360, 300:940] for y in range(0, 240, 10)]).startswith("camera tilts down")


def test_a_picture_that_grows_is_zoomed_in(landscape: NDArray[np.uint8]) -> None:
    cuts = [landscape[i * 4 : 540 - i * 4, 300 + i * 7 : 1260 - i * 7] for i in range(20)]

    assert words(cuts) == "camera moves or zooms in"


def test_a_camera_that_jumps_about_is_shaky(landscape: NDArray[np.uint8]) -> None:
    steps = np.random.default_rng(5).integers(-14, 15, (20, 2))

    assert words([landscape[120 + y : 480 + y, 300 + x : 940 + x] for x, y in steps]).startswith("shaky camera")


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 30, 30), "red"), ((240, 150, 40), "orange"), ((110, 70, 30), "brown"), ((230, 220, 50), "yellow"), ((40, 160, 60), "green"),
        ((30, 80, 200), "blue"), ((250, 250, 250), "white"), ((10, 10, 12), "black"), ((128, 128, 128), "gray"), ((230, 90, 170), "pink"),
    ],
)  # fmt: skip
def test_colours_have_their_usual_names(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_words([np.full((36, 64, 3), rgb, np.float32)]) == [name]


def test_the_largest_colour_is_named_first() -> None:
    picture = np.full((36, 64, 3), (30, 80, 200), np.float32)
    picture[:12] = (250, 250, 250)

    assert colour_words([picture]) == ["blue", "white"]


def test_brightness_goes_from_very_dark_to_very_bright() -> None:
    assert [brightness_words(level) for level in (5, 40, 120, 190, 240)] == ["very dark", "dark", "medium bright", "bright", "very bright"]

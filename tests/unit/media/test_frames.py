"""Decoded frames: the right one, upright, at its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media_files import Recipe, make, read_number
from scenesearch.errors import UnreadableMedia
from scenesearch.media.frames import frame_at, frames

Shelf = Callable[[Recipe], Path]


def test_frames_come_at_most_one_an_interval_with_their_own_times(shelf: Shelf) -> None:
    with shelf(Recipe()).open("rb") as file:
        seen = [(frame.at_ms, read_number(frame.image)) for frame in frames(file, interval_ms=500)]
    assert seen == [(n * 500, n * 5) for n in range(8)]


def test_a_part_of_the_video_can_be_asked_for(shelf: Shelf) -> None:
    for form in ("mp4", "matroska", "mpegts"):
        with shelf(Recipe(seconds=9, format=form)).open("rb") as file:
            numbers = [read_number(f.image) for f in frames(file, interval_ms=0, start_ms=5030, end_ms=5430)]
        assert numbers in ([51, 52, 53, 54], [50 + n for n in range(1, 5)], [51, 52, 53, 54, 55])


def test_a_picture_stands_until_the_next_one_comes_or_the_video_ends(shelf: Shelf) -> None:
    with shelf(Recipe(seconds=9, stamps=(0, 1, 4, 4.5), b_frames=0, audio_seconds=9)).open("rb") as file:
        seen = [(frame.at_ms, read_number(frame.image)) for frame in frames(file, interval_ms=1000)]
    assert seen == [(0, 0), (1000, 1), (2000, 1), (3000, 1), (4000, 2), (5000, 3), (6000, 3), (7000, 3), (8000, 3)]


def test_frames_are_upright_and_no_wider_than_asked(shelf: Shelf) -> None:
    with shelf(Recipe(rotation=90)).open("rb") as file:
        [first, *_] = frames(file, max_width=96)
    assert first.image.shape == (48, 96, 3)
    with shelf(Recipe(rotation=270)).open("rb") as file:
        assert [read_number(f.image) for f in frames(file)] == [0, 10, 20, 30]


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts", "flv"])
def test_the_frame_at_a_time_is_the_one_on_screen(shelf: Shelf, form: str) -> None:
    with shelf(Recipe(seconds=9, format=form)).open("rb") as file:
        late = min(frame.at_ms for frame in frames(file))
        for at_ms in (0, 149, 3000, 3099, 8950, 60_000):
            frame = frame_at(file, at_ms + late)
            assert read_number(frame.image) == min(at_ms // 100, 89)
            assert frame.at_ms == min(at_ms // 100, 89) * 100 + late


def test_a_still_of_the_first_moment_of_a_late_picture(shelf: Shelf) -> None:
    with shelf(Recipe(stamps=(2.0, 2.5, 3.0), b_frames=0)).open("rb") as file:
        assert read_number(frame_at(file, 0).image) == 0


def test_damaged_frames_are_left_out(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Recipe(seconds=9, format="matroska"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = bytes(300)
    path.write_bytes(content)
    with path.open("rb") as file:
        numbers = [read_number(f.image) for f in frames(file, interval_ms=0)]
    assert set(range(30)) | set(range(60, 90)) <= set(numbers)
    assert numbers == sorted(numbers)


def test_text_has_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no video " * 100)
    with path.open("rb") as file, pytest.raises(UnreadableMedia, match="text"):
        list(frames(file))


def test_images_are_arrays_of_bytes(shelf: Shelf) -> None:
    with shelf(Recipe()).open("rb") as file:
        image = frame_at(file, 0).image
    assert image.dtype == np.uint8
    assert image.shape == (96, 192, 3)
    assert image.flags.c_contiguous

"""Sprite sheets and the WebVTT that points into them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media_files import Recipe, make, read_number
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import plan
from scenesearch.media.thumbnails import MAX_A_VIDEO, SpriteSheet, interval_ms, vtt, vtt_cues

Shelf = Callable[[Recipe], Path]


def sheets_of(path: Path, apart_ms: int = 2000, chunk_seconds: float = 60) -> list[SpriteSheet | None]:
    with path.open("rb") as source:
        made = plan(source, chunk_seconds=chunk_seconds, clip_max_bytes=400_000_000)
        with ChunkCutter(source, made.media, clip_max_bytes=400_000_000, thumbnails_apart_ms=apart_ms) as cutter:
            sheets = []
            for chunk in made.chunks:
                with cutter.cut(chunk) as clips:
                    assert clips.thumbnails is not None
                    sheets.append(clips.thumbnails.sheet())
            return sheets


def sheet_of(path: Path, apart_ms: int = 2000) -> SpriteSheet:
    [sheet] = sheets_of(path, apart_ms)
    assert sheet is not None
    return sheet


def numbers_on(sheet: SpriteSheet) -> list[int]:
    image = np.asarray(Image.open(io.BytesIO(sheet.jpeg)))
    boxes = [cue.box for cue in sheet.cues]
    return [read_number(image[y : y + height, x : x + width]) for x, y, width, height in boxes]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(seconds=9),
        Recipe(seconds=9, format="matroska"),
        Recipe(seconds=9, format="mpegts"),
        Recipe(seconds=9, format="webm", codec="libvpx-vp9", audio="libopus"),
        Recipe(seconds=9, codec="libx265"),
        Recipe(seconds=9, codec="libsvtav1"),
        Recipe(seconds=9, format="avi", codec="mjpeg", audio="pcm_s16le"),
    ],
    ids=["mp4", "mkv", "transport stream", "vp9", "hevc", "av1", "transcoded"],
)
def test_every_cue_points_at_the_keyframe_of_its_time(shelf: Shelf, recipe: Recipe) -> None:
    first, second = sheets_of(shelf(recipe), chunk_seconds=5)
    assert first is not None
    assert second is not None
    border = first.cues[-1].end_ms
    assert numbers_on(first) == [cue.start_ms // 100 for cue in first.cues]
    assert numbers_on(second) == [cue.start_ms // 100 for cue in second.cues]
    for sheet, start_ms in ((first, 0), (second, border)):
        assert all(abs(cue.start_ms - start_ms - n * 2000) < 50 for n, cue in enumerate(sheet.cues))
    assert all(a.end_ms == b.start_ms for a, b in pairwise([*first.cues, *second.cues]))


def test_damaged_keyframes_are_left_out(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Recipe(seconds=20, format="matroska"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :][:4000] = b"\xff" * 4000
    path.write_bytes(content)
    sheet = sheet_of(path, apart_ms=1000)
    numbers = numbers_on(sheet)
    assert 14 <= len(numbers) <= 20
    assert (numbers[:9], numbers[-5:]) == (list(range(0, 90, 10)), list(range(150, 200, 10)))


def test_the_same_video_gives_the_same_sheet(shelf: Shelf) -> None:
    path = shelf(Recipe(seconds=9))
    assert sheet_of(path) == sheet_of(path)


def test_thumbnails_are_upright_and_in_rows(shelf: Shelf) -> None:
    sheet = sheet_of(shelf(Recipe(seconds=14, rotation=90)), apart_ms=1000)
    assert len(sheet.cues) == 14
    assert numbers_on(sheet) == list(range(0, 140, 10))
    assert sheet.cues[0].box == (0, 0, 160, 80)
    assert sheet.cues[13].box == (3 * 160, 80, 160, 80)


def test_a_long_video_has_no_more_thumbnails_than_a_short_one() -> None:
    assert interval_ms(10_000) == 2000
    assert 8 * 3_600_000 / interval_ms(8 * 3_600_000) <= MAX_A_VIDEO


def test_the_vtt_is_one_that_players_read(shelf: Shelf) -> None:
    sheet = sheet_of(shelf(Recipe(seconds=9)))
    late = replace(sheet, cues=tuple(replace(c, start_ms=c.start_ms + 3_600_000, end_ms=c.end_ms + 3_600_000) for c in sheet.cues))
    text = vtt([vtt_cues(late, "sprite-012.jpg")])
    assert text.startswith("WEBVTT\n\n01:00:00.000 --> 01:00:02.000\nsprite-012.jpg#xywh=0,0,160,80\n\n")
    assert len(re.findall(r"^\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}$", text, re.MULTILINE)) == 5

"""Sprite sheets and the WebVTT that points into them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from media_files import Recipe, read_number
from scenesearch.media.thumbnails import MAX_A_VIDEO, SpriteSheet, interval_ms, sprite_sheet, vtt, vtt_cues

Shelf = Callable[[Recipe], Path]


def sheet_of(path: Path, start_ms: int = 0, end_ms: int = 9000, apart_ms: int = 2000) -> SpriteSheet:
    with path.open("rb") as clip:
        sheet = sprite_sheet(clip, start_ms=start_ms, end_ms=end_ms, apart_ms=apart_ms)
    assert sheet is not None
    return sheet


def test_every_cue_points_at_the_keyframe_of_its_time(shelf: Shelf) -> None:
    sheet = sheet_of(shelf(Recipe(seconds=9)), start_ms=60_000, end_ms=69_000)
    image = np.asarray(Image.open(io.BytesIO(sheet.jpeg)))
    shown = []
    for cue in sheet.cues:
        x, y, width, height = cue.box
        shown.append(read_number(image[y : y + height, x : x + width]))
    assert shown == [0, 20, 40, 60, 80]
    assert [(cue.start_ms, cue.end_ms) for cue in sheet.cues] == [
        (60_000, 62_000),
        (62_000, 64_000),
        (64_000, 66_000),
        (66_000, 68_000),
        (68_000, 69_000),
    ]


def test_thumbnails_are_upright_and_in_rows(shelf: Shelf) -> None:
    sheet = sheet_of(shelf(Recipe(seconds=14, rotation=90)), end_ms=14_000, apart_ms=1000)
    assert len(sheet.cues) == 14
    assert sheet.cues[0].box == (0, 0, 160, 80)
    assert sheet.cues[13].box == (3 * 160, 80, 160, 80)


def test_a_long_video_has_no_more_thumbnails_than_a_short_one() -> None:
    assert interval_ms(10_000) == 2000
    assert 8 * 3_600_000 / interval_ms(8 * 3_600_000) <= MAX_A_VIDEO


def test_the_vtt_is_one_that_players_read(shelf: Shelf) -> None:
    sheet = sheet_of(shelf(Recipe(seconds=9)), start_ms=3_600_000, end_ms=3_609_000)
    text = vtt([vtt_cues(sheet, "sprite-012.jpg")])
    assert text.startswith("WEBVTT\n\n01:00:00.000 --> 01:00:02.000\nsprite-012.jpg#xywh=0,0,160,80\n\n")
    assert len(re.findall(r"^\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}$", text, re.MULTILINE)) == 5

"""Where the borders lie."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, cast

import pytest

from media_files import FRAGMENTED, Recipe, make
from scenesearch.media.plan import Plan, plan

COPIED = {
    "mp4": Recipe(seconds=20),
    "fragmented mp4": Recipe(seconds=20, options=FRAGMENTED),
    "indexed fragments": Recipe(seconds=20, options={"movflags": "dash+global_sidx"}),
    "mkv": Recipe(seconds=20, format="matroska"),
    "webm": Recipe(seconds=20, format="webm", codec="libvpx-vp9", audio="libopus"),
    "webm without index or duration": Recipe(seconds=20, format="webm", codec="libvpx-vp9", audio="libopus", options={"live": "1"}),
    "transport stream": Recipe(seconds=20, format="mpegts", start=3),
    "flash": Recipe(seconds=20, format="flv"),
    "avi": Recipe(seconds=20, format="avi", audio="libmp3lame", b_frames=0),
    "hevc": Recipe(seconds=20, codec="libx265"),
    "av1": Recipe(seconds=20, codec="libsvtav1"),
    "late start": Recipe(seconds=20, start=5),
}


def planned(path: Path, chunk_seconds: float, clip_max_bytes: int = 400_000_000) -> Plan:
    with path.open("rb") as file:
        return plan(file, chunk_seconds=chunk_seconds, clip_max_bytes=clip_max_bytes)


def tiles(made: Plan) -> bool:
    borders = [0, *(chunk.span.end_ms for chunk in made.chunks)]
    return [chunk.span.start_ms for chunk in made.chunks] == borders[:-1] and borders[-1] == made.media.duration_ms


@pytest.mark.parametrize("recipe", COPIED.values(), ids=COPIED.keys())
def test_borders_lie_at_keyframes_about_a_chunk_apart_and_tile_the_video(tmp_path: Path, recipe: Recipe) -> None:
    made = planned(make(tmp_path / "a", recipe), 5)
    assert tiles(made)
    assert [chunk.number for chunk in made.chunks] == list(range(len(made.chunks)))
    assert not any(chunk.transcode for chunk in made.chunks)
    first = made.chunks[0].span.end_ms % 1000  # every second is a keyframe, some files begin a little late
    assert all(abs(chunk.span.end_ms % 1000 - first) <= 1 for chunk in made.chunks[:-1])
    assert all(4000 <= chunk.span.duration_ms <= 7500 for chunk in made.chunks)


def test_the_same_file_always_has_the_same_plan(tmp_path: Path) -> None:
    path = make(tmp_path / "a.ts", Recipe(seconds=20, format="mpegts"))
    assert planned(path, 5) == planned(path, 5)


def test_the_end_is_not_a_crumb(tmp_path: Path) -> None:
    made = planned(make(tmp_path / "a.mp4", Recipe(seconds=16)), 5)
    assert min(chunk.span.duration_ms for chunk in made.chunks) >= 2500


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(seconds=20, format="avi", codec="mjpeg", audio="pcm_s16le"),
        Recipe(seconds=20, format="mpeg", codec="mpeg1video", audio="mp2", fps=25),
        Recipe(seconds=20, format="webm", codec="libvpx", audio="libopus"),
    ],
    ids=["mjpeg", "mpeg1", "vp8"],
)
def test_other_codecs_are_transcoded_at_exact_borders(tmp_path: Path, recipe: Recipe) -> None:
    made = planned(make(tmp_path / "a", recipe), 6)
    assert tiles(made)
    assert all(chunk.transcode for chunk in made.chunks)
    assert [chunk.span.start_ms for chunk in made.chunks[:3]] == [0, 6000, 12000]


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
def test_one_keyframe_in_fifteen_minutes_is_transcoded_in_clips_of_five(tmp_path: Path, form: str) -> None:
    made = planned(make(tmp_path / "a", Recipe(seconds=900, fps=2, gop=100_000, still=True, audio=None, format=form)), 300)
    assert tiles(made)
    assert all(chunk.transcode for chunk in made.chunks)
    assert [chunk.span.start_ms for chunk in made.chunks] == [0, 300_000, 600_000]


def test_only_the_stretch_without_a_keyframe_is_transcoded(tmp_path: Path) -> None:
    rare = tuple(n / 10 for n in range(50)) + tuple(n / 10 for n in range(250, 300))
    made = planned(make(tmp_path / "a.mp4", Recipe(seconds=30, stamps=rare, audio=None)), 4)
    assert tiles(made)
    assert [chunk.transcode for chunk in made.chunks if chunk.span.end_ms <= 4000 or chunk.span.start_ms >= 25_000]
    assert not made.chunks[0].transcode
    assert not made.chunks[-1].transcode
    assert all(chunk.transcode for chunk in made.chunks if 5000 <= chunk.span.start_ms < 20_000)


def test_eight_hours_of_one_picture_are_chunks_of_five_minutes(tmp_path: Path) -> None:
    stamps = tuple(float(at) for at in range(0, 8 * 3600, 10))
    recipe = Recipe(seconds=8 * 3600, stamps=stamps, gop=6, audio=None, still=True, b_frames=0)
    made = planned(make(tmp_path / "a.mp4", recipe), 300)
    assert tiles(made)
    assert len(made.chunks) == 96
    assert not any(chunk.transcode for chunk in made.chunks)


def test_no_clip_is_larger_than_allowed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=20, audio=None))
    allowed = path.stat().st_size // 5
    made = planned(path, 300, allowed)
    assert tiles(made)
    assert len(made.chunks) >= 5
    assert not any(chunk.transcode for chunk in made.chunks)


def test_no_clip_is_longer_than_five_minutes(tmp_path: Path) -> None:
    made = planned(make(tmp_path / "a.mp4", Recipe(seconds=301, fps=2, still=True, audio=None)), 300)
    assert tiles(made)
    assert all(chunk.span.duration_ms <= 300_000 for chunk in made.chunks)


class Counted:
    def __init__(self, file: BinaryIO) -> None:
        self.file, self.read_bytes = file, 0

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.read_bytes += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()


def test_a_plain_mp4_is_planned_from_its_header(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=40, fps=10, noise=True, size=(640, 368), audio=None))
    with path.open("rb") as file:
        counted = Counted(file)
        made = plan(cast("BinaryIO", counted), chunk_seconds=10, clip_max_bytes=400_000_000)
    assert len(made.chunks) == 4
    assert counted.read_bytes <= 0.04 * path.stat().st_size

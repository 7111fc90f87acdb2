"""One clock for every video: whatever the file's own does, every second has its place."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from media_files import Recipe, make
from media_reading import Heard, heard, numbers_seen
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import Plan, plan

LIMIT = 400_000_000


def cut_whole(content: bytes, chunk_seconds: float = 300) -> tuple[Plan, dict[int, int], list[tuple[int, Heard]]]:
    """The plan of a file, the number that each frame of its clips shows by its time, and the sound of the clips with their starts."""
    source = io.BytesIO(content)
    made, seen, sounds = plan(source, chunk_seconds=chunk_seconds, clip_max_bytes=LIMIT), dict[int, int](), list[tuple[int, Heard]]()
    with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
        for chunk in made.chunks:
            with cutter.cut(chunk) as clips:
                seen |= {clips.pictures.start_ms + at_ms: number for at_ms, number in numbers_seen(clips.pictures.file).items()}
                if clips.sound:
                    sounds.append((clips.sound.start_ms, heard(clips.sound.file)))
    return made, seen, sounds


def parts(tmp_path: Path, form: str, *starts: float, **changes: object) -> bytes:
    """Recordings of four seconds each, their clocks beginning at `starts`, one after the other in one file."""
    return b"".join(make(tmp_path / str(n), Recipe(format=form, start=start, **changes)).read_bytes() for n, start in enumerate(starts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "starts"),
    [
        ("mpegts", (0, 0)),
        ("mpegts", (100, 50)),
        ("mpegts", (0, 30)),
        ("mpegts", (0, 6)),
        ("mpegts", (7_200, 0)),
        ("mpegts", (0, 20 * 3600)),
        ("mpegts", (26.5 * 3600 - 10, 5)),
        ("mpegts", (0, 0, 40_000)),
        ("mpeg", (0, 0)),
    ],
)
@pytest.mark.parametrize("chunk_seconds", [300, pytest.param(3, marks=pytest.mark.slow)])
def test_recordings_joined_with_their_own_clocks_follow_each_other(
    tmp_path: Path, form: str, starts: tuple[float, ...], chunk_seconds: float
) -> None:
    codec = {"codec": "mpeg1video", "audio": "mp2", "fps": 25} if form == "mpeg" else {}
    made, seen, sounds = cut_whole(parts(tmp_path, form, *starts, **codec), chunk_seconds)
    assert made.media.duration_ms == pytest.approx(4_000 * len(starts), abs=150 * len(starts))
    assert len(made.media.notes) == len(starts) - 1
    assert made.media.missing == ()
    fps = 25 if form == "mpeg" else 10
    numbers = [number for _, number in sorted(seen.items())]
    assert len(numbers) >= (4 * fps - 1) * len(starts)
    for at_ms, number in seen.items():
        assert (at_ms - 1000 * number / fps) % 4_000 < 400 or (at_ms - 1000 * number / fps) % 4_000 > 3_900
    second = {round(start_ms / 1000 + at, 1): sound.second_at(at) for start_ms, sound in sounds for at in (0.5, 1.5, 2.5)}
    assert all(tone is None or (at % 4 + 0.2) // 1 >= tone - 1 for at, tone in second.items())
    assert sum(sound.end_s - sound.start_s for _, sound in sounds) >= 4 * len(starts) - 0.4


@pytest.mark.parametrize("form", ["mp4", "mov", "matroska", "mpegts", "flv"])
def test_sound_before_the_first_picture_and_after_the_last_is_kept(tmp_path: Path, form: str) -> None:
    late = tuple(2 + n / 10 for n in range(20))
    made, seen, [(start_ms, sound)] = cut_whole(make(tmp_path / "a", Recipe(seconds=6, stamps=late, format=form)).read_bytes())
    assert abs(start_ms) < 60
    assert sound.end_s - sound.start_s > 5.8
    assert [sound.second_at(second + 0.5 - start_ms / 1000) for second in range(6)] == list(range(6))
    assert min(seen) == pytest.approx(2_000, abs=150)
    assert made.media.duration_ms == pytest.approx(6_000, abs=150)


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_a_picture_that_stands_is_no_jump_of_the_clock(shelf: Callable[[Recipe], Path], form: str) -> None:
    stands = tuple(n / 10 for n in range(20)) + tuple(20 + n / 10 for n in range(20))
    made, seen, _ = cut_whole(shelf(Recipe(seconds=22, stamps=stands, format=form, audio=None)).read_bytes())
    assert made.media.notes == made.media.missing == ()
    assert made.media.duration_ms == pytest.approx(22_000, abs=150)
    assert max(seen) > 21_000

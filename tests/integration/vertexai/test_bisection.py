"""Clips cut in two: nothing is lost, and the second half starts where it says."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from media_files import Recipe, make, read_number
from scenesearch.errors import ModelError
from scenesearch.models.vertexai.bisection import Half, bisected

FPS = 10
SECONDS = 6


def numbers(half: Half) -> list[tuple[int, int]]:
    """Each frame's own number, and the number that its time in the half and the half's start come to."""
    with av.open(half.file, "r") as clip:
        zero = (clip.start_time or 0) / 1_000_000
        frames = [(frame.to_ndarray(format="rgb24"), frame.time - zero) for frame in clip.decode(video=0) if frame.time is not None]
    return [(read_number(image), round((at + half.start_ms / 1000) * FPS)) for image, at in frames]


@pytest.mark.parametrize(
    ("suffix", "recipe"),
    [
        (".mp4", Recipe(seconds=SECONDS)),
        (".mp4", Recipe(seconds=SECONDS, b_frames=0, audio=None)),
        (".webm", Recipe(seconds=SECONDS, codec="libvpx-vp9", audio="libopus", format="webm")),
    ],
    ids=["h264", "h264 without sound", "vp9"],
)
def test_every_picture_is_in_one_half_at_its_time(suffix: str, recipe: Recipe, tmp_path: Path) -> None:
    path = make(tmp_path / f"clip{suffix}", recipe)
    with path.open("rb") as clip, bisected(clip, audio=False, duration_ms=SECONDS * 1000) as (first, second):
        assert (first.start_ms, first.duration_ms, second.start_ms, second.duration_ms) == (0, 3000, 3000, 3000)
        assert first.wrapper.suffix == suffix
        assert [*numbers(first), *numbers(second)] == [(n, n) for n in range(SECONDS * FPS)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_that_need_the_other_half_are_left_out(codec: str, tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", Recipe(seconds=SECONDS, codec=codec, open_gop=codec == "libx264", audio=None))
    with path.open("rb") as clip, bisected(clip, audio=False, duration_ms=SECONDS * 1000) as (first, second):
        seen = [*numbers(first), *numbers(second)]
        assert all(number == due for number, due in seen)
        assert {*range(28), *range(30, 60)} <= {number for number, _ in seen}


@pytest.mark.parametrize(
    ("name", "codec", "format_"),
    [("clip.m4a", "aac", "mp4"), ("clip.weba", "libopus", "webm"), ("clip.mp3", "libmp3lame", "mp3")],
)
def test_sound_is_cut_at_any_packet(name: str, codec: str, format_: str, tmp_path: Path) -> None:
    path = make(tmp_path / "video.mkv", Recipe(seconds=SECONDS, audio=codec, format="matroska"))
    with av.open(str(path), "r") as source, av.open(str(tmp_path / name), "w", format=format_) as out:
        sound = source.streams.audio[0]
        copy = out.add_stream_from_template(sound)
        for packet in source.demux(sound):
            if packet.pts is not None:
                packet.stream = copy
                out.mux(packet)
    with (tmp_path / name).open("rb") as clip, bisected(clip, audio=True, duration_ms=SECONDS * 1000) as (first, second):
        assert second.start_ms == pytest.approx(3000, abs=40)
        for half in (first, second):
            with av.open(half.file, "r") as heard:
                samples = sum(frame.samples for frame in heard.decode(audio=0))
                assert samples / heard.streams.audio[0].rate == pytest.approx(half.duration_ms / 1000, abs=0.1)
            assert half.wrapper.suffix == Path(name).suffix


def test_a_clip_of_a_second_is_not_cut(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mp4", Recipe(seconds=1))
    with path.open("rb") as clip, pytest.raises(ModelError, match="1000 ms"), bisected(clip, audio=False, duration_ms=1000):
        pass

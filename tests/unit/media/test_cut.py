"""Clips: every frame and every tone where it was, measured."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from media_files import FRAGMENTED, Recipe, make
from media_reading import Heard, heard, numbers_seen
from scenesearch.errors import UnreadableMedia
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import plan
from scenesearch.media.probe import probe
from scenesearch.video import Chunk, MediaInfo

LIMIT = 400_000_000


@dataclass(frozen=True)
class Piece:
    """A chunk and what its clips show and say, on the video's clock."""

    chunk: Chunk
    info: MediaInfo
    content_type: str
    start_ms: int
    end_ms: int
    numbers: dict[int, int]
    sound: Heard | None
    sound_start_ms: int
    sound_end_ms: int


@cache
def pieces(path: Path, chunk_seconds: float = 3) -> list[Piece]:
    with path.open("rb") as source:
        made = plan(source, chunk_seconds=chunk_seconds, clip_max_bytes=LIMIT)
        with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
            return [piece(cutter, chunk) for chunk in made.chunks]


def piece(cutter: ChunkCutter, chunk: Chunk) -> Piece:
    with cutter.cut(chunk) as clips:
        start_ms, sound = clips.pictures.start_ms, clips.sound
        return Piece(
            chunk,
            probe(clips.pictures.file),
            clips.pictures.wrapper.content_type,
            start_ms,
            start_ms + clips.pictures.duration_ms,
            {at_ms + start_ms: number for at_ms, number in numbers_seen(clips.pictures.file).items()},
            heard(sound.file) if sound else None,
            sound.start_ms if sound else 0,
            sound.start_ms + sound.duration_ms if sound else 0,
        )


KINDS = {
    "mp4": Recipe(seconds=7),
    "fragmented mp4": Recipe(seconds=7, options=FRAGMENTED),
    "mkv with opus": Recipe(seconds=7, format="matroska", audio="libopus"),
    "webm": Recipe(seconds=7, format="webm", codec="libvpx-vp9", audio="libopus"),
    "live webm": Recipe(seconds=7, format="webm", codec="libvpx-vp9", audio="libopus", options={"live": "1"}),
    "transport stream": Recipe(seconds=7, format="mpegts"),
    "flash": Recipe(seconds=7, format="flv"),
    "av1": Recipe(seconds=7, codec="libsvtav1"),
    "vp9 with aac": Recipe(seconds=7, format="matroska", codec="libvpx-vp9"),
    "late start": Recipe(seconds=7, start=5),
    "late mkv": Recipe(seconds=7, start=5, format="matroska"),
    "uncompressed sound": Recipe(seconds=7, format="mov", audio="pcm_s16le"),
    "mjpeg avi": Recipe(seconds=7, format="avi", codec="mjpeg", audio="pcm_s16le"),
    "mpeg-1": Recipe(seconds=7, format="mpeg", codec="mpeg1video", audio="mp2", fps=25),
    "vp8 with vorbis-like sound": Recipe(seconds=7, format="matroska", codec="libvpx", audio="flac"),
    "rotated": Recipe(seconds=7, rotation=90),
    "rotated the other way, transcoded": Recipe(seconds=7, rotation=270, gop=1000),
    "one keyframe": Recipe(seconds=7, gop=1000),
    "silent": Recipe(seconds=7, audio=None),
    "very short": Recipe(seconds=0.2),
}
INNER_LOOP = {"mp4", "mkv with opus", "mjpeg avi", "late start", "rotated", "silent", "very short"}
EACH = [pytest.param(recipe, id=name, marks=() if name in INNER_LOOP else pytest.mark.slow) for name, recipe in KINDS.items()]


@pytest.mark.parametrize("recipe", EACH)
def test_every_frame_is_in_exactly_one_clip_at_its_own_time(shelf: Callable[[Recipe], Path], recipe: Recipe) -> None:
    path = shelf(recipe)
    with path.open("rb") as file:
        source = numbers_seen(file)
    cut = pieces(path)
    seen = [(at_ms, number) for clip in cut for at_ms, number in clip.numbers.items()]
    assert [number for _, number in seen] == list(source.values())
    assert all(abs(at_ms - source_ms) <= 2 for (at_ms, _), source_ms in zip(seen, source, strict=True))


@pytest.mark.parametrize("recipe", EACH)
def test_starts_and_durations_are_those_of_the_files(shelf: Callable[[Recipe], Path], recipe: Recipe) -> None:
    for clip in pieces(shelf(recipe)):
        assert abs(clip.start_ms + clip.info.duration_ms - clip.end_ms) <= 45
        assert clip.content_type in ("video/mp4", "video/webm")
        assert abs(min(clip.numbers) - clip.chunk.span.start_ms) <= 250
        if clip.sound:
            assert abs(clip.sound.end_s * 1000 - (clip.sound_end_ms - clip.sound_start_ms)) <= 50


@pytest.mark.parametrize("recipe", [kind for kind in EACH if KINDS[str(kind.id)].audio])
def test_sound_stays_where_it_was(shelf: Callable[[Recipe], Path], recipe: Recipe) -> None:
    path = shelf(recipe)
    with path.open("rb") as file:
        original = heard(file)
    for clip in pieces(path):
        assert clip.sound is not None
        for tenth in range(clip.sound_start_ms // 100 + 1, clip.sound_end_ms // 100 - 1, 2):
            at_s = tenth / 10
            if 0.2 < (at_s - original.start_s) % 1 < 0.8:  # not where one tone ends and the next begins
                assert clip.sound.second_at(at_s - clip.sound_start_ms / 1000) == original.second_at(at_s)


def test_video_clips_do_not_overlap_and_audio_clips_share_five_seconds(tmp_path: Path) -> None:
    cut = pieces(make(tmp_path / "a.mp4", Recipe(seconds=40)), 10)
    assert len(cut) == 4
    for before, after in pairwise(cut):
        assert before.end_ms <= after.start_ms == after.chunk.span.start_ms
        assert abs(before.sound_end_ms - after.sound_start_ms - 5000) <= 50


def test_pictures_that_need_both_sides_of_a_border_are_left_out_of_both(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=7, codec="libx265"))
    with path.open("rb") as file:
        source = numbers_seen(file)
    cut = pieces(path)
    seen = [number for clip in cut for number in clip.numbers.values()]
    assert len(seen) == len(set(seen)) >= len(source) - 3 * len(cut)
    assert all(source[at_ms] == number for clip in cut for at_ms, number in clip.numbers.items())


def test_transcoded_clips_are_at_most_720p_h264(tmp_path: Path) -> None:
    [clip] = pieces(make(tmp_path / "a.avi", Recipe(seconds=1, format="avi", codec="mjpeg", audio=None, size=(2560, 1440))))
    assert (clip.info.video_codec, clip.info.width, clip.info.height) == ("h264", 1280, 720)


def test_a_picture_that_stands_is_in_every_clip_that_it_stands_in(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=12, stamps=(0, 1, 2, 11), gop=1000, b_frames=0, audio=None))
    cut = pieces(path, 4)
    assert [set(clip.numbers.values()) for clip in cut] == [{0, 1, 2}, {2}, {2, 3}]
    assert all(abs(min(clip.numbers) - clip.chunk.span.start_ms) <= 1 for clip in cut)


def test_a_picture_that_stands_for_an_hour_is_in_every_clip_of_it(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=3600, stamps=(0, 3599), gop=1000, b_frames=0, audio=None))
    cut = pieces(path, 900)
    assert [set(clip.numbers.values()) for clip in cut] == [{0}] * 11 + [{0, 1}]


def test_variable_frame_rates_keep_their_times(tmp_path: Path) -> None:
    stamps = (0, 0.04, 0.5, 0.9, 2.0, 2.03, 3.1, 3.3, 4.8, 5.0, 5.5)
    path = make(tmp_path / "a.mp4", Recipe(seconds=6, stamps=stamps, gop=3, b_frames=0))
    seen = {at_ms: number for clip in pieces(path, 2) for at_ms, number in clip.numbers.items()}
    assert all(seen[round(stamp * 1000)] == number for number, stamp in enumerate(stamps))


def test_the_first_of_two_tracks_is_the_one_that_is_heard(tmp_path: Path) -> None:
    [clip] = pieces(make(tmp_path / "a.mp4", Recipe(seconds=3, audio_tracks=2)), 10)
    assert clip.sound is not None
    assert clip.sound.second_at(1.5) == 1


def test_sound_that_ends_early_ends_early_and_later_clips_have_none(tmp_path: Path) -> None:
    cut = pieces(make(tmp_path / "a.mp4", Recipe(seconds=30, audio_seconds=4)), 10)
    assert cut[0].sound is not None
    assert abs(cut[0].sound_end_ms - 4000) <= 50
    assert cut[1].sound is None
    assert len(cut[2].numbers) > 0


@pytest.mark.parametrize("form", ["mp4", "mpegts", "matroska"])
def test_what_is_damaged_is_lost_and_the_rest_is_kept(tmp_path: Path, form: str) -> None:
    path = make(tmp_path / "a", Recipe(seconds=20, format=form))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(content)
    cut = pieces(path, 4)
    seen = {number for clip in cut for number in clip.numbers.values()}
    assert seen >= set(range(80)) | set(range(120, 190))
    assert all(at_ms // 100 in (number - 1, number, number + 1) for clip in (cut[0], cut[-1]) for at_ms, number in clip.numbers.items())


def test_a_cut_off_file_ends_where_its_bytes_do_and_says_what_is_missing(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=20, options={"movflags": "faststart"}))
    content = path.read_bytes()
    source = io.BytesIO(content[: len(content) // 2])
    made = plan(source, chunk_seconds=4, clip_max_bytes=LIMIT)
    [missing] = made.media.missing
    assert missing.start_ms == made.media.duration_ms == made.chunks[-1].span.end_ms
    assert 5_000 < missing.start_ms < 15_000
    assert abs(missing.end_ms - 20_000) < 50
    with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
        shown = [number for chunk in made.chunks for number in piece(cutter, chunk).numbers.values()]
    assert set(shown) >= set(range(missing.start_ms // 100 - 4))


def test_a_chunk_in_which_no_picture_can_be_read_cannot_be_cut(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=20, codec="mjpeg", audio=None, fps=25, options={"movflags": "faststart"}))
    content = path.read_bytes()
    source = io.BytesIO(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    made = plan(source, chunk_seconds=4, clip_max_bytes=LIMIT)
    with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
        assert len(piece(cutter, made.chunks[0]).numbers) == 100
        with pytest.raises(UnreadableMedia, match="00:16-00:20"), cutter.cut(made.chunks[-1]):
            pass


def test_chunks_can_be_cut_in_any_order_and_again(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Recipe(seconds=12, format="matroska"))
    with path.open("rb") as source:
        made = plan(source, chunk_seconds=3, clip_max_bytes=LIMIT)
        with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
            order = [made.chunks[n] for n in (2, 0, 3, 2, 1)]
            assert [piece(cutter, chunk).numbers for chunk in order] == [pieces(path)[chunk.number].numbers for chunk in order]


@pytest.mark.parametrize("missing", [0.9, 0.1, 0.0001], ids=["most", "some", "the last bytes"])
def test_a_full_disk_is_called_one(shelf: Callable[[Recipe], Path], missing: float) -> None:
    path = shelf(Recipe(seconds=20))
    with path.open("rb") as source:
        made = plan(source, chunk_seconds=60, clip_max_bytes=LIMIT)
        with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter, cutter.cut(made.chunks[0]) as clips:
            size = clips.pictures.file.seek(0, 2)
    room = int(size * (1 - missing))
    program = """
import resource, signal, sys
from scenesearch.errors import StorageFull
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import plan
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
with open(sys.argv[1], "rb") as source:
    made = plan(source, chunk_seconds=60, clip_max_bytes=400_000_000)
    with ChunkCutter(source, made.media, clip_max_bytes=400_000_000) as cutter:
        try:
            with cutter.cut(made.chunks[0]):
                pass
        except StorageFull as error:
            sys.stdout.write(str(error))
"""
    run = subprocess.run([sys.executable, "-c", program, str(path), str(room)], capture_output=True, text=True, check=True)
    assert "no space" in run.stdout

"""Files that mean harm end their reader at most: in time, within its memory, and with a reason."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import bombs
from media_files import Recipe
from scenesearch.errors import ObjectNotFound, UnreadableMedia
from scenesearch.media.isolated import ChunkCutter, frame_at, plan_of
from scenesearch.media.isolation import Limits, each_in_child, end_all, in_child, reading

Shelf = Callable[[Recipe], Path]

LIMITS = Limits(memory_bytes=500_000_000, seconds=20, pixels=7680 * 4320)
SOURCE = b"0123456789" * 40_000


def source() -> io.BytesIO:
    """One that only this process can read."""
    return io.BytesIO(SOURCE)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("samples.mp4", "cannot be read"),
        ("fragments.mp4", r"more memory to read than the 300 MB .*SCENESEARCH_MEDIA_MEMORY_BYTES"),
        ("late.mkv", "277 hours"),
        ("picture.avi", "no picture of this mjpeg video"),
        ("streams.mp4", "200 streams"),
        ("nested.mp4", "incomplete"),
    ],
)
def test_a_small_file_that_is_dear_to_read_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv("SCENESEARCH_MEDIA_MEMORY_BYTES", "300000000")
    path = bombs.BOMBS[name](tmp_path / name)
    end_all()  # else a child of an earlier test may end, and be counted, within this one
    largest_before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert path.stat().st_size < 1_000_000
    with path.open("rb") as file, pytest.raises(UnreadableMedia, match=says):
        plan_of(file, chunk_seconds=300, clip_max_bytes=400_000_000)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(600_000, largest_before), "kB"


@pytest.mark.parametrize(
    ("job", "arguments", "says"),
    [(bombs.hoard, (600,), "more memory to read than the 500 MB"), (bombs.crash, (), "SIGABRT"), (bombs.stranger, (), "system")],
)
def test_what_a_library_does_to_the_child_is_a_fault_of_the_file(job: Callable[..., object], arguments: tuple[int, ...], says: str) -> None:
    with pytest.raises(UnreadableMedia, match=says):
        in_child(source(), LIMITS, job, *arguments)
    assert in_child(source(), LIMITS, bombs.hoard, 100) == 100_000_000, "the next file is read as ever"


def test_a_file_that_keeps_its_reader_busy_is_given_up(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableMedia, match=r"longer than the 1 s .*SCENESEARCH_MEDIA_SECONDS"):
        in_child(source(), replace(LIMITS, seconds=1), bombs.idle)
    assert time.monotonic() - began < 10


def test_the_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_VLM_KEY", "secret")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")
    assert not [name for name in in_child(source(), replace(LIMITS, seconds=21), bombs.variables) if "KEY" in name or "GOOGLE" in name]


def test_a_child_serves_one_file_after_the_other_also_when_a_reader_stops_early() -> None:
    first = in_child(source(), LIMITS, bombs.process)
    stream = each_in_child(source(), LIMITS, bombs.halves)
    assert next(stream) == SOURCE[:200_000]
    stream.close()
    assert b"".join(each_in_child(source(), LIMITS, bombs.halves)) == SOURCE
    assert in_child(source(), LIMITS, bombs.process) == first


def test_a_store_that_fails_is_not_the_files_fault() -> None:
    class Gone(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ObjectNotFound("it was replaced")

    with pytest.raises(ObjectNotFound, match="replaced"), reading(Gone(SOURCE), LIMITS, bombs.halves) as job:
        job.next()


def test_pictures_may_be_as_large_as_the_setting_says(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_MEDIA_PIXELS", "10000")
    with shelf(Recipe()).open("rb") as file, pytest.raises(UnreadableMedia, match=r"192 x 96 pixels.*SCENESEARCH_MEDIA_PIXELS"):
        frame_at(file, 0)


@pytest.mark.parametrize("near", [True, False], ids=["a file of this machine", "a file of a bucket"])
def test_a_child_plans_cuts_and_shows_like_this_process(shelf: Shelf, near: bool) -> None:
    with shelf(Recipe(seconds=6)).open("rb") as file:
        reach = file if near else io.BytesIO(file.read())
        made = plan_of(reach, chunk_seconds=2, clip_max_bytes=400_000_000)
        with ChunkCutter(reach, made.media, clip_max_bytes=400_000_000, thumbnails_apart_ms=1_000) as cutter:
            lengths = []
            for chunk in made.chunks:
                with cutter.cut(chunk) as cut:
                    assert cut.pictures.file.read(12)[4:8] == b"ftyp"
                    assert cut.sound is not None
                    lengths.append(cut.pictures.duration_ms)
                    if chunk.number != 1:  # nobody has to take them
                        assert cut.thumbnails is not None
                        sheet = cut.thumbnails.sheet()
                        assert sheet is not None
                        assert len(sheet.cues) == 2
        assert sum(lengths) == pytest.approx(6_000, abs=200)
        assert frame_at(reach, 3_000).image.shape == (96, 192, 3)


def test_a_chunk_that_cannot_be_cut_does_not_end_the_others(shelf: Shelf) -> None:
    with shelf(Recipe(seconds=6)).open("rb") as file:
        made = plan_of(file, chunk_seconds=2, clip_max_bytes=400_000_000)
        first, second, third = made.chunks
        nowhere = replace(second, span=replace(second.span, start_ms=900_000, end_ms=901_000))
        with ChunkCutter(file, made.media, clip_max_bytes=400_000_000) as cutter:
            with cutter.cut(first) as cut:
                assert cut.thumbnails is None
            with pytest.raises(UnreadableMedia, match="no picture of the part"), cutter.cut(nowhere):
                pass
            with cutter.cut(third) as cut:
                assert cut.pictures.duration_ms > 1_500

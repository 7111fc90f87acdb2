"""A matrix of odd files: each ends in clips or in one clear error, and every second is found, or said to be missing."""

from __future__ import annotations

import io
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from media_reading import Heard, heard, numbers_seen
from odd_files import OddFile, bytes_of, odd_files
from scenesearch.errors import UnreadableMedia
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import Plan, plan

LIMIT = 400_000_000
LATE_S = 0.35
"""How far from its place a picture or a tone may be, in seconds: containers round, and joints are as long as their longer track."""


@dataclass
class Account:
    """What became of a file. `lost`: what is neither found nor said to be missing."""

    one: OddFile
    failed: str | None = None
    lost: list[str] = field(default_factory=list)


def accounted(one: OddFile) -> Account:
    """Read the file as ingest does, and look for each of its seconds."""
    source = io.BytesIO(bytes_of(one))
    try:
        made = plan(source, chunk_seconds=4, clip_max_bytes=LIMIT)
        pictures, sounds = _read(source, made)
    except UnreadableMedia as error:
        return Account(one, failed=str(error))
    account = Account(one)
    for second in range(one.seconds):
        if one.end == "cut off" and (second + 1) * 1000 > made.media.duration_ms - 1000 * LATE_S:
            continue  # the last bytes hold no whole second; that the file ends early is checked below
        missing = any(part.start_ms < (second + 1) * 1000 and part.end_ms > second * 1000 for part in made.media.missing)
        if not missing:
            account.lost += _lost(one, second, pictures, sounds)
    if one.end == "cut off" and one.container in ("mp4", "mov", "matroska", "webm", "avi", "flv"):
        reached_ms = max([made.media.duration_ms, *(part.end_ms for part in made.media.missing)])
        told_s = one.seconds - (2 if one.container == "avi" and one.clock == "long sound" else 0)  # its header counts pictures
        if reached_ms < 1000 * told_s - 1_600:
            account.lost.append(f"ends at {reached_ms} ms without a word")
    return account


def _read(source: io.BytesIO, made: Plan) -> tuple[dict[int, int], list[tuple[float, Heard]]]:
    pictures, sounds = dict[int, int](), list[tuple[float, Heard]]()
    with ChunkCutter(source, made.media, clip_max_bytes=LIMIT) as cutter:
        for chunk in made.chunks:
            with cutter.cut(chunk) as clips:
                pictures |= {clips.pictures.start_ms + at: number for at, number in numbers_seen(clips.pictures.file).items()}
                if clips.sound:
                    sounds.append((clips.sound.start_ms / 1000, heard(clips.sound.file)))
    return pictures, sounds


def _lost(one: OddFile, second: int, pictures: dict[int, int], sounds: list[tuple[float, Heard]]) -> Iterator[str]:
    shown = (2 if one.clock == "late pictures" else 0, one.seconds - (2 if one.clock == "long sound" else 0))
    stands = one.clock == "standing" and second == 1
    if shown[0] <= second < shown[1] and not stands:
        middle = second * one.fps + one.fps // 2
        if not any(abs(at / 1000 - number / one.fps) < LATE_S and abs(number - middle) <= one.fps // 3 for at, number in pictures.items()):
            yield f"no picture of second {second}"
    if one.streams != "no sound" and not (one.clock == "late sound" and second < 2):
        tones = [
            sound.second_at(second + at - start)
            for start, sound in sounds
            for at in (0.4, 0.5, 0.6)
            if start <= second + at < start + sound.end_s
        ]
        if second not in tones:
            yield f"no sound of second {second}, but {tones}"


FILES = int(os.environ.get("PROOF_FILES", "60"))
"""How many of the files are tried."""


@pytest.mark.slow
def test_every_second_of_an_odd_file_is_found_or_said_to_be_missing(record_property: Callable[[str, object], None]) -> None:
    """`PROOF_FILES=300` for `make proof`."""
    accounts, longest_s = list[Account](), 0.0
    for one in odd_files(FILES):
        began = time.perf_counter()
        accounts.append(accounted(one))
        longest_s = max(longest_s, time.perf_counter() - began)
    record_property("files", len(accounts))
    record_property("failed_with_a_reason", sum(account.failed is not None for account in accounts))
    record_property("seconds_lost_in_silence", sum(len(account.lost) for account in accounts))
    record_property("peak_mb", round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    record_property("longest_s", round(longest_s, 1))
    assert {str(account.one): account.lost for account in accounts if account.lost} == {}
    assert {str(account.one): account.failed for account in accounts if account.failed and account.one.end == "whole"} == {}

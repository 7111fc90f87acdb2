"""How many bytes and requests a reader of ranges costs."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scenesearch.backends.gcp.ranged_reader import LARGEST_BYTES, SMALLEST_BYTES, RangedReader

DATA = bytes(range(256)) * 40_000


def reader(data: bytes = DATA) -> tuple[RangedReader, list[tuple[int, int]]]:
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        fetched.append((start, end))
        return data[start:end]

    return RangedReader(fetch, len(data)), fetched


def test_a_jump_fetches_little() -> None:
    file, fetched = reader()
    file.seek(5_000_000)
    assert file.read(8) == DATA[5_000_000:5_000_008]
    assert fetched == [(5_000_000, 5_000_000 + SMALLEST_BYTES)]


def test_reading_on_takes_few_requests_and_every_byte_once() -> None:
    file, fetched = reader()
    assert b"".join(iter(lambda: file.read(10_000), b"")) == DATA
    assert sum(end - start for start, end in fetched) == len(DATA)
    assert len(fetched) < 12
    assert max(end - start for start, end in fetched) == LARGEST_BYTES


def test_what_is_held_is_not_fetched_again() -> None:
    file, fetched = reader()
    file.read(1000)
    file.seek(10)
    file.read(1000)
    assert len(fetched) == 1


def test_the_end_is_the_end() -> None:
    file, fetched = reader(b"short")
    assert file.seek(0, io.SEEK_END) == 5
    assert file.read(10) == b""
    file.seek(99)
    assert file.read(10) == b""
    with pytest.raises(ValueError, match="seek"):
        file.seek(-1)
    assert fetched == []


@given(some.lists(some.tuples(some.integers(0, 5000), some.integers(0, 3000)), max_size=8), some.integers(1, 4096))
def test_any_way_of_reading_gives_the_same_bytes(steps: list[tuple[int, int]], size: int) -> None:
    data = DATA[:size]
    file = io.BufferedReader(reader(data)[0])
    for at, count in steps:
        file.seek(at)
        assert file.read(count) == data[at : at + count]

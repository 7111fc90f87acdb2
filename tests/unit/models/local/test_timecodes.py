"""Burned-in clocks become one entry a second."""

from __future__ import annotations

import pytest

from scenesearch.models.local.timecodes import is_timecode, seconds


@pytest.mark.parametrize("text", ["01:00:16:12", "01:00:16;12", "10:42:07", "TCR 01:00:16:12", "01.00:16:12", "2027-01-15 10:42:07"])
def test_a_timecode_is_recognised(text: str) -> None:
    assert is_timecode(text)


@pytest.mark.parametrize("text", ["12.05.27", "Wed 18:38", "25:00:00", "01:75:00", "1024 x 768", "call 555:12:34:56:78"])
def test_other_numbers_are_no_timecode(text: str) -> None:
    assert not is_timecode(text)


def test_frames_tell_exactly_when_a_second_begins() -> None:
    # 25 frames a second; the clock shows 01:00:00:00 at 0.48 s
    readings = [(1000, "01:00:00:13"), (3200, "01:00:02:18"), (5440, "01:00:04:24")]

    found = seconds(readings, 1000, 6000)

    assert found[0][2] == "01:00:00"
    assert (1480, 2480, "01:00:01") in found
    assert found[-1][1] == 6000


def test_a_misread_digit_changes_nothing() -> None:
    readings = [(1000, "10:42:08:00"), (3000, "19:42:10:00"), (5000, "10:42:12:00")]

    assert (3000, 4000, "10:42:10") in seconds(readings, 0, 6000)


def test_a_clock_that_jumps_is_followed_on_both_sides() -> None:
    readings = [(1000, "10:00:01:00"), (3000, "10:00:03:00"), (5000, "12:00:00:00"), (7000, "12:00:02:00")]

    found = {text: (start, end) for start, end, text in seconds(readings, 0, 8000)}

    assert found["10:00:02"] == (2000, 3000)
    assert found["12:00:01"] == (6000, 7000)


def test_a_clock_that_stands_still_is_no_clock() -> None:
    assert seconds([(0, "00:00:00:00"), (2000, "00:00:00:00"), (4000, "00:00:00:00")], 0, 5000) == []

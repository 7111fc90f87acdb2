"""Subtitles that people can read: two lines, broken where the sense breaks, long enough and not too long."""

from __future__ import annotations

import itertools
import random
import re

import pysubs2
import pytest

from scenesearch.library.captions import to_srt, to_vtt
from scenesearch.metadata import Entry, Section
from scenesearch.timeline import Span

HOUR = Span(0, 3_600_000)


def said(start: float, end: float, text: str, speaker: str | None = None, language: str | None = None) -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span.of_seconds(start, end), text=text, speaker=speaker, language=language)


def srt(*entries: Entry, within: Span = HOUR) -> list[tuple[float, float, list[str]]]:
    parsed = pysubs2.SSAFile.from_string(to_srt(entries, within), format_="srt")
    return [(event.start / 1000, event.end / 1000, event.text.split("\\N")) for event in parsed.events]


def test_a_long_sentence_is_divided_where_its_clauses_end() -> None:
    text = "My grandmother wrote this recipe. She cooked it every Sunday for the whole family, and nobody was allowed to help."
    assert [lines for *_, lines in srt(said(8, 18, text))] == [
        ["My grandmother wrote this recipe.", "She cooked it every Sunday"],
        ["for the whole family,", "and nobody was allowed to help."],
    ]


def test_japanese_has_lines_of_sixteen_that_break_between_phrases() -> None:
    text = "今日は光について学びます。光はまっすぐに進み、鏡に当たると反射します。"
    captions = srt(said(0, 9, text, "先生"))
    lines = [line for *_, caption in captions for line in caption]
    assert all(len(line) <= 16 for line in lines)
    assert "".join(lines) == "先生: " + text
    assert {"光はまっすぐに進み、", "鏡に当たると反射します。"} & set(lines)


def test_what_is_too_short_to_read_stands_longer_or_joins_its_neighbour() -> None:
    [(start, end, lines)] = srt(said(1, 1.2, "Yes."))
    assert (start, end, lines) == (1, 1.8, ["Yes."])
    assert srt(said(1, 1.2, "Yes."), said(1.25, 2.5, "I know that.")) == [(1, 2.5, ["Yes. I know that."])]
    apart = srt(said(1, 1.2, "Yes.", "Mika"), said(1.25, 2.5, "No.", "Ken"))
    assert [lines for *_, lines in apart] == [["Mika: Yes."], ["Ken: No."]]
    assert all(end - start >= 0.8 for start, end, _ in apart)
    assert srt(said(8.9, 9, "End."), within=Span(0, 9000)) == [(8.2, 9, ["End."])]


def test_a_word_that_stands_for_a_minute_is_not_left_standing() -> None:
    assert srt(said(30, 90, "Thanks.")) == [(30, 37, ["Thanks."])]


def test_translations_are_no_captions() -> None:
    assert [lines for *_, lines in srt(said(1, 3, "Hello."), said(1, 3, "こんにちは。", language="ja"))] == [["Hello."]]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_every_limit_holds_whatever_is_said(seed: int) -> None:
    chance, at, entries = random.Random(seed), 0.0, []  # noqa: S311 - the same every time
    for _ in range(12):
        seconds = chance.choice([0.3, 0.9, 2.5, 6, 15])
        spaced = chance.random() < 0.6
        letters = max(1, round(seconds * chance.randint(2, 18 if spaced else 8)))
        words = [("x" * chance.randint(1, 9)) + chance.choice(["", "", ",", "."]) for _ in range(letters // 6 + 1)]
        text = (
            " ".join(words)
            if spaced
            else "今" + "".join(chance.choice("今日は光について学びます、。鏡当ると反射ー") for _ in range(letters))
        )
        entries.append(said(at, at + seconds, text, chance.choice([None, "Mika"]) if spaced else None))
        at += seconds + chance.choice([0, 0.01, 0.2, 3])
    for text, kind in ((to_srt(entries, HOUR), "srt"), (to_vtt(entries, HOUR), "vtt")):
        events = pysubs2.SSAFile.from_string(text, format_=kind).events
        assert all(800 <= event.duration <= 7000 for event in events)
        assert all(before.end <= after.start for before, after in itertools.pairwise(events))
        shown = [re.sub(r"^<v Mika>", "", event.text).split("\\N") for event in events]
        assert all(len(lines) <= 2 for lines in shown)
        for line in (line for lines in shown for line in lines):
            assert len(line) <= (42 if line.isascii() else 16)
        left = "".join("".join(lines) for lines in shown).replace(" ", "").replace("Mika:", "")
        assert left == "".join(entry.text for entry in entries).replace(" ", "")

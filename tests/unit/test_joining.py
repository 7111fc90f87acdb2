"""What is cut in two at the border of two chunks becomes one; what was heard twice is kept once."""

from __future__ import annotations

import pytest

from scenesearch.joining import joined_chunks
from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.timeline import Span

BORDER = 60_000


def said(start: float, end: float, text: str, speaker: str | None = None) -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span.of_seconds(start, end), text=text, speaker=speaker)


def written(start: float, end: float, text: str, kind: TextKind = TextKind.CAPTION) -> Entry:
    return Entry(section=Section.TEXTS, span=Span.of_seconds(start, end), text=text, lines=(text,), kind=kind)


def over(before: list[Entry], after: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    chunks = joined_chunks({0: before, 1: after}, [BORDER])
    assert joined_chunks(chunks, [BORDER]) == chunks, "joining what is joined must change nothing"
    return chunks[0], chunks[1]


def test_a_sentence_heard_in_both_clips_is_kept_once() -> None:
    before, after = over([said(57, 62, "We will build the bridge next year.")], [said(57.2, 61.9, "we will build the bridge next year")])
    assert [(e.text, e.span) for e in before] == [("We will build the bridge next year.", Span(57_000, 62_000))]
    assert after == []


def test_a_sentence_cut_in_two_becomes_one_in_the_chunk_it_starts_in() -> None:
    before, after = over([said(55, 60, "We will spend more money on the old")], [said(60.1, 63, "bridge and less on car parks.")])
    assert [e.text for e in before] == ["We will spend more money on the old bridge and less on car parks."]
    assert before[0].span == Span(55_000, 63_000)
    assert after == []


def test_words_heard_at_the_end_and_again_at_the_start_are_written_once() -> None:
    before, after = over([said(55, 61, "He runs over the old red")], [said(59, 64, "old red bridge into the rain.")])
    assert [e.text for e in before] == ["He runs over the old red bridge into the rain."]
    assert after == []


def test_a_finished_sentence_stays_apart_from_the_next_one() -> None:
    before, after = over([said(55, 59.9, "That is all.")], [said(60.2, 63, "Now the weather.")])
    assert [e.text for e in before + after] == ["That is all.", "Now the weather."]


def test_two_speakers_are_never_joined() -> None:
    before, after = over([said(55, 60, "and then I", "Hana")], [said(60.1, 62, "stop right there", "Mori")])
    assert [e.speaker for e in before + after] == ["Hana", "Mori"]


def test_a_caption_that_stands_over_the_border_is_one_entry() -> None:
    before, after = over([written(50, 60, "Three rodents")], [written(60, 66, "Three rodents"), written(70, 72, "amuse themselves")])
    assert [(e.text, e.span) for e in before] == [("Three rodents", Span(50_000, 66_000))]
    assert [e.text for e in after] == ["amuse themselves"]


def test_a_running_clock_loses_no_second_at_the_border() -> None:
    before = [written(n, n + 1, f"01:00:{n - 44:02}", TextKind.TIMECODE) for n in range(57, 60)]
    after = [written(n, n + 1, f"01:00:{n - 44:02}", TextKind.TIMECODE) for n in range(60, 64)]
    assert over(before, after) == (before, after)


def test_texts_that_differ_in_a_number_are_two() -> None:
    before, after = over([written(50, 60, "Step 1 of 5: Fold", TextKind.TEXT)], [written(60, 70, "Step 2 of 5: Fold", TextKind.TEXT)])
    assert [e.text for e in before + after] == ["Step 1 of 5: Fold", "Step 2 of 5: Fold"]


def test_a_shot_that_the_border_cuts_is_one_of_both_lengths() -> None:
    measured = "dark; colours: blue; static camera; shot"
    shots = [
        Entry(section=Section.VISUAL_INFO, span=Span.of_seconds(a, b), text=t, measured=True)
        for a, b, t in ((48, 60, f"{measured} after a hard cut"), (60, 65, measured))
    ]
    before, after = over(shots[:1], shots[1:])
    assert [(e.text, e.span) for e in before] == [(f"{measured} after a hard cut", Span(48_000, 65_000))]
    assert after == []


def test_the_same_caption_long_after_the_border_is_another_entry() -> None:
    before, after = over([written(40, 50, "Menu")], [written(80, 90, "Menu")])
    assert len(before) == len(after) == 1


@pytest.mark.parametrize("other", [written(60, 66, "Some thing else"), written(60, 66, "Three rodents", TextKind.TEXT)])
def test_other_texts_and_other_kinds_are_not_joined(other: Entry) -> None:
    before, after = over([written(50, 60, "Three rodents")], [other])
    assert len(before) == len(after) == 1


def test_an_entry_that_runs_through_three_chunks_becomes_one() -> None:
    chunks = joined_chunks({n: [written(60 * n, 60 * (n + 1), "LIVE")] for n in range(3)}, [60_000, 120_000])
    texts = [e for n in range(3) for e in chunks[n]]
    assert [e.span for e in texts] == [Span(0, 180_000)]


def test_japanese_heard_twice_is_kept_once() -> None:
    before, after = over([said(57, 62, "来年度の予算について話します")], [said(58, 62.1, "予算について話します。")])
    assert [e.text for e in before] == ["来年度の予算について話します"]
    assert after == []


def test_a_japanese_sentence_cut_in_two_is_joined_without_a_space() -> None:
    before, _ = over([said(57, 60, "来年度の予算に")], [said(60.1, 62, "ついて話します。")])
    assert [e.text for e in before] == ["来年度の予算について話します。"]

"""What a clip's two halves say, put together."""

from __future__ import annotations

from scenesearch.joining import joined_halves
from scenesearch.metadata import Entry, Section
from scenesearch.timeline import Span

BORDER = 10_000


def said(start: int, end: int, text: str, speaker: str | None = "Speaker 1") -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span(start, end), text=text, speaker=speaker)


def seen(start: int, end: int, text: str, scale: float | None = None) -> Entry:
    return Entry(section=Section.VISUAL_INFO, span=Span(start, end), text=text, subject_scale=scale)


def test_a_shot_over_the_border_is_one() -> None:
    whole = joined_halves([seen(0, 10_000, "a car", 0.2)], [seen(10_000, 12_000, "a car", 0.5), seen(12_000, 13_000, "a car")], BORDER)
    assert whole == (seen(0, 12_000, "a car", 0.5), seen(12_000, 13_000, "a car"))


def test_other_shots_stay_two() -> None:
    entries = [seen(0, 9_000, "a car"), seen(9_000, 10_000, "a bus")], [seen(10_000, 11_000, "a car")]
    assert joined_halves(*entries, BORDER) == (*entries[0], *entries[1])


def test_a_sentence_over_the_border_is_one_and_its_speaker_is_known_from_then_on() -> None:
    first = [said(0, 2000, "Hello.", "Speaker 1"), said(8000, 10_000, "Call the", "Speaker 2")]
    second = [
        said(10_050, 11_000, "fire brigade.", "Speaker 1"),
        said(12_000, 13_000, "Why?", "Speaker 2"),
        said(14_000, 15_000, "Now.", "Speaker 1"),
    ]
    assert [(e.speaker, e.text) for e in joined_halves(first, second, BORDER)] == [
        ("Speaker 1", "Hello."),
        ("Speaker 2", "Call the fire brigade."),
        ("Speaker 4", "Why?"),
        ("Speaker 2", "Now."),
    ]


def test_words_without_spaces_are_joined_without() -> None:
    (one,) = joined_halves([said(9000, 10_000, "だいじょ")], [said(10_000, 11_000, "うぶ？")], BORDER)
    assert (one.text, one.span) == ("だいじょうぶ？", Span(9000, 11_000))


def test_a_finished_sentence_and_another_person_stay_two() -> None:
    assert len(joined_halves([said(9000, 10_000, "Stop!")], [said(10_000, 11_000, "I do.")], BORDER)) == 2
    assert len(joined_halves([said(9000, 10_000, "And then", "Anna")], [said(10_000, 11_000, "what?", "Ken")], BORDER)) == 2


def test_numbered_speakers_of_the_halves_are_not_taken_for_one_but_named_ones_are() -> None:
    first = [said(0, 1000, "One.", "Speaker 1"), said(1000, 2000, "Two.", "Anna")]
    second = [said(12_000, 13_000, "Three.", "Speaker 1"), said(13_000, 14_000, "Four.", "Anna"), said(14_000, 15_000, "Five.", None)]
    assert [e.speaker for e in joined_halves(first, second, BORDER)] == ["Speaker 1", "Anna", "Speaker 2", "Anna", None]

"""Entries for films told by hand."""

from __future__ import annotations

from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.timeline import Span


def said(start: float, end: float, text: str, speaker: str | None = None) -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span.of_seconds(start, end), text=text, speaker=speaker)


def shown(start: float, end: float, text: str, scale: float | None = None) -> Entry:
    return Entry(section=Section.VISUAL_INFO, span=Span.of_seconds(start, end), text=text, subject_scale=scale)


def measured(start: float, end: float) -> Entry:
    return Entry(
        section=Section.VISUAL_INFO, span=Span.of_seconds(start, end), text="dark; colours: black, gray; static camera", measured=True
    )


def written(start: float, end: float, text: str, position: str = "center", kind: TextKind = TextKind.TEXT) -> Entry:
    return Entry(section=Section.TEXTS, span=Span.of_seconds(start, end), text=text, lines=(text,), layout=Layout(position), kind=kind)


def clock(second: int, text: str) -> Entry:
    return written(second, second + 1, text, "top right", TextKind.TIMECODE)


HARBOUR = [
    said(0, 4, "Good morning from the harbour."),
    said(5, 9, "A small white boat sails past the old lighthouse."),
    said(30, 34, "Let us talk about the budget for next year."),
    said(35, 40, "We will spend more money on the bridge and less on car parks."),
    said(60, 63, "The red car hits the wall and explodes!"),
    said(64, 66, "Luckily nobody is hurt."),
    said(90, 94, "Hot noodles, eight hundred yen a bowl."),
    said(95, 98, "My grandmother wrote this recipe."),
    said(120, 124, "The day ends with fireworks over the water."),
]

COOKING = [
    said(0, 5, "Today we bake bread with flour, water and salt."),
    said(6, 11, "Knead the dough for ten minutes until it is smooth."),
    said(12, 17, "Let it rest under a towel in a warm place."),
    said(18, 23, "Preheat the oven to two hundred and thirty degrees."),
    said(24, 29, "The crust is done when it sounds hollow."),
]

MATSURI = [
    said(0, 4, "夏祭りの夜、神社の前に屋台が並びます。"),
    said(5, 9, "浴衣を着た子どもたちが金魚すくいをしています。"),
    said(10, 14, "太鼓の演奏が始まりました。"),
    said(15, 19, "最後に大きな花火が打ち上げられます。"),
]


def walk(seconds: int, every: float = 5.0) -> list[Entry]:
    """A long film in which somebody walks from place to place, round and round."""
    places = ("street", "forest", "beach", "station", "market", "garden", "tunnel", "meadow", "harbour wall", "square")
    count = int(seconds / every)
    return [said(n * every, n * every + every - 0.5, f"Now we walk through the {places[n % len(places)]}.") for n in range(count)]

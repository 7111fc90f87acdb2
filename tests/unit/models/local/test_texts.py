"""On-screen texts, read by the real models out of real pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ImageDraw

from scenesearch.config import Settings
from scenesearch.errors import UnreadableMedia
from scenesearch.metadata import TextKind
from scenesearch.models.local.text_reader import TextReader
from scenesearch.models.local.texts import LocalTexts
from unit.models.local.conftest import SAMPLE, clip, extract, font, standing


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How wide the detector looked, each time it did."""
    sides: list[int] = []
    places = TextReader.places

    def counted(self: TextReader, picture: object, side: int, within: object = None) -> object:
        sides.append(side)
        return places(self, picture, side, within)  # type: ignore[arg-type]

    monkeypatch.setattr(TextReader, "places", counted)
    return sides


def test_a_still_slide_is_looked_at_twice_and_is_one_entry(painted: Callable[..., Path], settings: Settings, looks: list[int]) -> None:
    path = painted(8, lambda at, draw: draw.text((60, 120), "Ferry timetable", font=font(48), fill="white"))

    (found,) = extract(LocalTexts(settings), clip(path)).entries

    assert found.text == "Ferry timetable"
    assert (found.span.start_ms, found.span.end_ms) == (0, 8000)
    assert len(looks) == 2


def test_a_changed_text_is_another_entry_and_its_border_is_exact(painted: Callable[..., Path], settings: Settings) -> None:
    def paint(at: float, draw: ImageDraw.ImageDraw) -> None:
        draw.text((60, 300), "Gate 12 is open" if at < 2.3 else "Gate 14 is closed", font=font(36), fill="white")

    found = extract(LocalTexts(settings), clip(painted(5, paint))).entries

    assert standing(found, "Gate 12") == [(0, pytest.approx(2.3, abs=0.15))]
    assert standing(found, "Gate 14") == [(pytest.approx(2.3, abs=0.15), 5.0)]


@pytest.mark.slow
def test_a_text_over_a_moving_ground_stands_as_long_as_it_stands(painted: Callable[..., Path], settings: Settings) -> None:
    def paint(at: float, draw: ImageDraw.ImageDraw) -> None:
        for i in range(12):
            x = (i * 70 + at * 160) % 760 - 60
            draw.rectangle((x, 40 + 20 * (i % 5), x + 50, 300), fill=("teal", "maroon", "olive")[i % 3])
        if 1.2 <= at < 4.1:
            draw.text((120, 300), "Welcome on board", font=font(40), fill="white")

    (found,) = extract(LocalTexts(settings), clip(painted(6, paint))).entries

    assert found.text == "Welcome on board"
    assert found.span.start_s == pytest.approx(1.2, abs=0.25)
    assert found.span.end_s == pytest.approx(4.1, abs=0.25)
    assert found.layout is not None
    assert found.layout.position == "bottom center"


def test_a_picture_without_writing_has_no_texts(painted: Callable[..., Path], settings: Settings) -> None:
    path = painted(2, lambda at, draw: draw.ellipse((100 + 50 * at, 100, 200 + 50 * at, 200), fill="orange"))

    assert extract(LocalTexts(settings), clip(path)).entries == ()


def test_what_is_no_video_is_refused(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("not a video")
    given = clip(SAMPLE)

    with pytest.raises(UnreadableMedia):
        extract(LocalTexts(settings), type(given)(clip=type(given.clip)(str(path), "", 0, 1, 1), store=given.store, profile=given.profile))


@pytest.mark.slow
def test_the_sample_is_read_in_two_scripts_and_two_directions(settings: Settings) -> None:
    found = extract(LocalTexts(settings), clip(SAMPLE)).entries

    assert standing(found, "白い船が灯台の前を通ります") == [(pytest.approx(2.8, abs=0.25), pytest.approx(6.8, abs=0.25))]
    assert standing(found, "BRIDGE CLOSED") == [(pytest.approx(20.8, abs=0.25), pytest.approx(28.0, abs=0.25))]
    (vertical,) = [e for e in found if "港食堂" in e.text]
    assert vertical.layout is not None
    assert vertical.layout.direction == "vertical"
    (caption,) = [e for e in found if "祖母のレシピ" in e.text]
    assert caption.kind is TextKind.CAPTION
    clock = {e.text: e.span for e in found if e.kind is TextKind.TIMECODE}
    assert clock["10:42:09"].start_s == pytest.approx(30.0, abs=0.1)


@pytest.mark.slow
def test_a_running_timecode_can_be_searched_by_the_second(shared_video: Callable[[str], Path], settings: Settings) -> None:
    found = extract(LocalTexts(settings), clip(shared_video("autoeditor_example.mp4"))).entries

    assert standing(found, "01:00:16") == [(pytest.approx(16, abs=0.1), pytest.approx(17, abs=0.1))]
    assert {e.kind for e in found} == {TextKind.TIMECODE}


@pytest.mark.slow
def test_captions_over_a_film_are_found_while_they_stand(shared_video: Callable[[str], Path], settings: Settings) -> None:
    found = extract(LocalTexts(settings), clip(shared_video("moviepy_trailer_bbb.mp4"))).entries

    for words, start, end in (("overweight", 16, 31), ("three rodent", 32, 40), ("revenge is coming", 47, 52)):
        ((begins, ends),) = standing(found, words)
        assert start - 0.5 <= begins < ends <= end + 0.5

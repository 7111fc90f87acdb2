"""Scenes taken away as files, read back with independent readers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import opentimelineio as otio
import pysubs2
import pytest
from PIL import Image

from media_files import Recipe, make, read_number
from scenesearch.errors import InvalidRequest, InvalidSpan, NotFound
from scenesearch.library.exports import export_clip
from scenesearch.timeline import Span
from scenesearch.video import Video
from shelf import Shelf, said, shown, written

ENTRIES = (
    said(0.2, 1.1, "Nobody knows.", "Mika"),
    said(1.5, 2.5, r"a <b>tag</b> --> {\i1}& so\Non"),
    shown(0, 4, "a grey wall"),
    written(3, 4, "終わり"),
)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.under(tmp_path / "home")


_MADE: dict[str, bytes] = {}


def made(recipe: Recipe, suffix: str) -> bytes:
    """The file of a recipe, made once."""
    key = repr(recipe) + suffix
    if key not in _MADE:
        with TemporaryDirectory() as folder:
            _MADE[key] = make(Path(folder) / f"made{suffix}", recipe).read_bytes()
    return _MADE[key]


def put(shelf: Shelf, tmp_path: Path, recipe: Recipe, name: str = "films/wall.mp4") -> Video:
    file = tmp_path / Path(name).name
    file.write_bytes(made(recipe, file.suffix))
    return shelf.put(file, name, ENTRIES)


def take(shelf: Shelf, video: Video, start: float, end: float, to: Path, *, exact: bool = True) -> Span:
    return export_clip(video, Span.of_seconds(start, end), to, uploads=shelf.uploads, catalog=shelf.catalog, exact=exact)


def frames(path: Path) -> list[tuple[float, int]]:
    """(seconds, number shown) of each frame."""
    with av.open(path) as container:
        return [(float(f.pts * f.time_base), read_number(f.to_ndarray(format="rgb24"))) for f in container.decode(video=0)]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(gop=25),
        Recipe(gop=25, start=3.5),
        Recipe(gop=40, format="mpegts"),
        Recipe(gop=40, codec="libvpx-vp9", audio="libopus", format="webm", b_frames=0),
        Recipe(audio=None),
    ],
    ids=["mp4", "start time not zero", "transport stream", "webm", "no sound"],
)
def test_an_exact_clip_holds_just_the_frames_of_the_span(shelf: Shelf, tmp_path: Path, recipe: Recipe) -> None:
    video = put(shelf, tmp_path, recipe)
    take(shelf, video, 1.35, 2.85, tmp_path / "clip.mp4")
    found = frames(tmp_path / "clip.mp4")
    assert [number for _, number in found] == list(range(13, 29))
    assert found[0][0] == 0
    assert found[-1][0] == pytest.approx(1.45, abs=0.03), "sound that starts before the pictures moves the clock a little"


def test_the_borders_of_an_exact_clip_are_half_open(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(audio=None, gop=40))
    take(shelf, video, 1.3, 2.8, tmp_path / "clip.mp4")
    assert frames(tmp_path / "clip.mp4") == [(pytest.approx(n / 10, abs=0.001), 13 + n) for n in range(15)]


def test_an_exact_clip_starts_with_the_frame_that_is_on_screen(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(stamps=(0, 0.5, 2.0, 3.0, 3.9), audio=None))
    take(shelf, video, 1.0, 2.5, tmp_path / "clip.mp4")
    assert frames(tmp_path / "clip.mp4") == [(0, 1), (pytest.approx(1.0, abs=0.002), 2)]


def test_the_sound_of_an_exact_clip_is_the_sound_of_the_span(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(seconds=6, gop=60))
    take(shelf, video, 3.0, 4.0, tmp_path / "clip.mp4")
    with av.open(tmp_path / "clip.mp4") as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        rate = container.streams.audio[0].rate
    assert len(sound) / rate == pytest.approx(1.0, abs=0.06)
    middle = sound[rate // 4 : rate * 3 // 4]
    loudest = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * rate / len(middle)
    assert loudest == pytest.approx(260, abs=3), "second 3 is a tone of 260 Hz"


def test_a_copied_clip_starts_at_the_keyframe_before(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(gop=10))
    covered = take(shelf, video, 1.3, 2.8, tmp_path / "clip.mp4", exact=False)
    found = frames(tmp_path / "clip.mp4")
    assert covered == Span(1000, 2800)
    assert [number for _, number in found] == list(range(10, 28))


def test_a_codec_that_cannot_be_copied_says_what_to_do(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(codec="mpeg2video", format="mpegts", audio="mp2"))
    with pytest.raises(InvalidRequest, match=r"mpeg2video.*frame-accurate"):
        take(shelf, video, 1, 2, tmp_path / "clip.mp4", exact=False)


def test_a_turned_video_stays_upright(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(rotation=90))
    take(shelf, video, 1, 2, tmp_path / "clip.mp4")
    with av.open(tmp_path / "clip.mp4") as container:
        frame = next(container.decode(video=0))
        assert read_number(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)) == 10


def test_a_still_is_the_frame_on_screen(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe())
    take(shelf, video, 2.34, 2.5, tmp_path / "still.png")
    assert read_number(np.asarray(Image.open(tmp_path / "still.png").convert("RGB"))) == 23


@pytest.mark.parametrize("kind", ["vtt", "srt"])
def test_subtitles_count_from_the_start_of_the_clip(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    video = put(shelf, tmp_path, Recipe())
    take(shelf, video, 1.0, 2.0, tmp_path / f"scene.{kind}")
    lines = pysubs2.load(str(tmp_path / f"scene.{kind}"))
    assert [(line.start, line.end) for line in lines] == [(0, 200), (200, 1000)], "as long as there is room"
    assert "Nobody knows." in lines[0].text
    assert "Mika" in (tmp_path / f"scene.{kind}").read_text()


def test_hostile_words_stay_words_in_subtitles(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe())
    take(shelf, video, 1.4, 3.0, tmp_path / "scene.vtt")
    text = (tmp_path / "scene.vtt").read_text()
    assert "&lt;b&gt;tag&lt;/b&gt; --&gt;" in text
    assert "i1}" in text, "not taken for a command of the subtitle writer"
    take(shelf, video, 1.4, 3.0, tmp_path / "scene.srt")
    assert len(pysubs2.load(str(tmp_path / "scene.srt"))) == 1


def test_text_holds_the_lines_of_the_span(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe())
    take(shelf, video, 3.2, 4.0, tmp_path / "scene.txt")
    text = (tmp_path / "scene.txt").read_text()
    assert "終わり" in text
    assert "a grey wall" in text
    assert "Nobody" not in text


def test_an_editors_timeline_carries_the_source_timecode(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe(fps=25, format="mov", timecode="10:00:00:00"), "films/tape 7.mov")
    assert video.media is not None
    assert video.media.timecode == "10:00:00:00"
    take(shelf, video, 1.0, 2.0, tmp_path / "scene.otio")
    clip = otio.adapters.read_from_file(str(tmp_path / "scene.otio")).tracks[0][0]
    assert otio.opentime.to_timecode(clip.source_range.start_time) == "10:00:01:00"
    assert clip.source_range.duration.to_seconds() == 1
    assert clip.media_reference.target_url == "tape 7.mov"
    take(shelf, video, 1.0, 2.0, tmp_path / "scene.edl")
    edl = (tmp_path / "scene.edl").read_text()
    assert "10:00:01:00 10:00:02:00" in edl
    [event] = otio.adapters.read_from_file(str(tmp_path / "scene.edl"), rate=25).tracks[0]
    assert otio.opentime.to_timecode(event.source_range.start_time) == "10:00:01:00"


@pytest.mark.parametrize("rate", [23.976, 12.5, 29.97, 17])
def test_an_edit_list_counts_in_a_rate_that_has_timecode(shelf: Shelf, tmp_path: Path, rate: float) -> None:
    video = put(shelf, tmp_path, Recipe())
    assert video.media is not None
    take(shelf, replace(video, media=replace(video.media, frame_rate=rate)), 2.0, 3.0, tmp_path / "scene.edl")
    assert "00:00:02:00 00:00:03:00" in (tmp_path / "scene.edl").read_text()


@pytest.mark.parametrize(
    ("timecode", "counting", "source"),
    [
        ("01:00:00:00", "NON-DROP FRAME", "01:00:02:00 01:00:03:00"),
        ("01:00:00;00", "DROP FRAME", "01:00:02;00 01:00:03;00"),
        (None, "NON-DROP FRAME", "00:00:02:00 00:00:03:00"),
        ("nonsense", "NON-DROP FRAME", "00:00:02:00 00:00:03:00"),
    ],
)
def test_frames_are_dropped_only_where_the_source_drops_them(
    shelf: Shelf, tmp_path: Path, timecode: str | None, counting: str, source: str
) -> None:
    video = put(shelf, tmp_path, Recipe())
    assert video.media is not None
    media = replace(video.media, frame_rate=30000 / 1001, timecode=timecode)
    take(shelf, replace(video, media=media), 2.0, 3.0, tmp_path / "scene.edl")
    edl = (tmp_path / "scene.edl").read_text()
    assert f"\nFCM: {counting}\n" in edl
    assert source in edl
    assert len(otio.adapters.read_from_string(edl, "cmx_3600", rate=30000 / 1001 if ";" in source else 30).tracks[0]) == 1


@pytest.mark.parametrize(("start", "end"), [(4.5, 5.0), (3.0, 9.0), (60, 70)])
def test_a_span_outside_the_video_is_refused(shelf: Shelf, tmp_path: Path, start: float, end: float) -> None:
    video = put(shelf, tmp_path, Recipe())
    with pytest.raises(InvalidSpan, match=r"not inside 'wall', which ends at 00:04"):
        take(shelf, video, start, end, tmp_path / "clip.mp4")
    assert not list(tmp_path.glob("*clip*"))


@pytest.mark.parametrize(
    ("to", "says"), [("scene.gif", "use one of .mp4"), ("scene", "no known extension"), ("away/scene.png", "no folder")]
)
def test_a_target_that_cannot_be_written_is_refused(shelf: Shelf, tmp_path: Path, to: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        take(shelf, put(shelf, tmp_path, Recipe()), 1, 2, tmp_path / to)


def test_a_folder_in_the_way_is_refused_and_nothing_is_left(shelf: Shelf, tmp_path: Path) -> None:
    video = put(shelf, tmp_path, Recipe())
    target = tmp_path / "out"
    (target / "still.png").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="cannot be written"):
        take(shelf, video, 1, 2, target / "still.png")
    assert [p.name for p in target.iterdir()] == ["still.png"]


def test_silence_has_no_subtitles(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing is said"):
        take(shelf, put(shelf, tmp_path, Recipe()), 2.6, 4, tmp_path / "scene.srt")

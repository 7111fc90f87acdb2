"""Exports and stills show what a player shows: colours, fields, shape, and pictures that stand; every export begins with one frame."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from numpy.typing import NDArray
from PIL import Image

from media_files import Recipe, drawn, make, read_number
from scenesearch.library.exports import export_clip
from scenesearch.media.frames import frame_at, frames
from scenesearch.timeline import Span
from scenesearch.video import Video
from shelf import Shelf

PATCHES = ((20, 20, 20), (128, 128, 128), (235, 235, 235), (200, 30, 40), (30, 180, 50), (40, 50, 200), (200, 180, 60), (90, 160, 200))
"""Colours in columns, as RGB."""

Picture = NDArray[np.uint8]
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Weights of red and blue in H.273's matrices."""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.under(tmp_path / "home")


def take(shelf: Shelf, video: Video, start: float, end: float, to: Path) -> Path:
    export_clip(video, Span.of_seconds(start, end), to, uploads=shelf.uploads, catalog=shelf.catalog)
    return to


def put(shelf: Shelf, path: Path) -> Video:
    return shelf.put(path, f"films/{path.name}")


def as_yuv(patches: NDArray[np.float64], size: tuple[int, int], matrix: int, *, full: bool, bits: int = 8) -> list[NDArray[np.uint16]]:
    """Planes (4:2:0) of RGB columns from 0 to 1."""
    red, blue = LUMA[matrix]
    r, g, b = patches.T
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    top = (1 << bits) - 1
    step = 1 << (bits - 8)
    coded = (y * top, u * top + 128 * step, v * top + 128 * step) if full else tuple(
        step * c for c in (16 + 219 * y, 128 + 224 * u, 128 + 224 * v)
    )  # fmt: skip
    width, height = size
    return [
        np.tile(np.repeat(np.round(c), (width >> half) // len(patches)), (height >> half, 1)).astype(np.uint16)
        for c, half in zip(coded, (0, 1, 1), strict=True)
    ]


def frame_of(planes: list[NDArray[np.uint16]], pixel_format: str) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        sample = np.uint8 if plane.line_size < 2 * values.shape[1] else np.uint16
        rows = np.zeros((values.shape[0], plane.line_size // np.dtype(sample).itemsize), sample)
        rows[:, : values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def film(
    path: Path,
    pictures: Iterator[av.VideoFrame] | list[av.VideoFrame],
    *,
    codec: str = "libx264",
    fps: int = 10,
    setup: Callable[[av.VideoStream], None] = lambda stream: None,
    **options: str,
) -> Path:
    """Write the pictures with whatever tags `setup` gives their stream."""
    with av.open(path, "w") as out:
        stream: av.VideoStream | None = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = out.add_stream(codec, rate=fps, options=options)
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
                setup(stream)
            picture.pts, picture.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(picture))
        assert stream is not None
        out.mux(stream.encode(None))
    return path


def tags(matrix: int, full: bool, transfer: int, primaries: int) -> Callable[[av.VideoStream], None]:
    def setup(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_trc, context.color_primaries = transfer, primaries

    return setup


def first_rgb(path: Path, at: int = 0) -> NDArray[np.float64]:
    """The picture's RGB by the tags that the file carries: what a player that believes them shows, computed here."""
    with av.open(path) as container:
        frame = [f for _, f in zip(range(at + 1), container.decode(video=0), strict=False)][-1]
    assert int(frame.colorspace) in LUMA, "the matrix is stated"
    assert int(frame.color_range) in (1, 2), "so is the range"
    red, blue = LUMA[int(frame.colorspace)]
    y, u, v = (np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].astype(float) for p in frame.planes)
    u, v = (c.repeat(2, 0).repeat(2, 1) - 128 for c in (u, v))
    y, u, v = (y, u, v) if int(frame.color_range) == 2 else ((y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224)
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.clip(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1), 0, 255)


def columns(image: NDArray[np.float64] | Picture) -> NDArray[np.float64]:
    """The colour in the middle of each column."""
    width = image.shape[1] // len(PATCHES)
    return np.array([image[8:-8, n * width + width // 3 : n * width + 2 * width // 3].mean((0, 1)) for n in range(len(PATCHES))])


@pytest.mark.parametrize(
    ("size", "matrix", "full", "tagged"),
    [
        ((1280, 720), 1, True, True), ((1280, 720), 1, False, True), ((320, 240), 1, False, True), ((320, 240), 6, True, True),
        ((1280, 720), 6, False, True), ((320, 240), 6, False, False), ((1280, 720), 1, False, False), ((320, 240), 9, False, True),
    ],
)  # fmt: skip
def test_colours_are_those_of_the_source(
    shelf: Shelf, tmp_path: Path, size: tuple[int, int], matrix: int, full: bool, tagged: bool
) -> None:
    asked = np.array(PATCHES) / 255
    picture = frame_of(as_yuv(asked, size, matrix, full=full), "yuvj420p" if full else "yuv420p")
    setup = tags(matrix, full, 1, 1) if tagged else lambda stream: None
    video = put(shelf, film(tmp_path / "source.mp4", [picture] * 4, setup=setup, crf="8", preset="ultrafast"))
    still = np.asarray(Image.open(take(shelf, video, 0.1, 0.3, tmp_path / "still.png")).convert("RGB"))
    clip = first_rgb(take(shelf, video, 0.1, 0.3, tmp_path / "clip.mp4"))
    assert np.abs(columns(still) - PATCHES).max() <= 4
    assert np.abs(columns(clip) - PATCHES).max() <= 4


@pytest.mark.parametrize(("transfer", "white", "grey"), [(16, 0.581, 0.38), (18, 0.75, 0.38)], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_mapped_to_an_ordinary_screen(shelf: Shelf, tmp_path: Path, transfer: int, white: float, grey: float) -> None:
    """The white of an ordinary picture (203 cd/m²) becomes nearly the screen's, brighter things stay brighter, grey stays grey."""
    levels = np.array([0, grey, white, white + 0.1, 1, 1, 1, 1])[:, None] * np.ones(3)
    picture = frame_of(as_yuv(levels, (320, 240), 9, full=False, bits=10), "yuv420p10le")
    setup = tags(9, False, transfer, 9)
    params = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1:lossless=1"}
    video = put(shelf, film(tmp_path / "hdr.mp4", [picture] * 4, codec="libx265", setup=setup, **params))
    still = columns(np.asarray(Image.open(take(shelf, video, 0.1, 0.3, tmp_path / "still.png")).convert("RGB")))
    take(shelf, video, 0.1, 0.3, tmp_path / "clip.mp4")
    clip = columns(first_rgb(tmp_path / "clip.mp4"))
    with av.open(tmp_path / "clip.mp4") as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_trc), int(frame.color_primaries)) == (1, 1, 1)
    for shown in (still, clip):
        black, middle, paper, bright, brightest = shown[:5].mean(1)
        assert black < 4
        assert 90 < middle < 140
        assert 215 < paper < 240
        assert paper + 8 < bright <= brightest
        assert brightest > 250
        assert np.ptp(shown[:5], axis=1).max() < 4, "grey has no colour"


def woven(first_top: bool, number: int, size: tuple[int, int] = (192, 96)) -> av.VideoFrame:
    """A white bar that moves from field to field, on black."""
    width, height = size
    luma = np.full((height, width), 16, np.uint16)
    for row in range(height):
        field = row % 2 if first_top else 1 - row % 2
        x = 8 * number + 4 * field
        luma[row, x : x + 30] = 235
    frame = frame_of([luma, *[np.full((height // 2, width // 2), 128, np.uint16)] * 2], "yuv420p")
    frame.pict_type = 0
    return frame


def combed(image: NDArray[np.float64] | Picture) -> float:
    """How much each line differs from its neighbours, beyond how much those differ from each other."""
    luma = image.astype(float).mean(-1)[12:-12]
    return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean() - np.abs(luma[2:-2] - (luma[:-4] + luma[4:]) / 2).mean())


@pytest.mark.parametrize(
    ("codec", "name", "first_top", "options"),
    [
        ("mpeg2video", "tape.ts", True, {"flags": "+ilme+ildct", "field_order": "tt", "b": "8M"}),
        ("mpeg2video", "tape.ts", False, {"flags": "+ilme+ildct", "field_order": "bb", "b": "8M"}),
        ("libx264", "tape.mp4", True, {"x264-params": "tff=1", "preset": "ultrafast", "crf": "10"}),
        ("libx264", "tape.mkv", False, {"x264-params": "bff=1", "preset": "ultrafast", "crf": "10"}),
    ],
    ids=["mpeg-2", "mpeg-2, bottom field first", "h.264 mbaff", "h.264, bottom field first"],
)
def test_interlaced_material_is_deinterlaced(
    shelf: Shelf, tmp_path: Path, codec: str, name: str, first_top: bool, options: dict[str, str]
) -> None:
    def fields() -> Iterator[av.VideoFrame]:
        """The encoder takes the order of fields from the frames, where only a filter can state it."""
        graph = av.filter.Graph()
        source = graph.add("buffer", video_size="192x96", pix_fmt="yuv420p", time_base="1/25", pixel_aspect="1/1")
        mode, sink = graph.add("setfield", "tff" if first_top else "bff"), graph.add("buffersink")
        source.link_to(mode)
        mode.link_to(sink)
        graph.configure()
        for number in range(12):
            frame = woven(first_top, number)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.push(frame)
            yield graph.pull()

    path = film(tmp_path / name, fields(), codec=codec, fps=25, **options)
    with av.open(path) as container:
        pictures = list(container.decode(video=0))
        assert pictures[0].interlaced_frame
        assert combed(pictures[5].to_ndarray(format="rgb24")) > 2
    video = put(shelf, path)
    still = np.asarray(Image.open(take(shelf, video, 0.2, 0.4, tmp_path / "still.png")).convert("RGB"))
    assert combed(still) < 0.5
    take(shelf, video, 0, 0.4, tmp_path / "clip.mp4")
    with av.open(tmp_path / "clip.mp4") as container:
        shown = list(container.decode(video=0))
    assert len(shown) == 10
    assert not any(frame.interlaced_frame for frame in shown)
    assert max(combed(frame.to_ndarray(format="rgb24")) for frame in shown) < 0.5
    with path.open("rb") as file:
        assert max(combed(frame.image) for frame in frames(file, interval_ms=0)) < 0.5


def test_a_mirrored_picture_is_shown_mirrored(shelf: Shelf, tmp_path: Path) -> None:
    """The display matrix of the track header flips it from left to right (`a` is negative)."""
    path = make(tmp_path / "mirror.mp4", Recipe(audio=None, seconds=1, b_frames=0))
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">i", content, at) == (0x10000,)
    struct.pack_into(">i", content, at, -0x10000)
    struct.pack_into(">i", content, at + 24, 192 << 16)
    path.write_bytes(content)
    video = put(shelf, path)
    still = np.asarray(Image.open(take(shelf, video, 0.5, 0.8, tmp_path / "still.png")).convert("RGB"))
    assert read_number(still[:, ::-1]) == 5
    with av.open(take(shelf, video, 0.5, 0.8, tmp_path / "clip.mp4")) as container:
        assert read_number(next(container.decode(video=0)).to_ndarray(format="rgb24")[:, ::-1]) == 5


def test_pixels_that_are_not_square_stay_as_wide(shelf: Shelf, tmp_path: Path) -> None:
    def wide(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    picture = frame_of(as_yuv(np.array(PATCHES) / 255, (352, 288), 6, full=False), "yuv420p")
    video = put(shelf, film(tmp_path / "wide.mp4", [picture] * 4, setup=wide, preset="ultrafast"))
    assert Image.open(take(shelf, video, 0, 0.3, tmp_path / "still.png")).size == (512, 288)
    with av.open(take(shelf, video, 0, 0.3, tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (352, 288, Fraction(16, 11))


def test_a_size_that_changes_is_fitted_with_bars(shelf: Shelf, tmp_path: Path) -> None:
    """A wide picture, then a tall one whose pixels are as square as before."""

    def pictures(size: tuple[int, int]) -> list[av.VideoFrame]:
        white = np.full(size[::-1], 235, np.uint16)
        return [frame_of([white, *[np.full((size[1] // 2, size[0] // 2), 128, np.uint16)] * 2], "yuv420p") for _ in range(10)]

    wide, tall = (
        film(tmp_path / f"{size[0]}.h264", pictures(size), preset="ultrafast", bf="0").read_bytes() for size in ((320, 180), (90, 160))
    )
    path = tmp_path / "resized.ts"
    with av.open(io.BytesIO(wide + tall), format="h264") as source, av.open(path, "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux() if p.size):
            packet.pts = packet.dts = number * 9_000
            packet.time_base, packet.stream = Fraction(1, 90_000), track
            out.mux(packet)
    video = put(shelf, path)
    with av.open(take(shelf, video, 0, 2, tmp_path / "clip.mp4")) as container:
        last = list(container.decode(video=0))[-1].to_ndarray(format="gray")
    assert last.shape == (180, 320)
    lit = np.flatnonzero(last.mean(0) > 128)
    assert abs(len(lit) - 101) <= 2, "90x160 is 101 wide where it is 180 high"
    assert abs(lit[0] + lit[-1] - 319) <= 2, "in the middle"


@pytest.mark.parametrize(("start", "end", "first"), [(1.0, 9.0, 1), (4.2, 4.6, 3), (0.1, 6.0, 0), (5.0, 9.8, 4)])
def test_a_picture_stands_until_the_next_one_comes(shelf: Shelf, tmp_path: Path, start: float, end: float, first: int) -> None:
    """A screen recording that has a picture only when something moves lasts as long as was asked, with sound and without."""
    for audio in (None, "aac"):
        recipe = Recipe(seconds=10, stamps=(0, 0.5, 2.0, 4.0, 4.7, 9.9), audio=audio, b_frames=0)
        video = put(shelf, make(tmp_path / f"{audio}.mp4", recipe))
        with av.open(take(shelf, video, start, end, tmp_path / "clip.mp4")) as container:
            track = container.streams.video[0]
            assert float(track.duration * track.time_base) == pytest.approx(end - start, abs=0.001)
            shown = list(container.decode(video=0))
        assert shown[0].time == 0
        assert read_number(shown[0].to_ndarray(format="rgb24")) == first
        assert max(np.diff([*(f.time for f in shown), end - start])) <= 1.001, "a player can seek in it"


@pytest.mark.parametrize(("name", "form"), [("late.mov", "mov"), ("late.mkv", "matroska")])
def test_a_span_before_the_first_picture_shows_that_picture_with_its_sound(shelf: Shelf, tmp_path: Path, name: str, form: str) -> None:
    stamps = tuple(3 + n / 10 for n in range(20))
    video = put(shelf, make(tmp_path / name, Recipe(format=form, seconds=5, stamps=stamps, b_frames=0)))
    with av.open(take(shelf, video, 0.5, 2.0, tmp_path / "clip.mp4")) as container:
        shown = [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
        container.seek(0)
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert set(shown) == {0}
    assert len(heard) / 44_100 == pytest.approx(1.5, abs=0.05)
    assert np.abs(heard[4_410:-4_410]).max() > 0.1


def spoken(path: Path, layout: str, start: float) -> bytes:
    """Two seconds of a transport stream whose clock starts at `start`, with a tone in this layout."""
    with av.open(path, "w", format="mpegts") as out:
        shown = out.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "0", "threads": "1"})
        shown.width, shown.height, shown.pix_fmt = 192, 96, "yuv420p"
        track = out.add_stream("aac", rate=48_000, layout=layout)
        for number in range(20):
            picture = av.VideoFrame(192, 96, "yuv420p")
            picture.pts, picture.time_base = number + round(10 * start), Fraction(1, 10)
            out.mux(shown.encode(picture))
        for number in range(94):
            wave = 0.4 * np.sin(2 * np.pi * 440 * (np.arange(1024) + 1024 * number) / 48_000).astype(np.float32)
            sound = av.AudioFrame.from_ndarray(np.stack([wave] * (1 if layout == "mono" else 2)), format="fltp", layout=layout)
            sound.sample_rate, sound.time_base, sound.pts = 48_000, Fraction(1, 48_000), 1024 * number + round(48_000 * start)
            out.mux(track.encode(sound))
        out.mux([*shown.encode(None), *track.encode(None)])
    return path.read_bytes()


@pytest.mark.parametrize("layouts", [("mono", "stereo"), ("stereo", "mono")])
def test_sound_that_changes_on_the_way_is_exported_over_the_joint(shelf: Shelf, tmp_path: Path, layouts: tuple[str, str]) -> None:
    path = tmp_path / "switch.ts"
    path.write_bytes(b"".join(spoken(tmp_path / "part.ts", layout, 2.0 * n) for n, layout in enumerate(layouts)))
    with av.open(take(shelf, put(shelf, path), 1.0, 3.0, tmp_path / "clip.mp4")) as container:
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(heard) / 48_000 == pytest.approx(2, abs=0.05)
    loud = np.abs(heard[: len(heard) // 4800 * 4800].reshape(-1, 4800)).max(1)
    assert (loud[:-1] < 0.2).sum() <= 2, "silent around the joint at most"


RATES = [
    (Fraction(24000, 1001), "01:00:00:00"), (Fraction(25), "10:00:00:00"), (Fraction(30000, 1001), "01:00:00;00"),
    (Fraction(30000, 1001), "01:00:00:00"), (Fraction(50), "10:00:00:00"), (Fraction(60000, 1001), "00:59:59;00"),
]  # fmt: skip


@pytest.mark.parametrize(("rate", "timecode"), RATES)
def test_clip_still_and_edit_lists_begin_with_the_same_frame(shelf: Shelf, tmp_path: Path, rate: Fraction, timecode: str) -> None:
    path = tmp_path / "camera.mov"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "30", "bf": "0", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 192, 96, "yuv420p"
        stream.metadata["timecode"] = timecode
        for number in range(round(4 * rate)):
            frame = av.VideoFrame.from_ndarray(drawn(number), format="rgb24").reformat(format="yuv420p", threads=1)
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    video = put(shelf, path)
    for start in (0, 0.5, 1.333, 1.5, 2.71):
        with av.open(take(shelf, video, start, 3.3, tmp_path / "clip.mp4")) as container:
            numbers = [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
        still = read_number(np.asarray(Image.open(take(shelf, video, start, 3.3, tmp_path / "still.png")).convert("RGB")))
        clip = otio.adapters.read_from_file(str(take(shelf, video, start, 3.3, tmp_path / "scene.otio"))).tracks[0][0]
        zero, source = clip.media_reference.available_range.start_time, clip.source_range
        edl = take(shelf, video, start, 3.3, tmp_path / "scene.edl").read_text()
        label = next(line for line in edl.splitlines() if " V " in line).split()[-4]
        counted = float(rate) if ";" in label else round(rate)
        start_of_source = otio.opentime.from_timecode(timecode, counted)
        listed = otio.opentime.from_timecode(label, counted) - start_of_source
        assert still == numbers[0] == (source.start_time - zero).value == listed.value
        assert abs(numbers[0] / rate - Fraction(start)) <= Fraction(1, 2) / rate + Fraction(1, 1000)
        assert zero.value == start_of_source.value
        assert len(numbers) == source.duration.value


def test_a_timecode_track_counts_in_its_own_rate(shelf: Shelf, tmp_path: Path) -> None:
    """Cameras record 59.94 pictures a second with timecode of 29.97."""
    path = tmp_path / "camera.mov"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(60000, 1001), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 192, 96, "yuv420p"
        stream.metadata["timecode"] = "01:00:00;20"
        for number in range(150):
            frame = av.VideoFrame(192, 96, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1001, 60000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    content = path.read_bytes()
    for written, meant in (
        ((60 * 3600 + 20 - 216).to_bytes(4, "big"), (30 * 3600 + 20 - 108).to_bytes(4, "big")),
        (struct.pack(">IIB", 60_000, 1001, 60), struct.pack(">IIB", 30_000, 1001, 30)),
    ):
        assert content.count(written) == 1
        content = content.replace(written, meant)
    path.write_bytes(content)
    video = put(shelf, path)
    clip = otio.adapters.read_from_file(str(take(shelf, video, 1.5, 2.0, tmp_path / "scene.otio"))).tracks[0][0]
    assert clip.media_reference.available_range.start_time.value == 215_824
    assert " 01:00:02;10 " in take(shelf, video, 1.5, 2.0, tmp_path / "scene.edl").read_text()


def test_a_still_for_the_page_is_the_frame_on_screen(tmp_path: Path) -> None:
    with make(tmp_path / "a.mp4", Recipe(audio=None)).open("rb") as file:
        assert read_number(frame_at(file, 1_380).image) == 13

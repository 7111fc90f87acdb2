"""Encode the pictures of a clip as H.264: all rendered alike, each on screen until the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scenesearch.media.colour import SCREEN, Colours
from scenesearch.media.rendering import Renderer, Wanted

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

TICKS = 90_000
"""Ticks a second of encoded pictures: fine enough for every frame rate."""

SCALER = "bicubic+accurate_rnd+full_chroma_int"
"""How pictures are scaled. The last two keep conversions between matrices within 3 of 255 (5 without them)."""

STANDS_AT_MOST = Fraction(1)
"""Seconds after which a picture still on screen is encoded again: models look once a second, and players seek in such files."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How pictures are encoded: x264's rate factor, the largest bit rate, the longer and the shorter side in pixels at most.

    `min_gap`: seconds from one picture to the next at least.
    """

    crf: int
    max_bits_per_second: int | None = None
    long_side: int | None = None
    short_side: int | None = None
    min_gap: Fraction = Fraction(0)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size (even, as 4:2:0 needs) of pictures that are this large when they are shown with square pixels."""
        scale = min(
            Fraction(1),
            Fraction(self.long_side or max(width, height), max(width, height)),
            Fraction(self.short_side or min(width, height), min(width, height)),
        )
        across, down = (max(2, round(side * scale / 2) * 2) for side in (width, height))
        return across, down

    def options(self) -> dict[str, str]:
        """x264's options. Without B-frames the file lasts as long as its pictures, however far apart they are."""
        rate = self.max_bits_per_second
        limits = {"maxrate": str(rate), "bufsize": str(2 * rate)} if rate else {}
        return {"preset": "veryfast", "bf": "0", "flags": "+frame_duration", "crf": str(self.crf), **limits}


@dataclass(frozen=True, slots=True)
class Shape:
    """Size (pixels, even) and pixel ratio of a clip's pictures, as they are shown: upright. `rate` is about the pictures a second."""

    width: int
    height: int
    pixel_ratio: Fraction = Fraction(1)
    rate: Fraction = Fraction(25)
    colours: Colours = SCREEN


class PictureEncoder:
    """Encodes pictures, given in order of time, as one H.264 stream of `out`. Its zero is `start`: seconds on the pictures' clock."""

    def __init__(
        self,
        out: OutputContainer,
        shape: Shape,
        quality: Quality,
        start: Fraction,
        *,
        source_pixel_ratio: Fraction = Fraction(1),
        seen: Callable[[VideoFrame, Fraction], None] | None = None,
    ) -> None:
        """`seen` is called with each picture that is encoded, as it is encoded, and its time on the pictures' clock."""
        stream = out.add_stream("libx264", rate=shape.rate, options=quality.options())
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        context = stream.codec_context
        context.gop_size = max(2, round(2 * shape.rate))
        context.time_base = Fraction(1, TICKS)
        if shape.pixel_ratio != 1:
            context.sample_aspect_ratio = shape.pixel_ratio
        self.stream = stream
        self._start, self._min_gap, self._seen, self._one = start, quality.min_gap, seen, 1 / shape.rate
        wanted = Wanted("yuv420p", shape.width, shape.height, pixel_ratio=shape.pixel_ratio, scaler=SCALER, colours=shape.colours)
        self._renderer = Renderer(wanted, pixel_ratio=source_pixel_ratio)
        context.colorspace, context.color_range = shape.colours.matrix, 1
        context.color_primaries, context.color_trc = shape.colours.primaries, shape.colours.transfer
        self._standing: tuple[Fraction, VideoFrame] | None = None
        self._next_tick = 0
        self._opened = False

    @property
    def any(self) -> bool:
        """Whether there was a picture."""
        return self._standing is not None

    def take(self, at: Fraction, picture: VideoFrame, *, first: bool = False) -> Iterator[Packet[Any]]:
        """The picture stands from `at` on; one before the start stands at the start, unless another comes in time.

        `first`: forget what stands, this one is the clip's first.
        """
        if first:
            self._standing = None
        if self._standing is not None and max(self._standing[0], self._start) < at < max(self._standing[0], self._start) + self._min_gap:
            return
        yield from self._until(at)
        self._standing = at, picture

    def finish(self, end: Fraction | None) -> Iterator[Packet[Any]]:
        """Encode the last picture until `end`, or for the time of one picture when that is unknown, and empty the encoder."""
        if self._standing is not None:
            yield from self._until(max(self._standing[0], self._start) + self._one if end is None else end)
        if self._opened:
            yield from self.stream.encode(None)

    def _until(self, end: Fraction) -> Iterator[Packet[Any]]:
        """Encode the picture on screen until `end`."""
        if self._standing is None or end <= self._start:
            return
        at, picture = max(self._standing[0], self._start), self._renderer.render(self._standing[1])
        self._opened = True
        while at < end:
            following = min(end, at + STANDS_AT_MOST)
            tick = max(self._next_tick, round((at - self._start) * TICKS))
            self._next_tick = max(tick + 1, round((following - self._start) * TICKS))
            picture.pts, picture.time_base, picture.duration = tick, Fraction(1, TICKS), self._next_tick - tick
            picture.pict_type = 0
            if self._seen is not None:
                self._seen(picture, at)
            yield from self.stream.encode(picture)
            at = following

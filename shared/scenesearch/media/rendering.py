"""A decoded picture as a player shows it: upright, in its true colours, of the size and pixel format that is wanted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from scenesearch.media.colour import MATRICES, UNSPECIFIED, Colours, colours_of, screen_cube
from scenesearch.media.deinterlace import chain, pulled, source_arguments

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame

Turn = tuple[str, ...]
"""Filters that make a picture upright, in order."""

QUARTER_TURNS: dict[int, Turn] = {0: (), 1: ("transpose=cclock",), 2: ("hflip", "vflip"), 3: ("transpose=clock",)}
"""By quarters of a turn counterclockwise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pictures that come out. `width` and `height` (pixels) are those of the upright picture; None keeps the source's,
    scaled down to `max_width`. `colours` are those of YUV pictures. `pixel_ratio` is the width of their pixels over the height.
    Where the shape differs from the source's, black bars fill the rest.
    """

    format: str
    width: int | None = None
    height: int | None = None
    max_width: int | None = None
    pixel_ratio: Fraction = Fraction(1)
    scaler: str = "area"
    colours: Colours | None = None


class Renderer:
    """Renders the pictures of one video; its filters are made anew whenever the pictures change."""

    def __init__(self, wanted: Wanted, *, pixel_ratio: Fraction = Fraction(1), rotation: int | None = None) -> None:
        """`pixel_ratio`: of the source. `rotation`: degrees counterclockwise; each picture's own display matrix when not given."""
        self._wanted, self._pixel_ratio, self._rotation = wanted, pixel_ratio, rotation
        self._graph: Graph | None = None
        self._like: object = None

    def render(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture as wanted, with the times that it has. The picture itself stays as it is."""
        turn = turn_of(picture) if self._rotation is None else QUARTER_TURNS[self._rotation // 90 % 4]
        colours = colours_of(picture)
        like = (source_arguments(picture), turn, colours)
        if self._graph is None or like != self._like:
            self._graph, self._like = self._made(picture, turn, colours), like
        self._graph.push(picture)
        [shown] = pulled(self._graph)
        shown.pts = picture.pts
        if picture.time_base is not None:
            shown.time_base = picture.time_base
        return shown

    def _made(self, picture: VideoFrame, turn: Turn, colours: Colours) -> Graph:
        with ExitStack() as files:
            filters = list(self._filters(picture, turn, colours, files))
            return chain(picture, [(name, arguments) for name, _, arguments in (step.partition("=") for step in filters)])

    def _filters(self, picture: VideoFrame, turn: Turn, colours: Colours, files: ExitStack) -> Iterator[str]:
        wanted = self._wanted
        turned = any("transpose" in step for step in turn)
        shape = upright_size(picture, self._pixel_ratio, turned=turned)
        if wanted.max_width is not None and shape[0] > wanted.max_width:
            shape = wanted.max_width, max(1, round(shape[1] * wanted.max_width / shape[0]))
        width, height = wanted.width or shape[0], wanted.height or shape[1]
        inner = fitted(Fraction(shape[0], shape[1]) / wanted.pixel_ratio, width, height)
        size = "{1}:{0}".format(*inner) if turned else "{}:{}".format(*inner)
        out = f":out_color_matrix={MATRICES[wanted.colours.matrix]}:out_range=tv" if wanted.colours else ""
        if "rgb" not in picture.format.name and "gbr" not in picture.format.name:
            yield f"setparams=colorspace={MATRICES[colours.matrix]}:range={'pc' if colours.full_range else 'tv'}"
        yield f"setparams=color_primaries={UNSPECIFIED}:color_trc={UNSPECIFIED}"
        if colours.beyond_screen:
            yield f"scale={size}:flags={wanted.scaler}"
            yield "format=gbrp12"
            yield f"lut3d=file='{files.enter_context(screen_cube(colours))}':interp=tetrahedral"
            yield f"scale=flags={wanted.scaler}{out}"
        else:
            yield f"scale={size}:flags={wanted.scaler}{out}"
        yield f"format={wanted.format}"
        yield from turn
        if inner != (width, height):
            yield f"pad={width}:{height}:-1:-1:black"


def turn_of(picture: VideoFrame) -> Turn:
    """The filters that make this picture upright, and mirrored where its display matrix says so."""
    matrix = _display_matrix(picture)
    if matrix is None:
        return ()
    a, b, c, d = matrix  # to the right and down become (a, b) and (c, d)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # what is left, once the picture is flipped from left to right, is a plain turn
    quarters = 0 if abs(a) >= abs(b) and a > 0 else 2 if abs(a) >= abs(b) else 3 if b > 0 else 1
    return (("hflip",) if mirrored else ()) + QUARTER_TURNS[quarters]


def upright_size(picture: VideoFrame, pixel_ratio: Fraction, *, turned: bool) -> tuple[int, int]:
    """Width and height with square pixels: the width is scaled, the lines stay."""
    width, height = max(1, round(picture.width * pixel_ratio)), picture.height
    return (height, width) if turned else (width, height)


def fitted(ratio: Fraction, width: int, height: int) -> tuple[int, int]:
    """The largest size of this shape (width over height) inside the given one; all of it where only rounding differs."""
    across, down = min(width, round(height * ratio)), min(height, round(width / ratio))
    if width - across <= 2 and height - down <= 2:
        return width, height
    return max(2, across // 2 * 2), max(2, down // 2 * 2)


def _display_matrix(picture: VideoFrame) -> tuple[int, int, int, int] | None:
    """Where to the right and down point on the screen, of the 3x3 fixed-point matrix that came with the picture."""
    data = picture.side_data.get("DISPLAYMATRIX")
    values = struct.unpack("=9i", bytes(cast("SideData", data))[:36]) if data is not None else ()
    return (values[0], values[1], values[3], values[4]) if any(values) else None

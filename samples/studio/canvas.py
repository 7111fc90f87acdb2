"""Drawing in the coordinates of the finished picture, on an image twice as large for smooth edges."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 2
Point = tuple[float, float]


@dataclass(frozen=True)
class Canvas:
    """A picture to draw on; `at` gives a moved and scaled view of the same picture."""

    image: Image.Image
    pen: ImageDraw.ImageDraw
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    @classmethod
    def on(cls, image: Image.Image) -> "Canvas":
        return cls(image, ImageDraw.Draw(image, "RGBA"))

    @classmethod
    def blank(cls, width: int, height: int) -> "Canvas":
        size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
        return cls.on(Image.new("RGB", size))

    def at(self, x: float, y: float, scale: float = 1.0) -> "Canvas":
        left, top = self.x + x * self.scale, self.y + y * self.scale
        return Canvas(self.image, self.pen, left, top, self.scale * scale)

    def finished(self) -> Image.Image:
        """Return the picture at its final size."""
        return self.image.reduce(SUPERSAMPLING)

    def gradient(self, top: float, bottom: float, colours: Sequence[str]) -> None:
        """Fill the full width between two heights with colours that blend downwards."""
        first, last = (round(v * SUPERSAMPLING) for v in (top, bottom))
        stops = np.array([_rgb(colour) for colour in colours], np.float64)
        places = np.linspace(0, len(stops) - 1, last - first)
        column = np.stack([np.interp(places, range(len(stops)), stops[:, i]) for i in range(3)], 1)
        band = np.repeat(column[:, None].round().astype(np.uint8), self.image.width, axis=1)
        self.image.paste(Image.fromarray(band), (0, first))

    def box(self, left: float, top: float, right: float, bottom: float, fill: str, radius: float = 0.0) -> None:
        corners = [self._place((left, top)), self._place((right, bottom))]
        if radius:
            self.pen.rounded_rectangle(corners, self._length(radius), fill)
        else:
            self.pen.rectangle(corners, fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: str) -> None:
        """Fill an ellipse centred on (x, y) with the given radii."""
        self.pen.ellipse([self._place((x - across, y - down)), self._place((x + across, y + down))], fill)

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        self.oval(x, y, radius, radius, fill)

    def sector(self, x: float, y: float, across: float, down: float, angles: tuple[int, int], fill: str) -> None:
        """Fill a slice of an ellipse; angles in degrees, clockwise from the right."""
        corners = [self._place((x - across, y - down)), self._place((x + across, y + down))]
        self.pen.pieslice(corners, *angles, fill)

    def ring(self, x: float, y: float, radius: float, colour: str, width: float) -> None:
        corners = [self._place((x - radius, y - radius)), self._place((x + radius, y + radius))]
        self.pen.ellipse(corners, None, colour, max(1, round(self._length(width))))

    def shape(self, points: Sequence[Point], fill: str) -> None:
        self.pen.polygon([self._place(point) for point in points], fill)

    def line(self, points: Sequence[Point], fill: str, width: float = 2.0) -> None:
        places = [self._place(point) for point in points]
        self.pen.line(places, fill, max(1, round(self._length(width))), joint="curve")

    def limb(self, points: Sequence[Point], fill: str, width: float) -> None:
        """Draw a line with round ends: an arm, a leg, a rope."""
        self.line(points, fill, width)
        for x, y in (points[0], points[-1]):
            self.dot(x, y, width / 2, fill)

    def _place(self, point: Point) -> Point:
        return (
            (self.x + point[0] * self.scale) * SUPERSAMPLING,
            (self.y + point[1] * self.scale) * SUPERSAMPLING,
        )

    def _length(self, value: float) -> float:
        return value * self.scale * SUPERSAMPLING


def dice(seed: int | str) -> random.Random:
    """Return numbers that look random and are the same every time."""
    return random.Random(seed)  # noqa: S311  # nothing secret here


def shade(colour: str, opacity: float) -> str:
    """Return an `#rrggbb` colour with an opacity from 0 to 1."""
    return f"{colour}{round(255 * min(1.0, max(0.0, opacity))):02x}"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

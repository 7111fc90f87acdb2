"""What appears in several scenes: people, cars, the lighthouse, the sea."""

import math
from dataclasses import dataclass
from typing import Literal

from studio.canvas import Canvas, Point, shade

OUTLINE = "#2b2d42"


@dataclass(frozen=True)
class Look:
    """How a person looks; `hair` is a colour and `cut` its form."""

    shirt: str
    hair: str = OUTLINE
    cut: Literal["short", "long", "bun", "cap"] = "short"
    skin: str = "#f2c9a1"
    glasses: bool = False
    tie: str | None = None


def mouth_opening(t: float, talking: bool) -> float:
    """Return how far a mouth is open, from 0 to 1."""
    return abs(math.sin(t * 11.0)) * (0.55 + 0.45 * math.sin(t * 4.3)) if talking else 0.0


def person(canvas: Canvas, look: Look, mouth: float = 0.0, blink: bool = False) -> None:
    """Draw head and shoulders; the chin's middle is (0, 0), the figure about 200 wide."""
    if look.cut == "long":
        canvas.box(-62, -110, 62, 40, look.hair, radius=46)
    canvas.box(-18, -20, 18, 34, look.skin, radius=8)
    canvas.box(-100, 24, 100, 520, look.shirt, radius=60)
    canvas.shape([(-26, 24), (26, 24), (0, 62)], look.skin)
    if look.tie:
        canvas.shape([(-9, 52), (9, 52), (14, 150), (0, 170), (-14, 150)], look.tie)
    canvas.oval(0, -58, 52, 62, look.skin)
    _hair(canvas, look)
    _face(canvas, look, mouth, blink)


def _hair(canvas: Canvas, look: Look) -> None:
    if look.cut == "cap":
        canvas.box(-54, -128, 54, -82, look.hair, radius=20)
        canvas.box(-58, -92, 58, -80, look.hair, radius=5)
        return
    if look.cut == "bun":
        canvas.dot(0, -134, 24, look.hair)
    canvas.sector(0, -73, 56, 53, (180, 360), look.hair)
    canvas.shape([(-56, -74), (-20, -96), (-52, -40)], look.hair)
    canvas.shape([(56, -74), (20, -96), (52, -40)], look.hair)


def _face(canvas: Canvas, look: Look, mouth: float, blink: bool) -> None:
    for x in (-20, 20):
        canvas.oval(x, -54, 5, 1.5 if blink else 7, OUTLINE)
        canvas.dot(x * 1.6, -34, 9, "#e8927c66")
    if look.glasses:
        for x in (-20, 20):
            canvas.ring(x, -54, 16, OUTLINE, 3)
        canvas.line([(-4, -56), (4, -56)], OUTLINE, 3)
    canvas.oval(0, -20, 13, 2 + 11 * mouth, "#9d3b3b")


def car(canvas: Canvas, colour: str, roll: float, lights: bool = True) -> None:
    """Draw a car that drives to the right; (0, 0) is the road below its middle, length 300."""
    canvas.oval(0, 2, 160, 10, "#00000055")
    canvas.shape(
        [(-150, -30), (-146, -66), (-88, -74), (-52, -116), (44, -116), (92, -72), (146, -60),
         (152, -28)],
        colour,
    )  # fmt: skip
    canvas.box(-152, -50, 152, -22, colour, radius=12)
    canvas.shape([(-74, -74), (-46, -106), (-8, -106), (-8, -74)], "#bfe3f2")
    canvas.shape([(4, -74), (4, -106), (40, -106), (74, -74)], "#bfe3f2")
    canvas.line([(-2, -72), (-2, -26)], "#00000044", 3)
    canvas.box(-152, -60, -136, -46, "#ffd166", radius=4)
    if lights:
        canvas.shape([(150, -50), (420, -86), (420, 0)], "#fff3b033")
    canvas.box(138, -56, 153, -42, "#fff3b0", radius=4)
    for x in (-92, 92):
        _wheel(canvas.at(x, -26), roll)


def _wheel(canvas: Canvas, roll: float) -> None:
    canvas.dot(0, 0, 32, "#1d1d28")
    canvas.dot(0, 0, 18, "#c9cfd8")
    for spoke in range(5):
        angle = roll + spoke * math.tau / 5
        canvas.line([(0, 0), (15 * math.cos(angle), 15 * math.sin(angle))], "#6b7280", 4)


def lighthouse(canvas: Canvas, lamp: str) -> None:
    """Draw a red and white lighthouse on its rock; (0, 0) is the foot of the tower."""
    canvas.shape([(-130, 60), (-92, 6), (-30, -12), (60, -8), (112, 20), (150, 60)], "#5c6378")
    canvas.shape([(-130, 60), (-92, 6), (-30, -12), (-60, 60)], "#4a5066")
    edge = _tower_edge
    for band in range(6):
        low, high = -band * 50.0, -(band + 1) * 50.0
        fill = "#e4572e" if band % 2 else "#fdf6ec"
        canvas.shape([(-edge(low), low), (edge(low), low), (edge(high), high), (-edge(high), high)], fill)
        canvas.shape(
            [
                (edge(low) * 0.3, low),
                (edge(low), low),
                (edge(high), high),
                (edge(high) * 0.3, high),
            ],
            "#00000018",
        )
    canvas.box(-38, -312, 38, -300, OUTLINE, radius=4)
    canvas.box(-22, -350, 22, -312, lamp)
    canvas.line([(0, -350), (0, -312)], OUTLINE, 3)
    canvas.shape([(-30, -350), (0, -384), (30, -350)], "#c8432a")


def _tower_edge(height: float) -> float:
    return 42 + height * 0.05


def waves(canvas: Canvas, top: float, t: float, colour: str, width: int = 1280) -> None:
    """Draw rows of short gliding strokes on the sea."""
    for row in range(7):
        y = top + 14 + row * row * 5.5 + row * 9
        gap, length = 150 + row * 26, 34 + row * 15
        for i in range(-1, width // gap + 2):
            x = i * gap + (row * 67) % gap + 16 * math.sin(t * 0.9 + row * 1.7 + i)
            canvas.line([(x, y), (x + length, y)], colour, 2 + row * 0.5)


def gull(canvas: Canvas, flap: float) -> None:
    """Draw a bird as two wings."""
    lift = 10 * math.sin(flap)
    left: list[Point] = [(-26, -lift), (-12, -8 - lift * 0.4), (0, 0)]
    right: list[Point] = [(26, -lift), (12, -8 - lift * 0.4), (0, 0)]
    canvas.line(left, "#3d405b", 4)
    canvas.line(right, "#3d405b", 4)


def glow(canvas: Canvas, x: float, y: float, radius: float, colour: str, strength: float) -> None:
    """Draw a soft light around a point."""
    for ring in range(6, 0, -1):
        canvas.dot(x, y, radius * ring / 6, shade(colour, strength * (7 - ring) / 14))

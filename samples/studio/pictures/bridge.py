"""The old suspension bridge on a rainy day, closed to traffic."""

import math

from studio.canvas import Canvas, Point, dice
from studio.pictures.figures import waves
from studio.script import Beat

STEEL = "#b5443a"
TOWERS = (330.0, 960.0)
DECK = 400


def rainy_strait(canvas: Canvas) -> None:
    canvas.gradient(0, 470, ["#6c7a89", "#9fb0bd", "#cdd6dc"])
    canvas.shape([(0, 470), (0, 380), (170, 330), (330, 400), (470, 470)], "#77909a")
    canvas.shape([(820, 470), (1010, 352), (1280, 320), (1280, 470)], "#6d8792")
    canvas.gradient(470, 720, ["#8fa5b0", "#506d7c", "#33505f"])
    _cables(canvas)
    canvas.box(0, DECK, 1280, DECK + 20, STEEL)
    canvas.box(0, DECK + 20, 1280, DECK + 28, "#7f2f28")
    for x in TOWERS:
        canvas.box(x - 24, 96, x - 10, 520, STEEL)
        canvas.box(x + 10, 96, x + 24, 520, STEEL)
        for y in (110, 200, 300):
            canvas.box(x - 24, y, x + 24, y + 14, "#9c3a31")
        canvas.box(x - 44, 505, x + 44, 560, "#7d8790", radius=6)


def _cables(canvas: Canvas) -> None:
    for start, end in ((-300.0, TOWERS[0]), TOWERS, (TOWERS[1], 1590.0)):
        cable: list[Point] = []
        for i in range(41):
            u = i / 40
            cable.append((start + (end - start) * u, 104 + 4 * 262 * u * (1 - u)))
        canvas.line(cable, "#8c352d", 7)
        for point in cable[::2]:
            canvas.line([point, (point[0], DECK)], "#a8574e", 2)


def rain(canvas: Canvas, beat: Beat) -> None:
    waves(canvas, 480, beat.t, "#ffffff33")
    _sign(canvas)
    drops = dice(17)
    for _ in range(150):
        x, y, speed = drops.uniform(0, 1400), drops.uniform(0, 720), drops.uniform(620, 820)
        fall = (y + beat.t * speed) % 760 - 20
        drift = x - fall * 0.12
        canvas.line([(drift, fall), (drift - 4, fall + 24)], "#ffffff55", 1.6)
    if beat.t % 4.0 > 3.84:
        canvas.box(0, 0, 1280, 720, "#ffffff66")


def _sign(canvas: Canvas) -> None:
    for x in (500, 780):
        canvas.box(x - 8, 480, x + 8, 640, "#4b5563")
    canvas.box(420, 440, 860, 590, "#f4b400", radius=14)
    canvas.box(432, 452, 848, 578, "#1f2430", radius=8)
    for x in (450, 830):
        blink = "#ff5a36"
        canvas.dot(x, 432 + 2 * math.sin(x), 12, blink)

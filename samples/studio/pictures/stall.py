"""A noodle stall in the evening, with lanterns, steam and its cook."""

import math

from studio.canvas import Canvas, shade
from studio.pictures.figures import Look, glow, mouth_opening, person
from studio.script import Beat

COOK = Look("#fdfdfb", "#c8432a", "cap")


def evening_stall(canvas: Canvas) -> None:
    canvas.gradient(0, 720, ["#2d1e3e", "#5b3256", "#8a4a52"])
    canvas.box(90, 110, 1190, 610, "#7a4a2a")
    canvas.box(110, 150, 1170, 520, "#f0d9a8")
    for x in range(110, 1170, 106):
        canvas.box(x, 150, x + 2, 520, "#d9bd86")
    canvas.shape([(40, 120), (1240, 120), (1180, 40), (100, 40)], "#a63d2f")
    for i in range(12):
        canvas.shape([(40 + i * 100, 120), (90 + i * 100, 120), (97 + i * 95, 40),
                      (100 + i * 90, 40)], "#8c3126")  # fmt: skip
    canvas.box(150, 180, 560, 400, "#5a3620", radius=8)
    canvas.box(162, 192, 548, 388, "#fff8e7", radius=4)
    canvas.box(1030, 130, 1130, 470, "#24407a")


def serving(canvas: Canvas, beat: Beat) -> None:
    for i, x in enumerate((620, 960)):
        _lantern(canvas.at(x + 4 * math.sin(beat.t * 1.4 + i), 120))
    cook = canvas.at(790, 370, 1.0)
    person(cook, COOK, mouth_opening(beat.t, beat.speaker == "Yuki"), blink=beat.t % 2.9 < 0.12)
    stir = 16 * math.sin(beat.t * 3)
    cook.limb([(-86, 90), (-130, 130), (-110 + stir, 176)], "#f4f1ea", 34)
    cook.dot(-108 + stir, 182, 18, COOK.skin)
    canvas.box(60, 540, 1220, 720, "#8a5a35")
    canvas.box(60, 532, 1220, 556, "#b57a4a", radius=6)
    _bowl(canvas.at(560, 540), beat.t)
    _bowl(canvas.at(310, 540), beat.t + 1.3)


def _lantern(canvas: Canvas) -> None:
    glow(canvas, 0, 70, 110, "#ffb347", 0.5)
    canvas.line([(0, 0), (0, 24)], "#2b1a14", 3)
    canvas.oval(0, 70, 38, 48, "#e63946")
    for y in (40, 56, 72, 88, 102):
        half = 38 * math.sqrt(max(0.0, 1 - ((y - 70) / 48) ** 2))
        canvas.line([(-half, y), (half, y)], "#a4161a88", 2)
    canvas.box(-18, 18, 18, 26, "#2b1a14", radius=3)
    canvas.box(-18, 114, 18, 122, "#2b1a14", radius=3)


def _bowl(canvas: Canvas, t: float) -> None:
    for wisp in range(3):
        for puff in range(8):
            age = (t * 0.5 + puff / 8 + wisp * 0.31) % 1.0
            x = (wisp - 1) * 34 + 14 * math.sin(age * 5 + wisp * 2)
            canvas.dot(x, -74 - age * 110, 8 + 14 * age, shade("#ffffff", 0.28 * (1 - age)))
    canvas.oval(0, -62, 92, 20, "#7a1f1f")
    canvas.oval(0, -62, 82, 15, "#e8b04b")
    for i in range(5):
        canvas.line([(-56 + i * 22, -66), (-44 + i * 22, -58), (-30 + i * 22, -66)], "#fff1c1", 4)
    canvas.oval(40, -66, 18, 9, "#fdf6ec")
    canvas.oval(40, -66, 8, 4, "#f4a300")
    canvas.sector(0, -62, 92, 62, (0, 180), "#b23a2e")
    canvas.box(-40, -8, 40, 4, "#8c2b22", radius=3)

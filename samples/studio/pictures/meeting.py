"""A meeting about next year's money: four people at a table in front of a slide."""

import math

from studio.canvas import Canvas
from studio.pictures.figures import Look, mouth_opening, person
from studio.script import Beat

CHAIR = Look("#2f3e55", "#3b3b3b", "short", tie="#c8432a")
GUESTS = (Look("#b56576", "#3b2a22", "long"), Look("#6d9773", "#2b2d42", glasses=True),
          Look("#e09f3e", "#6b4a2f", "bun"))  # fmt: skip
BARS = (("#2a9d8f", 48), ("#e9c46a", 31), ("#e76f51", 21))  # colour, percent


def office(canvas: Canvas) -> None:
    canvas.gradient(0, 720, ["#dfe7ee", "#c3d0db"])
    canvas.box(80, 40, 820, 430, "#5d6b7a", radius=8)
    canvas.box(92, 52, 808, 418, "#fbfcfe")
    canvas.box(92, 52, 808, 132, "#26547c")
    for i, (colour, percent) in enumerate(BARS):
        top = 176 + i * 76
        canvas.box(330, top, 330 + percent * 6, top + 46, colour, radius=6)
    canvas.box(1130, 250, 1180, 470, "#8a5a35", radius=8)
    for angle in range(-60, 61, 30):
        tip = (1155 + 110 * math.sin(math.radians(angle)), 250 - 130 * math.cos(angle / 70))
        canvas.limb([(1155, 260), tip], "#4f8a5b", 26)


def discussion(canvas: Canvas, beat: Beat) -> None:
    for i, look in enumerate(GUESTS):
        sway = 3 * math.sin(beat.t * 1.3 + i * 2.1)
        person(canvas.at(190 + i * 235, 520 + sway, 0.72), look, blink=(beat.t + i) % 2.7 < 0.12)
    chair = canvas.at(985, 400, 1.0)
    wave = 16 * math.sin(beat.t * 3.0) if beat.speaker == "Mr Sato" else 0.0
    chair.limb([(-80, 80), (-150, 70 - wave), (-190, 0 - wave)], CHAIR.shirt, 34)
    chair.dot(-196, -14 - wave, 18, CHAIR.skin)
    talking = mouth_opening(beat.t, beat.speaker == "Mr Sato")
    person(chair, CHAIR, talking, blink=beat.t % 3.3 < 0.12)
    canvas.shape([(0, 610), (1280, 610), (1280, 720), (0, 720)], "#a9714b")
    canvas.box(0, 606, 1280, 622, "#c68b5f")

"""A police car chases a red car through the night, until the red car hits a wall and explodes."""

import math

from studio.canvas import Canvas, dice, shade
from studio.pictures.figures import OUTLINE, car, glow
from studio.script import Beat

ROAD = 520
RED = "#d62828"
IMPACT = 1.4
# colour, reach, size, opacity, rise a second, seconds it lasts: smoke behind, fire before it
FIRE = (("#3d3846", 210.0, 86.0, 0.55, 42.0, 9.0), ("#c8432a", 170.0, 74.0, 0.7, 26.0, 5.0),
        ("#f3722c", 140.0, 62.0, 0.8, 20.0, 4.0), ("#ffd166", 100.0, 50.0, 0.85, 14.0, 3.2),
        ("#fff3d0", 55.0, 40.0, 0.9, 8.0, 2.2))  # fmt: skip


def city(canvas: Canvas) -> None:
    canvas.gradient(0, ROAD, ["#10142e", "#2a2a5e", "#6a4c93"])
    canvas.dot(180, 110, 44, "#f7f1d5")
    canvas.dot(200, 98, 40, "#1a1c40")
    canvas.box(0, ROAD, 1280, 720, "#2d3142")
    canvas.box(0, ROAD, 1280, ROAD + 10, "#9aa0b5")


def pursuit(canvas: Canvas, beat: Beat) -> None:
    t = beat.t
    _houses(canvas, t * 110, 21, "#1b1e45", 210)
    _houses(canvas, t * 230, 8, "#14173a", 150)
    _gantry(canvas)
    for i in range(-1, 9):
        x = i * 190 - (t * 760) % 190
        canvas.box(x, 628, x + 100, 638, "#f2e9c9", radius=4)
    bounce = 2.5 * math.sin(t * 19)
    _police(canvas.at(300 + 50 * math.sin(t * 0.9), 606 + bounce), t)
    car(canvas.at(850 + 70 * math.sin(t * 0.7 + 1), 690 - bounce, 1.12), RED, t * 16)
    for i in range(9):
        x = (1400 - (t * 1500 + i * 410)) % 1500 - 100
        canvas.line([(x, 470 + i * 27), (x + 90, 470 + i * 27)], "#ffffff30", 3)


def _houses(canvas: Canvas, shift: float, seed: int, colour: str, tallest: float) -> None:
    rng = dice(seed)
    blocks = [(rng.uniform(0.4, 1.0), rng.random()) for _ in range(24)]
    for i, (height, light) in enumerate(blocks):
        x = (i * 120 - shift) % (24 * 120) - 240
        top = ROAD - tallest * height
        canvas.box(x, top, x + 112, ROAD, colour)
        for row in range(int((ROAD - top) // 34)):
            for column in range(3):
                if (row * 7 + column * 3 + int(light * 10)) % 4:
                    continue
                left, upper = x + 16 + column * 32, top + 12 + row * 34
                canvas.box(left, upper, left + 14, upper + 18, "#ffd16699")


def _gantry(canvas: Canvas) -> None:
    for x in (380, 900):
        canvas.box(x - 8, 150, x + 8, ROAD, "#7a8196")
    canvas.box(380, 150, 900, 164, "#7a8196")
    canvas.box(420, 110, 860, 236, "#ffffff", radius=12)
    canvas.box(427, 117, 853, 229, "#11734b", radius=8)


def _police(canvas: Canvas, t: float) -> None:
    flash = int(t * 5) % 2
    car(canvas, "#e9edf2", t * 16)
    canvas.box(-148, -52, 148, -36, "#27408b")
    glow(canvas, -20 + flash * 40, -124, 120, "#ff2e2e" if flash else "#3d7bff", 0.7)
    canvas.box(-32, -128, 0, -114, "#ff2e2e" if flash else "#7a1f1f", radius=4)
    canvas.box(0, -128, 32, -114, "#1f3a7a" if flash else "#3d7bff", radius=4)


def dead_end(canvas: Canvas) -> None:
    canvas.gradient(0, ROAD + 40, ["#23122e", "#5a2a4a", "#b5525c"])
    canvas.box(0, ROAD + 40, 1280, 720, "#3a3346")
    canvas.box(960, 250, 1280, ROAD + 60, "#8d8797")
    for row in range(7):
        for column in range(5):
            left = 962 + column * 72 - (row % 2) * 36
            top = 252 + row * 44
            canvas.box(max(962, left), top, left + 68, top + 40, "#a39cae")
    for i in range(8):
        canvas.shape([(960 + i * 60, 470), (990 + i * 60, 470), (960 + i * 60, 520),
                      (930 + i * 60, 520)], "#f4b400")  # fmt: skip


def explosion(canvas: Canvas, beat: Beat) -> None:
    age = beat.t - IMPACT
    shake = 14 * math.exp(-age * 2.2) if age > 0 else 0.0
    stage = canvas.at(shake * math.sin(beat.t * 61), shake * math.cos(beat.t * 47))
    approach = min(0.0, age) * 520
    if age < 0.25:
        car(stage.at(800 + approach, 640, 1.12), RED, beat.t * 16 if age < 0 else 0)
        return
    _wreck(stage.at(790, 640))
    _fireball(stage, age - 0.25)
    if age < 0.5:
        canvas.box(0, 0, 1280, 720, shade("#ffffff", 1 - (age - 0.25) * 4))


def _wreck(canvas: Canvas) -> None:
    canvas.oval(0, 6, 200, 16, "#00000077")
    canvas.shape([(-160, -10), (-150, -60), (-80, -66), (-40, -92), (30, -80), (90, -58),
                  (150, -40), (146, -6)], "#5a1a1a")  # fmt: skip
    canvas.shape([(-60, -62), (-34, -82), (20, -74), (30, -56)], OUTLINE)
    for x in (-96, 92):
        canvas.dot(x, -16, 28, "#15151c")


def _fireball(canvas: Canvas, age: float) -> None:
    grown = 1 - math.exp(-age * 2.8)
    for colour, reach, size, opacity, rise, lasting in FIRE:
        rng = dice(colour)
        left = max(0.0, 1 - age / lasting)
        for _ in range(16):
            angle, far = rng.uniform(0, math.tau), rng.uniform(0.25, 1.0)
            flicker = 1 + 0.12 * math.sin(age * 17 + angle * 5)
            x = 790 + reach * grown * far * math.cos(angle)
            y = 540 + 0.75 * reach * grown * far * math.sin(angle) - rise * age * far
            radius = size * rng.uniform(0.6, 1.1) * (0.4 + 0.6 * grown) * flicker
            canvas.dot(x, min(y, 640 - radius * 0.5), radius * (0.35 + 0.65 * left),
                       shade(colour, opacity * min(1.0, left * 2.5)))  # fmt: skip
    for i in range(7):
        _flame(canvas.at(690 + i * 34, 640), age * 6 + i * 1.9, 50 + 26 * math.sin(i * 2.4))
    _debris(canvas, age)


def _flame(canvas: Canvas, flicker: float, height: float) -> None:
    tip = height * (1.25 + 0.3 * math.sin(flicker * 1.7))
    for colour, share in (("#f3722c", 1.0), ("#ffd166", 0.62)):
        sway = 10 * math.sin(flicker) * share
        canvas.oval(0, -16 * share, 22 * share, 22 * share, colour)
        canvas.shape([(-21 * share, -22 * share), (sway, -tip * share), (21 * share, -22 * share)],
                     colour)  # fmt: skip


def _debris(canvas: Canvas, age: float) -> None:
    rng = dice(5)
    for _ in range(24):
        angle, speed = rng.uniform(math.pi, math.tau), rng.uniform(200, 460)
        x = 790 + speed * age * math.cos(angle)
        y = 580 + speed * age * math.sin(angle) + 210 * age * age
        if y < 650:
            canvas.at(x, y).shape([(-9, -5), (8, -8), (10, 6), (-6, 9)], "#3b2030")

"""The harbour at sunrise, and the same harbour at night under fireworks."""

import math

from studio.canvas import Canvas, dice, shade
from studio.pictures.figures import glow, gull, lighthouse, waves
from studio.script import Beat

HORIZON = 440
BURSTS = ((0.2, 380, 190, "#ffd166"), (1.2, 760, 150, "#ff5d8f"), (2.1, 540, 230, "#06d6a0"),
          (2.9, 250, 160, "#8ecae6"), (3.8, 690, 200, "#ffd166"), (4.6, 420, 170, "#ff5d8f"),
          (5.4, 830, 190, "#c77dff"), (6.1, 260, 210, "#06d6a0"), (6.9, 600, 180, "#ffd166"))  # fmt: skip


def sunrise(canvas: Canvas) -> None:
    canvas.gradient(0, HORIZON, ["#4f7cac", "#9dbad5", "#f7c59f", "#ff9f68"])
    glow(canvas, 420, 400, 260, "#fff1c1", 0.5)
    canvas.dot(420, 400, 62, "#fff4d6")
    canvas.shape([(0, 440), (120, 372), (260, 410), (380, 440)], "#8d99b5")
    canvas.shape([(700, 440), (860, 352), (980, 396), (1120, 340), (1280, 400), (1280, 440)],
                 "#7b88a8")  # fmt: skip
    canvas.gradient(HORIZON, 720, ["#f2a67a", "#4d86a8", "#1f4e6e"])
    for i in range(12):
        half = 70 - i * 4
        canvas.box(420 - half, 448 + i * 20, 420 + half, 454 + i * 20, "#fff1c155", radius=3)


def morning(canvas: Canvas, beat: Beat) -> None:
    waves(canvas, HORIZON, beat.t, "#ffffff44")
    lighthouse(canvas.at(1050, 480), "#fff3b0")
    for i, (x, y) in enumerate(((180, 130), (250, 170), (330, 110))):
        gull(canvas.at(x + beat.t * 14, y + 6 * math.sin(beat.t + i), 0.8), beat.t * 7 + i)
    _boat(canvas.at(120 + beat.t * 62, 545 + 4 * math.sin(beat.t * 2)), beat.t)


def _boat(canvas: Canvas, t: float) -> None:
    canvas.oval(0, 38, 130, 8, "#ffffff55")
    canvas.shape([(-110, -10), (125, -10), (92, 38), (-86, 38)], "#fdfdfb")
    canvas.shape([(-97, 14), (110, 14), (92, 38), (-86, 38)], "#2a6f97")
    canvas.box(-60, -52, 20, -10, "#fdf6ec", radius=6)
    for x in (-46, -20, 6):
        canvas.dot(x, -32, 8, "#2a6f97")
    canvas.line([(40, -10), (40, -150)], "#6b4f3a", 5)
    billow = 8 * math.sin(t * 1.7)
    canvas.shape([(46, -146), (120 + billow, -34), (46, -26)], "#ffffff")
    canvas.shape([(34, -138), (-30 - billow * 0.4, -62), (34, -58)], "#e9ecef")
    canvas.shape([(40, -150), (40, -168), (70, -158)], "#e4572e")


def night(canvas: Canvas) -> None:
    canvas.gradient(0, HORIZON, ["#0b132b", "#1c2541", "#3a3f6b"])
    stars = dice(9)
    for _ in range(110):
        x, y = stars.uniform(0, 1280), stars.uniform(0, 380)
        canvas.dot(x, y, stars.uniform(0.7, 1.8), "#ffffffaa")
    skyline = dice(4)
    for x in range(0, 900, 58):
        top = HORIZON - skyline.uniform(24, 92)
        canvas.box(x, top, x + 52, HORIZON, "#141a33")
        for _ in range(5):
            window = skyline.uniform(x + 6, x + 42), skyline.uniform(top + 6, HORIZON - 10)
            canvas.box(*window, window[0] + 5, window[1] + 7, "#ffd166aa")
    canvas.gradient(HORIZON, 720, ["#2b3160", "#101734", "#080c1f"])


def fireworks(canvas: Canvas, beat: Beat) -> None:
    waves(canvas, HORIZON, beat.t, "#8ecae622")
    sweep = 0.5 * math.sin(beat.t * 0.8)
    far = (1050 - 1500 * math.cos(sweep), 150 + 830 * math.sin(sweep))
    canvas.shape([(1050, 150), (far[0], far[1] - 80), (far[0], far[1] + 80)], "#fff3b022")
    lighthouse(canvas.at(1050, 480), "#ffe066")
    for number, (start, x, y, colour) in enumerate(BURSTS):
        _burst(canvas, beat.t - start, x, y, colour, number)


def _burst(canvas: Canvas, age: float, x: float, y: float, colour: str, number: int) -> None:
    if -0.7 < age < 0:
        canvas.limb([(x, y - age * 380), (x, y - age * 380 + 26)], shade(colour, 0.9), 4)
    if not 0 <= age < 2.0:
        return
    spread = 150 * (1 - math.exp(-age * 3.0))
    fade = max(0.0, 1 - age / 2.0)
    canvas.oval(x, HORIZON + 60, 120, 26, shade(colour, 0.16 * fade))
    for ray in range(26):
        angle = ray * math.tau / 26 + number
        reach = spread * (1.0 if ray % 2 else 0.62)
        tip = (x + reach * math.cos(angle), y + reach * math.sin(angle) + 26 * age * age)
        tail = (x + 0.8 * reach * math.cos(angle), y + 0.8 * reach * math.sin(angle))
        canvas.limb([tail, tip], shade(colour, fade**0.6), 4.5)
        canvas.dot(*tip, 3.5, shade("#ffffff", fade))

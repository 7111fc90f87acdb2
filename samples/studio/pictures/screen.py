"""The screen of an old computer: a menu bar, a map program and a dialog that asks a question."""

from studio.canvas import Canvas
from studio.script import Beat

DIALOG = (340.0, 250.0, 940.0, 520.0)
BUTTONS = (450.0, 640.0, 830.0)
CLICK = 6.5


def desktop(canvas: Canvas) -> None:
    canvas.gradient(0, 720, ["#2b2a33", "#1d1c24"])
    canvas.box(60, 20, 1220, 700, "#d8d2c2", radius=36)
    canvas.box(104, 56, 1176, 664, "#15151c", radius=22)
    canvas.box(116, 68, 1164, 652, "#147a7e")
    _raised(canvas, 116, 68, 1164, 112)
    _window(canvas, 150, 140, 1000, 620, "#5b6472")
    canvas.box(162, 184, 988, 608, "#bfe0ea")
    _map(canvas)


def _map(canvas: Canvas) -> None:
    canvas.shape([(162, 608), (162, 360), (330, 300), (470, 420), (600, 608)], "#9cc69b")
    canvas.shape([(988, 184), (988, 430), (880, 380), (840, 260), (890, 184)], "#9cc69b")
    canvas.line([(180, 560), (330, 420), (420, 560), (980, 300)], "#e07a5f", 6)
    canvas.dot(330, 420, 12, "#c8432a")


def question(canvas: Canvas, beat: Beat) -> None:
    if beat.t >= 1.0:
        left, top, right, bottom = DIALOG
        canvas.box(left + 12, top + 14, right + 12, bottom + 14, "#00000055")
        _window(canvas, left, top, right, bottom, "#10246e")
        canvas.shape([(410, 318), (444, 384), (376, 384)], "#f4b400")
        canvas.box(406, 338, 414, 362, "#1d1c24")
        canvas.box(406, 368, 414, 376, "#1d1c24")
        for number, x in enumerate(BUTTONS):
            pressed = number == 0 and beat.t >= CLICK
            _raised(canvas, x - 76, 448, x + 76, 496, pressed)
    _pointer(canvas, beat.t)


def _pointer(canvas: Canvas, t: float) -> None:
    share = min(1.0, max(0.0, (t - 3.8) / 2.4))
    ease = share * share * (3 - 2 * share)
    x, y = 1010 - 508 * ease, 590 - 108 * ease
    arrow = canvas.at(x, y, 1.5)
    arrow.shape([(0, 0), (0, 26), (7, 20), (12, 31), (17, 29), (12, 18), (21, 18)], "#000000")
    arrow.shape([(2, 5), (2, 21), (7, 17), (12, 27), (14, 26), (9, 16), (16, 16)], "#ffffff")


def _window(canvas: Canvas, left: float, top: float, right: float, bottom: float, title: str) -> None:
    _raised(canvas, left, top, right, bottom)
    canvas.box(left + 6, top + 6, right - 6, top + 40, title)
    _raised(canvas, right - 40, top + 10, right - 12, top + 36)


def _raised(canvas: Canvas, left: float, top: float, right: float, bottom: float, pressed: bool = False) -> None:
    light, dark = ("#6b6b6b", "#ffffff") if pressed else ("#ffffff", "#6b6b6b")
    canvas.box(left, top, right, bottom, dark)
    canvas.box(left, top, right - 3, bottom - 3, light)
    canvas.box(left + 3, top + 3, right - 3, bottom - 3, "#c6c6c6")

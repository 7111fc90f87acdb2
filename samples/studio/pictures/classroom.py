"""A physics lesson: the teacher stands at the blackboard, pupils listen."""

import math

from studio.canvas import Canvas
from studio.pictures.figures import Look, mouth_opening, person
from studio.script import Beat

TEACHER = Look("#3a86a8", "#5b3a29", "bun", glasses=True)
PUPILS = (("#e07a5f", "#2b2d42"), ("#81b29a", "#4a3325"), ("#f2cc8f", "#2b2d42"),
          ("#9a8fc2", "#5b3a29"))  # fmt: skip


def room(canvas: Canvas) -> None:
    canvas.gradient(0, 720, ["#f4e9d8", "#ead9be"])
    canvas.box(60, 50, 860, 500, "#8a5a35", radius=10)
    canvas.box(76, 66, 844, 484, "#245541", radius=4)
    canvas.box(90, 494, 830, 508, "#6f4527", radius=4)
    for x, colour in ((140, "#ffffff"), (190, "#f7d774"), (240, "#f4a7a7")):
        canvas.box(x, 488, x + 34, 495, colour, radius=3)
    canvas.box(1090, 80, 1280, 330, "#ffffff")
    canvas.box(1102, 92, 1280, 318, "#aedcf0")
    canvas.dot(1200, 250, 60, "#8cc084")
    canvas.dot(1262, 262, 70, "#7bb274")
    canvas.box(1190, 80, 1200, 330, "#ffffff")
    canvas.box(0, 640, 1280, 720, "#c9a57b")


def lesson(canvas: Canvas, beat: Beat) -> None:
    talking = mouth_opening(beat.t, beat.speaker == "Ms Mori")
    teacher = canvas.at(960, 300, 1.05)
    reach = 14 * math.sin(beat.t * 2.2)
    teacher.limb([(-78, 70), (-140, 40 + reach), (-178, -30 + reach)], "#3a86a8", 34)
    teacher.limb([(-178, -30 + reach), (-198, -62 + reach)], TEACHER.skin, 22)
    teacher.limb([(-198, -62 + reach), (-236, -108 + reach)], "#7a4f2b", 6)
    person(teacher, TEACHER, talking, blink=beat.t % 3.1 < 0.12)
    for i, (shirt, hair) in enumerate(PUPILS):
        nod = 3 * math.sin(beat.t * 1.6 + i * 2)
        pupil = canvas.at(150 + i * 235, 655 + nod, 0.62)
        pupil.box(-96, 30, 96, 320, shirt, radius=50)
        pupil.oval(0, -48, 58, 66, hair)

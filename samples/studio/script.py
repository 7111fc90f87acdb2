"""The nouns of a film: scenes with their spoken lines, on-screen texts, and the questions asked about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studio.canvas import Canvas

WIDTH, HEIGHT, FPS = 1280, 720, 25

Kind = Literal["caption", "text", "timecode"]
Style = Literal["caption", "plain", "chalk", "title", "timecode"]
Section = Literal["transcription", "texts", "visual_info"]


@dataclass(frozen=True)
class Line:
    """One spoken sentence; `at` is in seconds after the start of its scene."""

    at: float
    speaker: str
    words: str


@dataclass(frozen=True)
class Text:
    """Lines that stand on the screen, centred on (x, y) of a 1280x720 picture.

    `start` and `end` are seconds after the start of the scene (`end` None: as long as the scene);
    `write` is the time that the text takes to appear letter by letter.
    """

    lines: tuple[str, ...]
    x: float
    y: float
    size: int
    kind: Kind = "text"
    style: Style = "plain"
    colour: str = "#ffffff"
    start: float = 0.0
    end: float | None = None
    write: float = 0.0
    vertical: bool = False


@dataclass(frozen=True)
class Beat:
    """What a picture needs to know to draw itself: seconds into the scene, and who is speaking."""

    t: float
    speaker: str | None


@dataclass(frozen=True)
class Scene:
    """One shot: `backdrop` is painted once, `action` on a copy of it for every frame."""

    name: str
    seconds: float
    description: str
    backdrop: Callable[[Canvas], None]
    action: Callable[[Canvas, Beat], None]
    lines: tuple[Line, ...] = ()
    texts: tuple[Text, ...] = ()
    begins: Literal["cut", "fade"] = "cut"


@dataclass(frozen=True)
class Question:
    """A question whose answer is a whole scene, or one spoken sentence of it (`sentence`: its number)."""

    id: str
    query: str
    language: Literal["en", "ja"]
    scene: str
    found_by: tuple[Section, ...]
    why: str
    sentence: int | None = None
    demo: bool = False

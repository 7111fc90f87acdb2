"""The forms that Gemini answers in. Times are seconds since the clip's beginning; `spans.py` checks them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_SECONDS = "seconds since the clip's beginning, as a decimal number"

Position = Literal[
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
]


class _Form(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class Seen(_Form):
    """One note of `visual_info`."""

    start: float = Field(description=_SECONDS)
    end: float = Field(description=_SECONDS)
    description: str = Field(description="what can be seen")
    subject_scale: float | None = Field(default=None, description="share of the frame's height that the main subject fills, 0 to 1")


class VisualInfo(_Form):
    """The answer for `visual_info`."""

    visual_info: list[Seen]
    digest: str = Field(description="what happens in the clip, in two or three sentences")


class Said(_Form):
    """One note of `transcription`."""

    start: float = Field(description=_SECONDS)
    end: float = Field(description=_SECONDS)
    speaker: str | None = Field(default=None, description="who speaks")
    text: str = Field(description="the words, exactly")


class Transcription(_Form):
    """The answer for `transcription`."""

    transcription: list[Said]
    language: str = Field(default="", description='the code of the language that is spoken most ("en", "ja"); empty when nobody speaks')
    digest: str = Field(description="who speaks and about what, in one or two sentences")


class Written(_Form):
    """One note of `texts`."""

    start: float = Field(description=_SECONDS)
    end: float = Field(description=_SECONDS)
    lines: list[str] = Field(description="the text, line by line, exactly")
    position: Position = Field(description="where the block's middle lies on the screen")
    direction: Literal["horizontal", "vertical"] = "horizontal"
    kind: Literal["caption", "text", "timecode"]


class Texts(_Form):
    """The answer for `texts`."""

    texts: list[Written]


class Scene(_Form):
    """A scene, by the numbers of the first and the last line of the notes that it rests on."""

    first: int
    last: int
    description: str


class Story(_Form):
    """A summary of notes, and the scenes in them that stand out."""

    summary: str
    important_scenes: list[Scene]


class Person(_Form):
    """One person, and the numbered lines that are them."""

    name: str
    lines: list[int]


class People(_Form):
    """Who is who."""

    people: list[Person]


class Quotation(_Form):
    """Words of one line."""

    line: int = Field(description="the line's number")
    words: str = Field(description="words of that line, exactly as they stand there")


class Match(_Form):
    """A scene that answers a question, by the numbers of its first and last line."""

    first: int
    last: int
    quotations: list[Quotation]
    description: str
    confidence: float = Field(description="0 to 1")


class Matches(_Form):
    """The scenes of one video that answer a question."""

    scenes: list[Match]


class Criterion(_Form):
    """One thing that a question asks for, and whether a clip has it."""

    criterion: str
    observation: str = Field(description="what the clip shows of it")
    met: bool


class Watched(_Form):
    """What somebody who watched a clip says of each thing that a question asks for."""

    criteria: list[Criterion]

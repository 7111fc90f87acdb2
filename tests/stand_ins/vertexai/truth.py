"""What is true of the videos, and what a model that has watched a clip of one would answer: always relative to that clip."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_S = 0.1
"""What is in a clip for less than this goes unnoticed."""

ANY_CLIP = "*"
"""The video that answers for clips which nobody knows, as if each began at its second 0."""

_LINE = re.compile(r"^(\d+) \| (?:\d+:)?\d+:\d\d-(?:\d+:)?\d+:\d\d \| (seen|said|written|scene) \| (.*)$", re.MULTILINE)
_VOICE = re.compile(r"^(\d+) \| piece (\d+) \| ([^:]*): (.*)$", re.MULTILINE)
_SHORT = re.compile(r"^in short: (.*)$", re.MULTILINE)
_MOST = re.compile(r"at most (\d+) scenes")


class _Timed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    start: float
    end: float


class SeenTruth(_Timed):
    description: str
    subject_scale: float | None = None


class SaidTruth(_Timed):
    text: str
    speaker: str | None = None


class WrittenTruth(_Timed):
    lines: Sequence[str]
    position: str = "bottom center"
    direction: str = "horizontal"
    kind: str = "caption"


class VideoTruth(BaseModel):
    """What happens in one video, in its own seconds. `names_known`: its speakers are recognised in every clip.

    Every clip of it has the same `digest`, so that a summary does not tell into how many pieces the video was cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    visual_info: Sequence[SeenTruth] = ()
    transcription: Sequence[SaidTruth] = ()
    texts: Sequence[WrittenTruth] = ()
    names_known: bool = False
    language: str = ""
    digest: str = ""


class ClipTruth(BaseModel):
    """A clip that does not tell by itself what it is of: which video, from which second on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    video: str
    start: float = 0.0


class Truth(BaseModel):
    """Everything: videos by their key (a coded video's is its number), and clips by the SHA-256 of their bytes or by their URI."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    videos: Mapping[str, VideoTruth] = Field(default_factory=dict)
    clips: Mapping[str, ClipTruth] = Field(default_factory=dict)

    def answer(self, kind: str, video: str | None, start_s: float, duration_s: float) -> dict[str, Any]:
        """The answer to a request for the section `kind` of a clip of `video`; of an unknown one, that there is nothing."""
        known = self.videos.get(video or ANY_CLIP, VideoTruth())
        end_s = start_s + duration_s
        if kind == "visual_info":
            seen = [
                {**_times(t, start_s, end_s), "description": t.description, **_scale(t)} for t in _inside(known.visual_info, start_s, end_s)
            ]
            return {"visual_info": seen, "digest": known.digest or f"This is of video {video}."}
        if kind == "texts":
            written = _inside(known.texts, start_s, end_s)
            extra = ("lines", "position", "direction", "kind")
            return {"texts": [{**_times(t, start_s, end_s), **t.model_dump(include=set(extra))} for t in written]}
        said = _heard(known, start_s, end_s)
        if not said:
            return {"transcription": [], "language": "", "digest": ""}
        return {"transcription": said, "language": known.language, "digest": f"Somebody speaks in video {video}."}

    def who(self, words: str) -> str | None:
        """Who says these words, or a part of them."""
        said = [t for video in self.videos.values() for t in video.transcription if t.speaker]
        parts = [part.strip() for part in words.split(" / ")]
        return next((t.speaker for part in parts for t in said if part and (part in t.text or t.text in part)), None)

    def people(self, notes: str) -> dict[str, Any]:
        """Who is who among numbered speakers, by what they say."""
        found: dict[str, list[int]] = {}
        for number, piece, label, words in _VOICE.findall(notes):
            found.setdefault(self.who(words) or f"{label} of {piece}", []).append(int(number))
        return {"people": [{"name": name, "lines": lines} for name, lines in found.items()]}


def story(system: str, notes: str) -> dict[str, Any]:
    """A summary of numbered notes, and scenes that rest on lines chosen evenly from those that can be seen."""
    most = int(match.group(1)) if (match := _MOST.search(system)) else 3
    lines = [(int(number), text) for number, kind, text in _LINE.findall(notes) if kind in ("seen", "scene")]
    step = max(1, -(-len(lines) // most))
    shorts = _SHORT.findall(notes) or [text for _, text in lines[:3]]
    scenes = [{"first": number, "last": number, "description": f"It happens here: {text[:200]}"} for number, text in lines[::step][:most]]
    return {"summary": ("In this video: " + " ".join(short[:200] for short in shorts))[:1000], "important_scenes": scenes}


def _inside(notes: Sequence[Any], start_s: float, end_s: float) -> list[Any]:
    return sorted((t for t in notes if min(t.end, end_s) - max(t.start, start_s) >= SHORTEST_S), key=lambda t: (t.start, t.end))


def _times(note: _Timed, start_s: float, end_s: float) -> dict[str, float]:
    return {"start": round(max(note.start, start_s) - start_s, 3), "end": round(min(note.end, end_s) - start_s, 3)}


def _scale(note: SeenTruth) -> dict[str, float]:
    return {} if note.subject_scale is None else {"subject_scale": note.subject_scale}


def _heard(known: VideoTruth, start_s: float, end_s: float) -> list[dict[str, Any]]:
    """What can be heard between the clip's ends: of a line that is cut off, its words in there. Voices are numbered as they come."""
    heard: list[dict[str, Any]] = []
    voices: dict[str, str] = {}
    for t in _inside(known.transcription, start_s, end_s):
        words = t.text.split(" ") if " " in t.text else list(t.text)
        each = (t.end - t.start) / len(words)
        inside = [word for place, word in enumerate(words) if start_s <= t.start + (place + 0.5) * each < end_s]
        if not inside:
            continue
        speaker = t.speaker and (t.speaker if known.names_known else voices.setdefault(t.speaker, f"Speaker {len(voices) + 1}"))
        heard.append({**_times(t, start_s, end_s), "speaker": speaker, "text": (" " if " " in t.text else "").join(inside)})
    return heard

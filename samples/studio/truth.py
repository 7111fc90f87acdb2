"""What is true of the film, from the same data that it is made of."""

from typing import Any

from studio.lettering import box_of, timecode
from studio.script import FPS, HEIGHT, WIDTH, Question, Scene, Text
from studio.story import QUESTIONS, SPEAKERS, TITLE, UNANSWERABLE
from studio.timeline import Spoken, Timeline

MUSIC = {"chase": "chase music: bass, lead and drums, no speech"}


def truth_of(timeline: Timeline, video: str) -> dict[str, Any]:
    """Return the truth; all times in seconds from the first frame, spans half-open."""
    placed = list(zip(timeline.scenes, timeline.starts, strict=True))
    return {
        "video": video,
        "title": TITLE,
        "duration": timeline.seconds,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "language": "en",
        "speakers": SPEAKERS,
        "scenes": [_scene(scene, start) for scene, start in placed],
        "cuts": timeline.cuts,
        "fades": [_span(*fade) for fade in timeline.fades],
        "sentences": [_sentence(spoken, timeline.starts) for spoken in timeline.spoken],
        "texts": [_text(scene, start, text) for scene, start in placed for text in scene.texts],
        "music": [
            {**_span(start, start + scene.seconds), "description": MUSIC[scene.name]} for scene, start in placed if scene.name in MUSIC
        ],
        "questions": [_question(question, timeline) for question in QUESTIONS],
        "unanswerable": list(UNANSWERABLE),
    }


def _span(start: float, end: float) -> dict[str, float]:
    return {"start": round(start, 3), "end": round(end, 3)}


def _scene(scene: Scene, start: float) -> dict[str, Any]:
    return {
        **_span(start, start + scene.seconds),
        "name": scene.name,
        "begins": scene.begins,
        "description": scene.description,
    }


def _sentence(spoken: Spoken, starts: tuple[float, ...]) -> dict[str, Any]:
    inside = [start for start in starts if spoken.start < start < spoken.end]
    return {
        **_span(spoken.start, spoken.end),
        "scene": spoken.scene,
        "speaker": spoken.line.speaker,
        "text": spoken.line.words,
        "cut_inside": inside[0] if inside else None,
    }


def _text(scene: Scene, start: float, text: Text) -> dict[str, Any]:
    end = scene.seconds if text.end is None else text.end
    box = box_of(text)
    entry = {
        **_span(start + text.start, start + end),
        "scene": scene.name,
        "kind": text.kind,
        "position": position_in_words(box),
        "direction": "vertical" if text.vertical else "horizontal",
        "lines": ["".join(text.lines)] if text.vertical else list(text.lines),
        "box": list(box),
    }
    if text.kind == "timecode":
        entry["last"] = timecode(text.lines[0], round((end - text.start) * FPS) - 1)
    return entry


def position_in_words(box: tuple[int, int, int, int]) -> str:
    """Return where the middle of a pixel box lies on a grid of three by three."""
    across = ("left", "", "right")[min(2, int((box[0] + box[2]) / 2 / WIDTH * 3))]
    down = ("top", "", "bottom")[min(2, int((box[1] + box[3]) / 2 / HEIGHT * 3))]
    return " ".join(word for word in (down, across) if word) or "center"


def _question(question: Question, timeline: Timeline) -> dict[str, Any]:
    scene, start = next(
        (scene, start) for scene, start in zip(timeline.scenes, timeline.starts, strict=True) if scene.name == question.scene
    )
    span = _span(start, start + scene.seconds)
    if question.sentence is not None:
        said = [s for s in timeline.spoken if s.scene == scene.name][question.sentence]
        span = _span(said.start, said.end)
    return {
        "id": question.id,
        "query": question.query,
        "language": question.language,
        **span,
        "scene": scene.name,
        "found_by": list(question.found_by),
        "why": question.why,
        "demo": question.demo,
    }

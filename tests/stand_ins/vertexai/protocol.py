"""The REST protocol as the google-genai client speaks it: what a request asks, and the forms of answers and errors."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stand_ins.vertexai.faults import Asked
from stand_ins.vertexai.truth import Truth, story
from stand_ins.vertexai.watching import Eyes, Watched

FRAME_TOKENS = {"MEDIA_RESOLUTION_HIGH": 280}
FRAME_TOKENS_ELSE = 70
AUDIO_TOKENS_A_SECOND = 32

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A request, understood."""

    asked: Asked
    body: Mapping[str, Any]
    watched: Watched | None
    system: str
    text: str


def understood(
    method: str, model: str, body: Mapping[str, Any], eyes: Eyes, truth: Truth, *, flex: bool = False, batch: bool = False
) -> Question:
    """What is asked. Raises `Unfetchable` for a clip that cannot be looked at."""
    contents = body.get("contents") or [body.get("content") or {}]
    parts = [part for content in contents for part in content.get("parts", ())]
    media = next((part for part in parts if "text" not in part), None)
    watched = eyes.watch(media, truth) if media else None
    text = "\n".join(part["text"] for part in parts if "text" in part)
    system = "\n".join(part.get("text", "") for part in (body.get("systemInstruction") or {}).get("parts", ()))
    kind = _kind(method, body)
    about = watched.sha256 if watched else text if text else json.dumps(body, sort_keys=True)
    repair = len(contents) > 1
    asked = Asked(
        method=method,
        kind=kind,
        model=model,
        text=f"{system}\n{text}",
        identity=hashlib.sha256(f"{method}/{model}/{kind}/{repair}/{about}".encode()).hexdigest(),
        repair=repair,
        flex=flex,
        batch=batch,
        uri=watched.uri if watched else None,
        video=watched.video if watched else None,
        start_s=watched.start_s if watched else None,
        duration_s=watched.duration_s if watched else None,
    )
    return Question(asked, body, watched, system, text)


def _kind(method: str, body: Mapping[str, Any]) -> str:
    """The section, or "story", "people", "embedding"; else the names of what the answer's schema holds."""
    if "mbed" in method or method == "predict":
        return "embedding"
    schema = (body.get("generationConfig") or {}).get("responseSchema") or {}
    names = sorted(schema.get("properties", ()))
    for kind, name in (("visual_info",) * 2, ("transcription",) * 2, ("texts",) * 2, ("people",) * 2, ("story", "important_scenes")):
        if name in names:
            return kind
    return ",".join(names) or "text"


def true_answer(question: Question, truth: Truth) -> dict[str, Any]:
    """What a good model says."""
    kind = question.asked.kind
    if kind == "story":
        return story(question.system, question.text)
    if kind == "people":
        return truth.people(question.text)
    if question.watched is None:
        return {}
    return truth.answer(kind, question.watched.video, question.watched.start_s, question.watched.duration_s)


def usage(question: Question, output: str, *, unseen: bool = False) -> dict[str, Any]:
    """Tokens by modality, counted as the documentation says."""
    details = {"TEXT": len(question.system + question.text) // 4 + 1}
    watched = question.watched
    if watched is not None and not unseen:
        if watched.mime_type.startswith("video/"):
            resolution = (question.body.get("generationConfig") or {}).get("mediaResolution", "")
            details["VIDEO"] = max(1, round(watched.duration_s * watched.fps)) * FRAME_TOKENS.get(resolution, FRAME_TOKENS_ELSE)
        if watched.has_sound:
            details["AUDIO"] = math.ceil(watched.duration_s * AUDIO_TOKENS_A_SECOND)
    said = len(output) // 4 + 1
    return {
        "promptTokenCount": sum(details.values()),
        "candidatesTokenCount": said,
        "totalTokenCount": sum(details.values()) + said,
        "promptTokensDetails": [{"modality": name, "tokenCount": count} for name, count in details.items()],
        "trafficType": "ON_DEMAND_FLEX" if question.asked.flex else "ON_DEMAND",
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": said}],
    }


def response(question: Question, text: str, *, finish: str = "STOP", unseen: bool = False) -> dict[str, Any]:
    """A whole `GenerateContentResponse`."""
    candidate: dict[str, Any] = {"finishReason": finish}
    if text:
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [candidate],
        "usageMetadata": usage(question, text, unseen=unseen),
        "modelVersion": question.asked.model,
        "responseId": question.asked.identity[:16],
    }


def error(status: int, message: str) -> dict[str, Any]:
    """An error in Google's form."""
    return {"error": {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}}

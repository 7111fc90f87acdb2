"""Answers as a model spoils them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from stand_ins.vertexai.faults import Rule
from stand_ins.vertexai.protocol import Question, response

INVENTED = {
    "start": 0.0,
    "end": 1.0,
    "description": "an invented thing",
    "text": "an invented word",
    "lines": ["invented"],
    "position": "center",
}


def spoiled(rule: Rule | None, question: Question, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The response to `question` that `rule` makes out of the true `answer`; the true one for faults of the line."""
    text = json.dumps(answer, ensure_ascii=False)
    if rule is None:
        return response(question, text)
    if rule.fault == "malformed":
        return response(question, text[: max(1, len(text) * 2 // 3)] + ' "oops')
    if rule.fault == "truncated":
        return response(question, text[: len(text) // 2], finish="MAX_TOKENS")
    if rule.fault == "unseen":
        return response(question, json.dumps(_with_notes(answer, lambda notes: [INVENTED])), unseen=True)
    if rule.fault == "safety":
        return response(question, "", finish="SAFETY")
    if rule.fault == "blocked":
        whole = response(question, "")
        return {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": rule.message},
            "usageMetadata": whole["usageMetadata"],
        }
    if rule.fault == "empty":
        return {"usageMetadata": response(question, "")["usageMetadata"]}
    if rule.fault == "answer":
        return response(question, rule.answer if isinstance(rule.answer, str) else json.dumps(rule.answer, ensure_ascii=False))
    if rule.fault in _TIMES:
        duration_s = question.watched.duration_s if question.watched else 0.0
        return response(question, json.dumps(_with_notes(answer, lambda notes: _TIMES[rule.fault](notes, duration_s)), ensure_ascii=False))
    return response(question, text)


def _with_notes(answer: Mapping[str, Any], change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> dict[str, Any]:
    return {name: change(copy.deepcopy(value)) if isinstance(value, list) else value for name, value in answer.items()}


def _out_of_range(notes: list[dict[str, Any]], duration_s: float) -> list[dict[str, Any]]:
    for note in notes[-1:]:
        note["start"], note["end"] = note.get("start", 0.0) + duration_s + 5, note.get("end", 0.0) + duration_s + 5
    return notes


def _inverted(notes: list[dict[str, Any]], duration_s: float) -> list[dict[str, Any]]:
    for note in notes[-1:]:
        note["start"], note["end"] = note.get("end", 0.0), note.get("start", 0.0)
    return notes


def _unordered(notes: list[dict[str, Any]], duration_s: float) -> list[dict[str, Any]]:
    return notes[-1:] + notes[:-1]


_TIMES: Mapping[str, Callable[[list[dict[str, Any]], float], list[dict[str, Any]]]] = {
    "out_of_range": _out_of_range,
    "inverted": _inverted,
    "unordered": _unordered,
}

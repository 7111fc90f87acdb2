"""Structured output: request JSON, validate it, request one repair, keep what is valid. All JSON answers of Gemini pass here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from scenesearch.errors import ModelError
from scenesearch.models.vertexai import prompts
from scenesearch.models.vertexai.answer import Answer
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.video import Usage

LOG = logging.getLogger(__name__)

MOST_FAULTS = 20
"""The most validation faults that a repair request lists: further ones are of the same kinds, and each costs input tokens."""

T = TypeVar("T")


class Truncated(Exception):
    """The answer was cut off at the output limit: request less at a time."""


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A validated answer: its value without the faulty parts (None when it could not be parsed at all), and the faults."""

    value: T | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The final value, its cost including the repair, and the number of faulty parts that were dropped."""

    value: T
    usage: Usage
    rejected: int


def generate_structured(
    client: VertexClient, request: ModelRequest, parse: Callable[[str], Parsed[T]], *, deadline: datetime
) -> Outcome[T]:
    """Return the answer to `request` as `parse` validates it. Faults are sent back once, by name; parts that are still faulty are dropped.

    Raises:
        Truncated: the answer was cut off.
        ModelError: it cannot be read even after the repair, or the model never looked at what it was given.
        Blocked, Unavailable, Cancelled, ConfigurationError, InvalidRequest: as `VertexClient.generate`.
    """
    first = _answer(client, request, deadline)
    parsed = parse(first.text)
    if not parsed.faults and parsed.value is not None:
        return Outcome(parsed.value, first.usage, 0)
    LOG.warning("a model's answer needs repair", extra={"model": request.model, "faults": len(parsed.faults), "first": parsed.faults[:1]})
    second = _answer(client, _repair(request, first.text, parsed.faults), deadline)
    again = parse(second.text)
    best = again if again.value is not None else parsed
    usage = first.usage + second.usage
    if best.value is None:
        raise ModelError(f"{request.model} gave no usable answer: {'; '.join(best.faults[:3])}")
    if best.faults:
        LOG.warning(
            "faulty parts of an answer were left out",
            extra={"model": request.model, "rejected": len(best.faults), "faults": best.faults[:3]},
        )
    return Outcome(best.value, usage, len(best.faults))


def _answer(client: VertexClient, request: ModelRequest, deadline: datetime) -> Answer:
    answer = client.generate(request, deadline=deadline)
    if request.needs is not None and not answer.usage.tokens.get(request.needs):
        raise ModelError(f"{request.model} answered without looking: its usage shows no {request.needs} tokens, so the answer is invented")
    if answer.truncated:
        raise Truncated
    return answer


def _repair(request: ModelRequest, said: str, faults: tuple[str, ...]) -> ModelRequest:
    from google.genai.types import Content, Part

    more = [f"- and {len(faults) - MOST_FAULTS} more of the kind"] if len(faults) > MOST_FAULTS else []
    words = prompts.render("repair", faults="\n".join([*(f"- {fault}" for fault in faults[:MOST_FAULTS]), *more]))
    turns = (Content(role="model", parts=[Part(text=said or "(nothing)")]), Content(role="user", parts=[Part(text=words)]))
    return replace(request, contents=(*request.contents, *turns), batched=None)

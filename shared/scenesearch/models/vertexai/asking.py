"""Ask, check, ask once to repair, and take what is right: the one loop of everything that Gemini answers in JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from scenesearch.errors import ModelError
from scenesearch.models.vertexai import prompts
from scenesearch.models.vertexai.answer import Answer
from scenesearch.models.vertexai.client import Ask, VertexClient
from scenesearch.video import Usage

LOG = logging.getLogger(__name__)

MOST_FAULTS = 20
"""How many faults a repair request names: the rest are of the same kinds."""

T = TypeVar("T")


class Truncated(Exception):
    """The answer did not fit into what a model may say: ask for less at a time."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """An answer as it was understood: its value without the faulty parts (None when nothing could be read), and the faults."""

    value: T | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The value, what it cost with its repair, and how many faulty parts were left out of it."""

    value: T
    usage: Usage
    rejected: int


def ask_and_check(client: VertexClient, ask: Ask, read: Callable[[str], Reading[T]], *, deadline: datetime) -> Outcome[T]:
    """The answer to `ask` as `read` understands it. Faults are sent back once, by name; what is still faulty then is left out.

    Raises:
        Truncated: the answer was cut off.
        ModelError: it cannot be read even after the repair, or the model never looked at what it was given.
        Blocked, Unavailable, AskerLeft, ConfigurationError, InvalidRequest: as `VertexClient.generate`.
    """
    first = _answer(client, ask, deadline)
    reading = read(first.text)
    if not reading.faults and reading.value is not None:
        return Outcome(reading.value, first.usage, 0)
    LOG.warning("a model's answer needs repair", extra={"model": ask.model, "faults": len(reading.faults), "first": reading.faults[:1]})
    second = _answer(client, _repair(ask, first.text, reading.faults), deadline)
    again = read(second.text)
    best = again if again.value is not None else reading
    usage = first.usage + second.usage
    if best.value is None:
        raise ModelError(f"{ask.model} gave no usable answer: {'; '.join(best.faults[:3])}")
    if best.faults:
        LOG.warning(
            "faulty parts of an answer were left out", extra={"model": ask.model, "rejected": len(best.faults), "faults": best.faults[:3]}
        )
    return Outcome(best.value, usage, len(best.faults))


def _answer(client: VertexClient, ask: Ask, deadline: datetime) -> Answer:
    answer = client.generate(ask, deadline=deadline)
    if ask.needs is not None and not answer.usage.tokens.get(ask.needs):
        raise ModelError(f"{ask.model} answered without looking: its usage shows no {ask.needs} tokens, so the answer is invented")
    if answer.truncated:
        raise Truncated
    return answer


def _repair(ask: Ask, said: str, faults: tuple[str, ...]) -> Ask:
    from google.genai.types import Content, Part

    more = [f"- and {len(faults) - MOST_FAULTS} more of the kind"] if len(faults) > MOST_FAULTS else []
    words = prompts.render("repair", faults="\n".join([*(f"- {fault}" for fault in faults[:MOST_FAULTS]), *more]))
    turns = (Content(role="model", parts=[Part(text=said or "(nothing)")]), Content(role="user", parts=[Part(text=words)]))
    return replace(ask, contents=(*ask.contents, *turns))

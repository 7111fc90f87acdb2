"""What comes back from Vertex AI: the text, whether it is whole, and what it cost. A refusal is an error with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scenesearch.errors import Blocked, ModelError
from scenesearch.models.vertexai.prices import Prices
from scenesearch.models.vertexai.tokens import estimate
from scenesearch.video import Usage

if TYPE_CHECKING:
    from google.genai.types import EmbedContentResponse, GenerateContentResponse, GenerateContentResponseUsageMetadata

REFUSALS = frozenset({"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "MODEL_ARMOR"})
"""Finish reasons that asking again does not change."""

CUT_SHORT = frozenset({"MAX_TOKENS", "CONTINUATION"})
"""Finish reasons of an answer that has no end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's words. `truncated`: it had more to say than it may."""

    text: str
    truncated: bool
    usage: Usage


def answer_of(response: GenerateContentResponse, model: str, usage: Usage) -> Answer:
    """The answer in a response, which cost `usage`.

    Raises:
        Blocked: the safety rules refused the request or the answer; the message says which.
        ModelError: there is no answer in it.
    """
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason:
        details = f": {feedback.block_reason_message}" if feedback.block_reason_message else ""
        raise Blocked(f"{model} refused the request ({feedback.block_reason.value}){details}")
    if not response.candidates:
        raise ModelError(f"{model} returned no candidate")
    candidate = response.candidates[0]
    finish = candidate.finish_reason.value if candidate.finish_reason else "STOP"
    if finish in REFUSALS:
        raise Blocked(f"{model} stopped answering ({finish})" + (f": {candidate.finish_message}" if candidate.finish_message else ""))
    if finish not in CUT_SHORT and finish != "STOP":
        raise ModelError(f"{model} stopped answering ({finish})")
    parts = (candidate.content.parts if candidate.content else None) or ()
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return Answer(text, finish in CUT_SHORT, usage)


def usage_of(response: GenerateContentResponse, model: str, prices: Prices, on: date) -> Usage:
    """What a response cost, whatever is in it: the service bills refusals and answers without an end too."""
    tokens = tokens_of(response.usage_metadata)
    return Usage(tokens, cost_usd=prices.cost_usd(model, tokens, on))


def tokens_of(usage: GenerateContentResponseUsageMetadata | None) -> Mapping[str, int]:
    """Tokens by modality: "text", "audio", "video", "image", and "output" (thoughts included). Input without details is text."""
    counted: Counter[str] = Counter()
    if usage is None:
        return counted
    for detail in usage.prompt_tokens_details or ():
        if detail.modality is not None and detail.token_count:
            counted[detail.modality.value.lower()] += detail.token_count
    if (rest := (usage.prompt_token_count or 0) - counted.total()) > 0:
        counted["text"] += rest
    if output := (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0):
        counted["output"] = output
    return dict(counted)


def embedding_usage(response: EmbedContentResponse, texts: Sequence[str], model: str, prices: Prices, on: date) -> Usage:
    """What an embedding request cost. The service counts tokens for single texts only: batches are estimated."""
    said = response.usage_metadata.prompt_token_count if response.usage_metadata else None
    tokens = {"text": said or sum(map(estimate, texts))}
    return Usage(tokens, cost_usd=prices.cost_usd(model, tokens, on))

"""Responses of Vertex AI: their text, whether it is complete, and their cost. A refusal is raised as an error with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scenesearch.errors import Blocked, ModelError
from scenesearch.models.vertexai.prices import CACHED, Prices
from scenesearch.models.vertexai.tokens import estimate
from scenesearch.price import Price
from scenesearch.video import Usage

if TYPE_CHECKING:
    from google.genai.types import EmbedContentResponse, GenerateContentResponse, GenerateContentResponseUsageMetadata

REFUSALS = frozenset({"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "MODEL_ARMOR"})
"""Finish reasons of refusals, which a retry does not change."""

CUT_SHORT = frozenset({"MAX_TOKENS", "CONTINUATION"})
"""Finish reasons of an answer that was cut off."""


SERVED = {"ON_DEMAND": Price.STANDARD, "ON_DEMAND_PRIORITY": Price.STANDARD, "ON_DEMAND_FLEX": Price.FLEX}
"""The traffic types of the API as prices."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of a response. `truncated`: it was cut off at the output limit."""

    text: str
    truncated: bool
    usage: Usage


def answer_of(response: GenerateContentResponse, model: str, usage: Usage) -> Answer:
    """Return the answer in a response, which cost `usage`.

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


def usage_of(response: GenerateContentResponse, model: str, prices: Prices, on: date, asked: Price = Price.STANDARD) -> Usage:
    """Return what a response cost, whatever is in it: the service bills refusals and truncated answers too.

    `asked` is the price that was asked for; where the response names another one as served, that counts.
    """
    tokens = tokens_of(response.usage_metadata)
    return Usage(tokens, cost_usd=prices.cost_usd(model, tokens, on, served(response, asked)))


def served(response: GenerateContentResponse, asked: Price) -> Price:
    """Return the price at which a response was served. Batch jobs name no traffic type of their own."""
    usage = response.usage_metadata
    traffic = usage.traffic_type.value if usage is not None and usage.traffic_type is not None else ""
    if asked is Price.BATCH:
        return asked
    return SERVED.get(traffic, asked)


def tokens_of(usage: GenerateContentResponseUsageMetadata | None) -> Mapping[str, int]:
    """Return tokens by modality: "text", "audio", "video", "image", and "output" (thoughts included). Input without details is text.

    "cached" says how many of the input tokens came out of the service's cache.
    """
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
    if usage.cached_content_token_count:
        counted[CACHED] = usage.cached_content_token_count
    return dict(counted)


def embedding_usage(response: EmbedContentResponse, texts: Sequence[str], model: str, prices: Prices, on: date) -> Usage:
    """Return what an embedding request cost. The service counts tokens for single texts only: batches are estimated."""
    said = response.usage_metadata.prompt_token_count if response.usage_metadata else None
    tokens = {"text": said or sum(map(estimate, texts))}
    return Usage(tokens, cost_usd=prices.cost_usd(model, tokens, on))

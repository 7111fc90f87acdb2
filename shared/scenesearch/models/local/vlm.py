"""Keyframes described by an OpenAI-compatible vision endpoint, when the user has one (`SCENESEARCH_VLM_URL`)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Unavailable
from scenesearch.metadata import one_line
from scenesearch.models.local.text_reader import Picture
from scenesearch.ports import ClipInput
from scenesearch.video import Usage, now

if TYPE_CHECKING:
    import httpx2

_LOG = logging.getLogger(__name__)

_LONGEST = 500
"""The most characters of a description: longer ones are cut off."""

_MOST_TOKENS = 300
"""The most tokens of an answer that are requested."""

_CONNECT_S = 5.0
"""How long the endpoint may take to accept a connection, in seconds."""

_ANSWER_S = 60.0
"""How long the endpoint may take to answer, in seconds; never longer than the deadline of the clip."""

_FAILURES = 3
"""The failures in a row after which the endpoint is not asked again for this clip."""


class KeyframeAnswer(BaseModel):
    """What the endpoint must answer."""

    description: str = Field(min_length=1)


class KeyframeDescriber:
    """Describes keyframes. After three failures in a row the endpoint is not asked again for this clip: shots then have measures only."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.vlm_url.rstrip("/")
        self._model = settings.vlm_model or "default"
        self._key = settings.vlm_key
        self._in_a_row = 0
        self.described = 0
        self.failed = 0
        self.usage = Usage()
        self._client: httpx2.Client | None = None

    @property
    def outcome(self) -> str:
        """The text for the record: the model, and how many keyframes it could not describe."""
        failed = f" ({self.failed} of {self.described + self.failed} keyframes failed)" if self.failed else ""
        return f"vlm {self._model}{failed}"

    def begin(self) -> None:
        """Begin a new clip: all counts restart."""
        self._in_a_row = self.described = self.failed = 0
        self.usage = Usage()

    def describe(self, picture: Picture, given: ClipInput, deadline: datetime) -> str | None:
        """Return a description of the picture, or None when the endpoint fails, which is counted and logged."""
        if self._in_a_row >= _FAILURES:
            self.failed += 1
            return None
        try:
            text = self._ask(picture, given, deadline)
        except (ModelError, Unavailable) as error:
            self.failed += 1
            self._in_a_row += 1
            _LOG.warning("a keyframe was not described", extra={"clip": given.clip.object_name, "reason": str(error)})
            return None
        self.described += 1
        self._in_a_row = 0
        return text

    def _ask(self, picture: Picture, given: ClipInput, deadline: datetime) -> str:
        import httpx2

        left = (deadline - now()).total_seconds()
        if left <= 1:  # seconds that must be left for a request
            raise Unavailable("no time is left to ask the vision endpoint")
        if self._client is None:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            self._client = httpx2.Client(headers=headers)
        try:
            response = self._client.post(
                chat_url(self._url), json=self._request(picture, given), timeout=httpx2.Timeout(min(left, _ANSWER_S), connect=_CONNECT_S)
            )
            response.raise_for_status()
            body = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable(f"the vision endpoint {self._url} failed: {error}") from error
        tokens = body.get("usage") if isinstance(body, dict) else None
        if isinstance(tokens, dict):
            counted = {"video": tokens.get("prompt_tokens"), "output": tokens.get("completion_tokens")}
            self.usage = self.usage + Usage({k: v for k, v in counted.items() if isinstance(v, int)})
        return _described(body)

    def _request(self, picture: Picture, given: ClipInput) -> dict[str, Any]:
        cast = "\n".join(f"  - {one_line(m.name)}: {one_line(m.description)}" for m in given.profile.cast) or "  (nobody)"
        language = given.language or next(iter(given.profile.languages), "en")
        return {
            "model": self._model,
            "temperature": 0,
            "max_tokens": _MOST_TOKENS,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "keyframe", "strict": True, "schema": KeyframeAnswer.model_json_schema()},
            },
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_jpeg(picture)}"}},
                        {"type": "text", "text": Template(_prompt()).substitute(cast=cast, language=language)},
                    ],
                }
            ],
        }


def prompt_version() -> str:
    """Return a short hash of the prompt, which goes into the record."""
    return hashlib.sha256(_prompt().encode()).hexdigest()[:12]


@cache
def _prompt() -> str:
    return (files("scenesearch.models.local") / "prompts" / "keyframe.md").read_text(encoding="utf-8")


def chat_url(url: str) -> str:
    """Return the endpoint's full address; `url` is its root, its `/v1`, or already in full."""
    if url.endswith("/chat/completions"):
        return url
    return f"{url}/chat/completions" if re.search(r"/v\d+$", url) else f"{url}/v1/chat/completions"


def _jpeg(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)  # of JPEG, 1 to 95
    return base64.b64encode(buffer.getvalue()).decode()


def _described(body: object) -> str:
    """Return the description in a chat completion; some servers put the JSON in a code fence."""
    try:
        choice = body["choices"][0]  # type: ignore[index]
        content = str(choice["message"]["content"])
    except (KeyError, IndexError, TypeError) as error:
        raise ModelError("the vision endpoint's answer is no chat completion") from error
    if choice.get("finish_reason") == "length":
        raise ModelError("the vision endpoint's answer was cut off")
    inner = re.search(r"\{.*\}", content, re.DOTALL)
    try:
        answer = KeyframeAnswer.model_validate(json.loads(inner.group() if inner else content))
    except (ValidationError, ValueError) as error:
        raise ModelError("the vision endpoint did not answer with the JSON that was asked for") from error
    return one_line(answer.description)[:_LONGEST]

"""The client of Vertex AI: requests with retries inside a deadline, answers with their cost, errors of our own tree."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from scenesearch.config import Settings
from scenesearch.errors import Cancelled, ConfigurationError, InvalidRequest, ModelError, Outage, Unavailable
from scenesearch.models.vertexai import faults
from scenesearch.models.vertexai.answer import Answer, answer_of, embedding_usage, usage_of
from scenesearch.models.vertexai.prices import Prices
from scenesearch.models.vertexai.requests import Requests
from scenesearch.models.vertexai.thinking import thinking_level
from scenesearch.ports import Cancellation, Spending
from scenesearch.price import Price
from scenesearch.video import Usage, now

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai.client import AsyncClient
    from google.genai.types import Content, GenerateContentConfig, GenerateContentResponse, HttpOptions

LOG = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 32.0
"""The longest pause in seconds between two tries: quotas count by the minute."""

CONNECT_SECONDS = 30.0
"""How long loading google-genai may take, in seconds; it takes about two."""

FLEX_HEADER = "X-Vertex-AI-LLM-Shared-Request-Type"
FLEX_LOCATION = "global"
"""Flex PayGo is offered at the global endpoint only (its documentation)."""

FLEX_REFUSALS = 2
"""How many times a request may be refused (429, 503) or late at the flex price before it is sent at the standard price."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request: what to do (`system`), what to look at (`contents`), the form of the answer.

    `needs` names a modality ("video", "audio") that the answer's usage must show: without it the model never looked.
    `resolution` is "default", "low", "medium" or "high". What it costs is added to `spending` as soon as it is known, also where nothing
    comes of it: a refusal, an answer without an end. (The cost of a request that was lost or ended midway is unknown.)
    Once it is cancelled, nothing more is sent for it, and what is under way is ended. `price`: flex and batch are both asked for at the
    flex price here (a batch job's own requests do not pass this door).
    `batched` is what a batch job answered to this very request: it is taken in place of a call.
    """

    model: str
    system: str
    contents: tuple[Content, ...]
    schema: type[BaseModel]
    resolution: str = "default"
    needs: str | None = None
    spending: Spending | None = None
    cancellation: Cancellation | None = None
    price: Price = Price.STANDARD
    batched: bytes | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a piece of work: its deadline, where its cost is added up, and its price."""

    deadline: datetime
    spending: Spending
    price: Price = Price.STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a request is sent, how long each time it may take, and the first pause in between, which doubles. Times in seconds.

    It is not sent again when less than `least` (by default a second) remains until its deadline.
    """

    most: int
    seconds: float
    pause: float
    least: float = 1.0


class VertexClient:
    """Gemini on Vertex AI under these settings. Makes its connection with the first request; safe between threads.

    Raises `ConfigurationError` for settings that cannot work.
    """

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], datetime] = now) -> None:
        self._settings = settings
        self._sleep = sleep
        self._clock = clock
        self._requests = Requests()
        self._usual = RetryPolicy(
            most=settings.vertexai_retries + 1, seconds=settings.vertexai_request_seconds, pause=settings.vertexai_retry_seconds
        )
        self._flex = replace(self._usual, most=FLEX_REFUSALS)
        self._on_this_machine = _is_loopback(settings.vertexai_base_url)
        self.prices = Prices.load(settings.vertexai_prices)
        for model in (settings.vertexai_bulk_model, settings.vertexai_quality_model, settings.vertexai_embedding_model):
            self.prices.require(model)
        if not settings.vertexai_project and not self._on_this_machine:
            raise ConfigurationError("SCENESEARCH_VERTEXAI_PROJECT: name the Google Cloud project that pays for the models")

    def generate(self, request: ModelRequest, *, deadline: datetime) -> Answer:
        """Return the model's answer with its usage, not validated yet. At the flex price it falls back to standard after two refusals.

        Raises `Blocked`, `ModelError`, `Unavailable`, `Cancelled`, `ConfigurationError`, `InvalidRequest`.
        """

        if request.batched is not None:
            return self._batched(request, request.batched)

        async def send(price: Price, http: HttpOptions) -> tuple[GenerateContentResponse, Usage]:
            config = self.config(request)
            config.http_options = http
            if price is Price.FLEX:
                http.headers = {FLEX_HEADER: "flex"}
            response = await self._genai.models.generate_content(model=request.model, contents=list(request.contents), config=config)
            return response, usage_of(response, request.model, self.prices, self._clock().date(), price)

        answered = self._at_flex(request, partial(send, Price.FLEX), deadline) if request.price is not Price.STANDARD else None
        response, usage = answered or self._within(
            deadline, request.model, partial(send, Price.STANDARD), self._usual, request.cancellation
        )
        if request.spending is not None:
            request.spending.add(usage)
        return answer_of(response, request.model, usage)

    def config(self, request: ModelRequest) -> GenerateContentConfig:
        """Return the request's configuration, the same online and in a batch job."""
        from google.genai import types

        settings = self._settings
        level = thinking_level(settings.vertexai_thinking, request.model)
        resolution = None if request.resolution == "default" else types.MediaResolution(f"MEDIA_RESOLUTION_{request.resolution.upper()}")
        return types.GenerateContentConfig(
            system_instruction=request.system,
            temperature=settings.vertexai_temperature,
            max_output_tokens=settings.vertexai_max_output_tokens,
            response_mime_type="application/json",
            response_schema=request.schema,
            media_resolution=resolution,
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel(level.upper())) if level else None,
            automatic_continuation=False,  # it would run past the deadline and bill the clip again for each part
        )

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """Return the body that google-genai would send for this request, by letting it send it to nobody."""
        import httpx2
        from google import genai
        from google.genai.types import HttpOptions

        sent: list[bytes] = []

        def kept(posted: httpx2.Request) -> httpx2.Response:
            sent.append(posted.content)
            return httpx2.Response(200, json={})

        async def send() -> None:
            async with httpx2.AsyncClient(transport=httpx2.MockTransport(kept)) as nobody:
                options = HttpOptions(base_url="https://nobody.invalid", httpx_async_client=nobody)
                client = genai.Client(
                    enterprise=True, project="nobody", location="global", credentials=_placeholder(), http_options=options
                )
                await client.aio.models.generate_content(model=request.model, contents=list(request.contents), config=self.config(request))

        self._requests.run(send, seconds=CONNECT_SECONDS)
        body: dict[str, Any] = json.loads(sent[0])
        return body

    def call(
        self, send: Callable[[HttpOptions, AsyncClient], Coroutine[Any, Any, _T]], what: str, policy: RetryPolicy, *, deadline: datetime
    ) -> _T:
        """Return what another call of the service returns. Raises `Unavailable`, `ConfigurationError`, `InvalidRequest`."""

        async def free(http: HttpOptions) -> tuple[_T, Usage]:
            return await send(http, self._genai), Usage()

        return self._within(deadline, what, free, policy)[0]

    def _batched(self, request: ModelRequest, answer: bytes) -> Answer:
        """Return the answer of a batch job, at the price of batch jobs on the day on which it was made."""
        from google.genai.types import GenerateContentResponse

        try:
            read = json.loads(answer)
            response = GenerateContentResponse.model_validate(read["response"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{request.model} answered in a batch job what cannot be read ({type(error).__name__})") from error
        usage = usage_of(response, request.model, self.prices, _day(read.get("processed_time")) or self._clock().date(), Price.BATCH)
        if request.spending is not None:
            request.spending.add(usage)
        _log(request.model, usage, 0.0)
        return answer_of(response, request.model, usage)

    def _at_flex(
        self,
        request: ModelRequest,
        send: Callable[[HttpOptions], Coroutine[Any, Any, tuple[GenerateContentResponse, Usage]]],
        deadline: datetime,
    ) -> tuple[GenerateContentResponse, Usage] | None:
        """Return the answer at the flex price; None when it is refused or late twice, not understood, or not offered here.

        Time for one standard request (at most half of what is left) is kept until the deadline.
        """
        if self._settings.vertexai_location != FLEX_LOCATION:
            return None
        left = deadline - self._clock()
        kept = min(timedelta(seconds=self._usual.seconds), left / 2)
        try:
            return self._within(deadline - kept, request.model, send, self._flex, request.cancellation)
        except InvalidRequest as refused:
            LOG.warning("flex is not understood: asking at the standard price", extra={"model": request.model, "reason": str(refused)})
            return None
        except Unavailable as refused:
            LOG.info("flex has no room: asking at the standard price", extra={"model": request.model, "reason": str(refused)})
            return None

    def embed(self, texts: Sequence[str], *, deadline: datetime, tries: RetryPolicy | None = None) -> tuple[list[list[float]], Usage]:
        """One vector for each text, in one request. However many vectors come back, the caller counts them. `tries`: None, the usual ones.

        Raises `Unavailable`, `ConfigurationError`, `InvalidRequest`.
        """
        from google.genai import types

        settings = self._settings
        model = settings.vertexai_embedding_model
        # One Content a text: a list of strings would come back as one vector.
        contents: list[types.ContentUnion] = [types.Content(role="user", parts=[types.Part(text=text)]) for text in texts]

        async def send(http: HttpOptions) -> tuple[list[list[float]], Usage]:
            config = types.EmbedContentConfig(http_options=http, output_dimensionality=settings.vertexai_embedding_dimension)
            response = await self._genai.models.embed_content(model=model, contents=contents, config=config)
            vectors = [list(embedding.values or ()) for embedding in response.embeddings or ()]
            return vectors, embedding_usage(response, texts, model, self.prices, self._clock().date())

        return self._within(deadline, model, send, tries or self._usual)

    def connect(self) -> None:
        """Load what the first request would otherwise wait for. Raises `ConfigurationError`."""
        from google.genai import types  # noqa: F401 - the longest part of it

        async def connected() -> AsyncClient:
            return self._genai

        self._requests.run(connected, seconds=CONNECT_SECONDS)

    def _within(
        self,
        deadline: datetime,
        model: str,
        send: Callable[[HttpOptions], Coroutine[Any, Any, tuple[_T, Usage]]],
        tries: RetryPolicy,
        cancellation: Cancellation | None = None,
    ) -> tuple[_T, Usage]:
        """Send until it works; give up as `Unavailable` (an `Outage` if that is all it was at last) when tries or time run out, so that
        the queue takes over. When it is cancelled, it ends at once, wherever it is, as `Cancelled`.
        """
        from google.genai.types import HttpOptions

        pause, sleep = tries.pause, self._sleep if cancellation is None else cancellation.pause
        last, given_up = "the deadline left no time for a request", Unavailable
        for tried in range(tries.most):
            if cancellation is not None and cancellation.cancelled:
                raise Cancelled
            left = (deadline - self._clock()).total_seconds()
            if left < tries.least:
                raise given_up(f"{model} gave no answer in time after {tried} tries: {last}")
            seconds = min(left, tries.seconds)
            started = time.monotonic()
            try:
                answer = self._requests.run(
                    partial(send, HttpOptions(timeout=int(seconds * 1000))), seconds=seconds, cancellation=cancellation
                )
            except faults.passing() as error:
                last, wait = faults.judged(error, model)
                given_up = Outage if faults.is_outage(error) else Unavailable
            else:
                _log(model, answer[1], time.monotonic() - started)
                return answer
            wait = max(wait, pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter is no secret
            if tried + 1 == tries.most or wait + tries.least > (deadline - self._clock()).total_seconds():
                break
            LOG.warning("a model did not answer", extra={"model": model, "reason": last, "again_in_s": round(wait, 3)})
            sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        raise given_up(f"{model} gave no answer after {tried + 1} tries: {last}")

    @cached_property
    def _genai(self) -> AsyncClient:
        import httpx2
        from google import genai
        from google.genai import types

        base_url = self._settings.vertexai_base_url or None
        http = httpx2.AsyncClient(timeout=None, trust_env=not self._on_this_machine)
        return genai.Client(
            enterprise=True,
            project=self._settings.vertexai_project or "this-machine",
            location=self._settings.vertexai_location,
            credentials=self._credentials(),
            http_options=types.HttpOptions(base_url=base_url, httpx_async_client=http),
        ).aio

    def _credentials(self) -> Credentials | None:
        """None lets google-auth find the machine's own; a server on this machine is never shown those."""
        if not self._on_this_machine:
            return None
        return _placeholder()


def _placeholder() -> Credentials:
    from google.oauth2.credentials import Credentials

    return Credentials(token="none")  # noqa: S106  a placeholder, no secret


def _day(processed_time: object) -> date | None:
    try:
        return datetime.fromisoformat(str(processed_time)).astimezone(UTC).date()
    except ValueError:
        return None


def _log(model: str, usage: Usage, seconds: float) -> None:
    spent = {"tokens": dict(usage.tokens), "cost_usd": usage.cost_usd, "seconds": round(seconds, 3)}
    LOG.info("a model answered", extra={"model": model, **spent})


def _is_loopback(base_url: str) -> bool:
    """Whether the models are asked on this very machine.

    Raises:
        ConfigurationError: the address is none, or plain http to somewhere else.
    """
    if not base_url:
        return False
    parts = urlsplit(base_url)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return True
    if parts.scheme == "https" and parts.hostname:
        return False
    raise ConfigurationError(f"SCENESEARCH_VERTEXAI_BASE_URL: {base_url!r} must be an https address, or http on this machine")

"""The real google-genai client against a server that fails: what is tried again, for how long, and what each failure is called."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from google.genai.types import Content, GenerateContentResponse, GenerateContentResponseUsageMetadata, Part, TrafficType
from pydantic import BaseModel

from integration.vertexai.harbour import soon
from scenesearch.config import Settings
from scenesearch.errors import Blocked, Cancelled, ConfigurationError, InvalidRequest, ModelError, Outage, Unavailable
from scenesearch.models.vertexai.answer import served
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.models.vertexai.thinking import thinking_level
from scenesearch.ports import Cancellation, Spending
from scenesearch.price import Price
from stand_ins.vertexai.control import Control
from waiting import eventually


class Word(BaseModel):
    word: str


@pytest.fixture
def ask(settings: Settings) -> ModelRequest:
    contents = (Content(role="user", parts=[Part(text="Say a word.")]),)
    return ModelRequest(model=settings.vertexai_bulk_model, system="You say words.", contents=contents, schema=Word)


WORD = {"fault": "answer", "answer": {"word": "harbour"}}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int, stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "http", "status": status, "times": 2}, WORD)
    assert client.generate(ask, deadline=soon()).text == '{"word": "harbour"}'
    assert [r["fault"] for r in stand_in.requests()] == ["http", "http", "answer"]


@pytest.mark.parametrize("fault", ["drop", "drop_midway"])
def test_a_lost_connection_is_tried_again(fault: str, stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": fault, "times": 2}, WORD)
    assert client.generate(ask, deadline=soon()).text == '{"word": "harbour"}'
    assert len(stand_in.requests()) == 3


def test_a_response_that_is_no_json_is_tried_again_and_never_quoted(
    stand_in: Control, client: VertexClient, ask: ModelRequest, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.script({"fault": "garbled", "answer": "<p>SECRET ANSWER</p>", "times": 2}, WORD)
    with caplog.at_level(logging.INFO):
        assert client.generate(ask, deadline=soon()).text == '{"word": "harbour"}'
        stand_in.script({"fault": "garbled", "answer": '{"candidates": "SECRET ANSWER"}'})
        with pytest.raises(Unavailable, match="cannot be read") as given_up:
            client.generate(ask, deadline=soon())
    assert "SECRET" not in str(given_up.value)
    assert "a model did not answer" in caplog.text
    assert "SECRET" not in str([vars(record) for record in caplog.records])


def test_after_so_many_tries_the_queue_takes_over(stand_in: Control, client: VertexClient, ask: ModelRequest, settings: Settings) -> None:
    stand_in.script({"fault": "http", "status": 503, "message": "no capacity"})
    with pytest.raises(Unavailable, match="no capacity"):
        client.generate(ask, deadline=soon())
    assert len(stand_in.requests()) == settings.vertexai_retries + 1


@pytest.mark.parametrize(("status", "outage"), [(429, True), (503, True), (500, False), (504, False)])
def test_only_what_says_nothing_about_the_request_is_an_outage(
    status: int, outage: bool, stand_in: Control, client: VertexClient, ask: ModelRequest
) -> None:
    stand_in.script({"fault": "http", "status": status})
    with pytest.raises(Unavailable) as given_up:
        client.generate(ask, deadline=soon())
    assert isinstance(given_up.value, Outage) is outage


def test_retries_end_with_the_deadline(stand_in: Control, settings: Settings, ask: ModelRequest) -> None:
    patient = VertexClient(settings.model_copy(update={"vertexai_retry_seconds": 0.5, "vertexai_retries": 1000}))
    stand_in.script({"fault": "http", "status": 429})
    started = time.monotonic()
    with pytest.raises(Unavailable, match="429"):
        patient.generate(ask, deadline=soon(2))
    assert time.monotonic() - started < 2.5
    assert 1 < len(stand_in.requests()) < 10


def test_nothing_is_sent_when_the_deadline_is_over(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    with pytest.raises(Unavailable):
        client.generate(ask, deadline=soon(0.1))
    assert stand_in.requests() == []


def test_a_slow_answer_is_not_waited_for_beyond_the_deadline(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "slow", "seconds": 6})
    started = time.monotonic()
    with pytest.raises(Unavailable, match="within the time of one request"):
        client.generate(ask, deadline=soon(1.5))
    assert time.monotonic() - started < 4
    assert stand_in.requests()[0]["timeout_s"] == "2"


@pytest.mark.parametrize(
    ("meanwhile", "hung_up"),
    [
        pytest.param({"fault": "slow", "seconds": 20}, True, id="a request hangs"),
        pytest.param({"fault": "http", "status": 429, "retry_after": 20}, False, id="a pause before the next try"),
    ],
)
def test_a_cancelled_question_ends_it_at_once(
    meanwhile: dict[str, object], hung_up: bool, stand_in: Control, client: VertexClient, ask: ModelRequest
) -> None:
    stand_in.script(meanwhile)
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.generate, replace(ask, cancellation=cancellation), deadline=soon())
        eventually(stand_in.requests)
        cancellation.cancel()
        with pytest.raises(Cancelled):
            asking.result(timeout=1)
        eventually(lambda: stand_in.requests()[0]["hung_up"] is hung_up, within_s=2)
        assert len(stand_in.requests()) == 1


def test_nothing_is_sent_for_a_cancelled_question(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        client.generate(replace(ask, cancellation=cancellation), deadline=soon())
    assert stand_in.requests() == []


def test_one_who_leaves_takes_nobody_elses_request_along(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "slow", "seconds": 20, "nth": [1]}, WORD)
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.generate, replace(ask, cancellation=cancellation), deadline=soon())
        eventually(stand_in.requests)
        cancellation.cancel()
        assert client.generate(replace(ask, cancellation=Cancellation()), deadline=soon()).text == '{"word": "harbour"}'
        with pytest.raises(Cancelled):
            asking.result(timeout=1)


def test_the_pause_that_the_service_asks_for_is_kept(stand_in: Control, settings: Settings, ask: ModelRequest) -> None:
    pauses: list[float] = []
    client = VertexClient(settings, sleep=pauses.append)
    stand_in.script({"fault": "http", "status": 429, "retry_after": 7, "times": 1}, {"fault": "http", "times": 2}, WORD)
    client.generate(ask, deadline=soon())
    assert pauses[0] == 7
    assert all(0.0 < pause <= 0.04 for pause in pauses[1:])
    assert len(pauses) == 2


def test_pauses_grow_and_are_never_the_same(stand_in: Control, settings: Settings, ask: ModelRequest) -> None:
    pauses: list[float] = []
    client = VertexClient(settings.model_copy(update={"vertexai_retry_seconds": 1.0}), sleep=pauses.append)
    stand_in.script({"fault": "http", "times": 5}, WORD)
    client.generate(ask, deadline=soon(600))
    assert [low / 2 <= pause <= low for pause, low in zip(pauses, (1, 2, 4, 8, 16), strict=True)] == [True] * 5


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (400, InvalidRequest, "did not understand"),
        (401, Outage, "aiplatform.user"),
        (403, Outage, "scenesearch_models"),
        (404, ConfigurationError, "SCENESEARCH_VERTEXAI"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(
    status: int, error: type[Exception], says: str, stand_in: Control, client: VertexClient, ask: ModelRequest
) -> None:
    stand_in.script({"fault": "http", "status": status})
    with pytest.raises(error, match=says):
        client.generate(ask, deadline=soon())
    assert len(stand_in.requests()) == 1


@pytest.mark.parametrize(("fault", "reason"), [("safety", "SAFETY"), ("blocked", "PROHIBITED_CONTENT.*: scripted")])
def test_a_refusal_is_blocked_with_its_reason(fault: str, reason: str, stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": fault})
    with pytest.raises(Blocked, match=reason):
        client.generate(ask, deadline=soon())
    assert len(stand_in.requests()) == 1


@pytest.mark.parametrize("fault", ["safety", "blocked", "empty", "truncated", "answer"])
def test_whatever_comes_of_an_answer_its_cost_is_known(fault: str, stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": fault, "answer": "prose"})
    spending = Spending()
    with suppress(Blocked, ModelError):
        client.generate(replace(ask, spending=spending), deadline=soon())
    assert spending.total.tokens["text"] > 0
    assert spending.total.cost_usd > 0


def test_an_answer_without_a_candidate_is_a_model_error(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "empty"})
    with pytest.raises(ModelError, match="no candidate"):
        client.generate(ask, deadline=soon())


def test_an_answer_that_was_cut_off_says_so(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "truncated"})
    assert client.generate(ask, deadline=soon()).truncated


def test_no_credentials_are_shown_to_a_server_on_this_machine(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script(WORD)
    client.generate(ask, deadline=soon())  # would raise DefaultCredentialsError if it looked for the machine's own
    assert len(stand_in.requests()) == 1


@pytest.mark.parametrize("url", ["http://models.example.com", "ftp://127.0.0.1", "models"])
def test_a_base_url_that_would_leak_credentials_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SCENESEARCH_VERTEXAI_BASE_URL"):
        VertexClient(Settings(vertexai_project="p", vertexai_base_url=url))


def test_without_a_project_it_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="SCENESEARCH_VERTEXAI_PROJECT"):
        VertexClient(Settings())


def test_without_a_price_it_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="no price for the model 'gemini-99'"):
        VertexClient(Settings(vertexai_project="p", vertexai_bulk_model="gemini-99"))


def test_flex_costs_half(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script(WORD)
    costs = {price: client.generate(replace(ask, price=price), deadline=soon()).usage.cost_usd for price in Price}
    assert [request["flex"] for request in stand_in.requests()] == [False, True, True]
    assert costs[Price.FLEX] == costs[Price.BATCH] == pytest.approx(costs[Price.STANDARD] / 2)


@pytest.mark.parametrize(
    "refusal", [{"fault": "http", "status": 429}, {"fault": "http", "status": 503}, {"fault": "slow", "seconds": 10}, {"fault": "drop"}]
)
def test_flex_that_is_refused_twice_is_asked_for_at_the_standard_price(
    refusal: dict[str, object], stand_in: Control, settings: Settings, ask: ModelRequest
) -> None:
    stand_in.script({**refusal, "match": {"flex": True}}, WORD)
    hurried = VertexClient(settings.model_copy(update={"vertexai_request_seconds": 0.5}))
    answer = hurried.generate(replace(ask, price=Price.FLEX), deadline=soon())
    assert [request["flex"] for request in stand_in.requests()] == [True, True, False]
    assert answer.usage.cost_usd == pytest.approx(hurried.generate(ask, deadline=soon()).usage.cost_usd)


def test_flex_that_is_refused_once_is_asked_for_again(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "http", "status": 429, "times": 1}, WORD)
    client.generate(replace(ask, price=Price.FLEX), deadline=soon())
    assert [request["flex"] for request in stand_in.requests()] == [True, True]


def test_flex_that_is_not_understood_is_asked_for_at_the_standard_price(stand_in: Control, client: VertexClient, ask: ModelRequest) -> None:
    stand_in.script({"fault": "http", "status": 400, "match": {"flex": True}}, WORD)
    client.generate(replace(ask, price=Price.FLEX), deadline=soon())
    assert [request["flex"] for request in stand_in.requests()] == [True, False]


def test_flex_is_not_asked_for_where_it_is_not_offered(stand_in: Control, settings: Settings, ask: ModelRequest) -> None:
    stand_in.script(WORD)
    client = VertexClient(settings.model_copy(update={"vertexai_location": "europe-west4"}))
    client.generate(replace(ask, price=Price.FLEX), deadline=soon())
    assert [request["flex"] for request in stand_in.requests()] == [False]


@pytest.mark.parametrize(
    ("traffic", "asked", "price"),
    [
        ("ON_DEMAND", Price.FLEX, Price.STANDARD),
        ("ON_DEMAND_FLEX", Price.STANDARD, Price.FLEX),
        (None, Price.FLEX, Price.FLEX),
        ("ON_DEMAND", Price.BATCH, Price.BATCH),
    ],
)
def test_the_price_that_was_served_counts(traffic: str | None, asked: Price, price: Price) -> None:
    usage = GenerateContentResponseUsageMetadata(traffic_type=TrafficType(traffic) if traffic else None)
    assert served(GenerateContentResponse(usage_metadata=usage), asked) is price


@pytest.mark.parametrize(
    ("setting", "model", "level"),
    [
        ("auto", "gemini-3.5-flash-lite", "minimal"),
        ("auto", "gemini-3.8-flash", "low"),
        ("auto", "gemini-9-pro", None),
        ("minimal", "gemini-3.8-flash", "low"),  # it refuses minimal
        ("minimal", "gemini-3.5-flash-lite", "minimal"),
        ("high", "gemini-3.5-flash-lite", "high"),
        ("", "gemini-3.5-flash-lite", None),
    ],
)
def test_thinking_goes_by_the_model(setting: str, model: str, level: str | None) -> None:
    assert thinking_level(setting, model) == level


def test_settings_come_from_the_environment(stand_in: Control, monkeypatch: pytest.MonkeyPatch, ask: ModelRequest) -> None:
    for name, value in {"BASE_URL": stand_in.url, "LOCATION": "europe-west4", "THINKING": "", "TEMPERATURE": "0.2"}.items():
        monkeypatch.setenv(f"SCENESEARCH_VERTEXAI_{name}", value)
    stand_in.script(WORD)
    VertexClient(Settings.load()).generate(ask, deadline=soon())
    config = stand_in.requests()[0]["body"]["generationConfig"]
    assert config["temperature"] == 0.2
    assert "thinkingConfig" not in config

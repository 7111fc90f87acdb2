"""What tokens cost, by model, modality and day."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from google.genai.types import Content, ModalityTokenCount, Part
from google.genai.types import GenerateContentResponseUsageMetadata as UsageMetadata

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.models.vertexai.answer import tokens_of
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.models.vertexai.prices import Prices, Rate
from scenesearch.price import Price
from stand_ins.vertexai.control import Control

MILLION = 1_000_000
TODAY = date(2026, 11, 21)


def test_the_defaults_have_prices() -> None:
    prices, settings = Prices.load(), Settings()
    for model in (settings.vertexai_bulk_model, settings.vertexai_quality_model, settings.vertexai_embedding_model):
        prices.require(model)
    assert prices.checked >= date(2026, 11, 1)


def test_an_hour_of_video_costs_what_its_tokens_come_to() -> None:
    tokens = {"video": 3600 * 70, "audio": 3600 * 32, "text": 12 * 900, "output": 12 * 6_000}
    dollars = Prices.load().cost_usd("gemini-3.5-flash-lite", tokens, TODAY)
    assert dollars == pytest.approx(0.30 * (0.252 + 0.1152 + 0.0108) + 2.50 * 0.072)


@pytest.mark.parametrize(("day", "dollars"), [(date(2026, 12, 31), 4.50), (date(2027, 1, 1), 9.00), (date(2020, 1, 1), 4.50)])
def test_the_price_of_the_day_counts(day: date, dollars: float) -> None:
    assert Prices.load().cost_usd("gemini-3.8-flash", {"text": MILLION, "output": MILLION}, day) == pytest.approx(dollars)


def test_a_modality_may_have_a_price_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    row = {"from": "2026-01-01", "input": 1, "output": 5, "audio": 3}
    path.write_text(json.dumps({"checked": "2026-11-01", "models": {"m": [row]}}))
    tokens = {"text": MILLION, "audio": MILLION, "video": MILLION, "output": MILLION}
    assert Prices.load(path).cost_usd("m", tokens, TODAY) == pytest.approx(1 + 3 + 1 + 5)


def a_request(model: str) -> ModelRequest:
    return ModelRequest(model=model, system="s", contents=(Content(role="user", parts=[Part(text="?")]),), schema=Rate)


@pytest.mark.parametrize("content", ["{", '{"models": {}}', '{"checked": "2026-11-01", "models": {"m": [{"input": 1}]}}'])
def test_a_wrong_table_is_named_at_start(content: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"SCENESEARCH_VERTEXAI_PRICES: .*prices\.json"):
        Prices.load(path)


@pytest.mark.parametrize(
    ("price", "dollars"),
    [(Price.STANDARD, 0.25 * 0.30 + 0.75 * 0.03 + 2.50), (Price.FLEX, 0.125 * 0.30 + 0.75 * 0.03 + 1.25), (Price.BATCH, 1.31)],
)
def test_half_price_halves_all_but_cached_tokens(price: Price, dollars: float) -> None:
    tokens = {"video": MILLION // 2, "text": MILLION // 2, "cached": 3 * MILLION // 4, "output": MILLION}
    assert Prices.load().cost_usd("gemini-3.5-flash-lite", tokens, TODAY, price) == pytest.approx(dollars)


def test_cached_tokens_come_off_at_the_mean_rate_of_what_went_in() -> None:
    rate = Rate.model_validate({"from": "2026-01-01", "input": 1, "output": 5, "audio": 3, "cached": 0.1, "batch": 0.5})
    tokens = {"text": MILLION, "audio": MILLION, "cached": MILLION, "output": MILLION}
    assert rate.cost_usd(tokens, Price.STANDARD) == pytest.approx(2 + 0.1 + 5)
    assert rate.cost_usd(tokens, Price.BATCH) == pytest.approx(1 + 0.1 + 2.5)
    everything = {"audio": MILLION, "cached": MILLION}
    assert rate.cost_usd(everything, Price.STANDARD) == pytest.approx(0.1)


def test_a_table_without_a_rate_for_cached_tokens_bills_them_as_input() -> None:
    assert Prices.load().cost_usd("gemini-embedding-2", {"text": MILLION, "cached": MILLION}, TODAY) == pytest.approx(0.20)


def test_an_answer_has_the_price_of_its_day(stand_in: Control, settings: Settings) -> None:
    stand_in.script({"fault": "answer", "answer": {"word": "harbour"}})
    costs = []
    for today in (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
        client = VertexClient(settings, clock=lambda at=today: at)
        costs.append(client.generate(a_request(settings.vertexai_quality_model), deadline=today + timedelta(seconds=30)).usage.cost_usd)
    assert costs[1] == pytest.approx(2 * costs[0])
    assert costs[0] > 0


def test_tokens_are_counted_by_modality_and_thoughts_are_output() -> None:
    usage = UsageMetadata(
        prompt_token_count=1000,
        prompt_tokens_details=[
            ModalityTokenCount(modality="VIDEO", token_count=700),
            ModalityTokenCount(modality="AUDIO", token_count=200),
            ModalityTokenCount(modality="TEXT", token_count=90),
        ],
        candidates_token_count=50,
        thoughts_token_count=25,
        cached_content_token_count=600,
    )
    assert tokens_of(usage) == {"video": 700, "audio": 200, "text": 100, "output": 75, "cached": 600}
    assert tokens_of(UsageMetadata(prompt_token_count=12)) == {"text": 12}
    assert tokens_of(None) == {}

"""What tokens cost, by model, modality and day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from google.genai.types import GenerateContentResponseUsageMetadata as UsageMetadata
from google.genai.types import ModalityTokenCount

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.models.vertexai.answer import tokens_of
from scenesearch.models.vertexai.prices import Prices

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


@pytest.mark.parametrize("content", ["{", '{"models": {}}', '{"checked": "2026-11-01", "models": {"m": [{"input": 1}]}}'])
def test_a_wrong_table_is_named_at_start(content: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"SCENESEARCH_VERTEXAI_PRICES: .*prices\.json"):
        Prices.load(path)


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
    )
    assert tokens_of(usage) == {"video": 700, "audio": 200, "text": 100, "output": 75}
    assert tokens_of(UsageMetadata(prompt_token_count=12)) == {"text": 12}
    assert tokens_of(None) == {}

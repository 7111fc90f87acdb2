"""At which price a video is worked on: what was asked for, as far as these settings offer it."""

from __future__ import annotations

from pathlib import Path

import pytest

from media_files import Recipe, make
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, InvalidRequest
from scenesearch.messages import decode, encode
from scenesearch.pipeline.price import cheapest, checked_price, price_of
from scenesearch.pipeline.split import split
from scenesearch.price import Price
from unit.pipeline.test_split import House, house_in

LOCAL = Settings()
HERE = Settings(models="vertexai")
CLOUD = Settings(models="vertexai", backend="gcp")
EUROPE = Settings(models="vertexai", backend="gcp", vertexai_location="europe-west4")


@pytest.mark.parametrize(
    ("settings", "batch", "flex", "backfill"),
    [
        (LOCAL, Price.STANDARD, Price.STANDARD, Price.STANDARD),
        (HERE, Price.FLEX, Price.FLEX, Price.FLEX),
        (CLOUD, Price.BATCH, Price.FLEX, Price.BATCH),
        (EUROPE, Price.BATCH, Price.STANDARD, Price.BATCH),
        (CLOUD.model_copy(update={"price": Price.STANDARD}), Price.BATCH, Price.FLEX, Price.STANDARD),
    ],
)
def test_what_is_not_offered_costs_the_next_dearer_price(settings: Settings, batch: Price, flex: Price, backfill: Price) -> None:
    assert (price_of(Price.BATCH, settings), price_of(Price.FLEX, settings), cheapest(settings)) == (batch, flex, backfill)
    assert price_of(None, settings) is Price.STANDARD


@pytest.mark.parametrize(
    ("settings", "price", "says"),
    [
        (LOCAL, Price.STANDARD, "cost nothing"),
        (LOCAL, Price.BATCH, "SCENESEARCH_MODELS=vertexai"),
        (HERE, Price.BATCH, "SCENESEARCH_BACKEND=gcp"),
        (EUROPE, Price.FLEX, "SCENESEARCH_VERTEXAI_LOCATION=global"),
    ],
)
def test_a_price_that_is_not_offered_says_what_to_do(settings: Settings, price: Price, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match=f"--price {price}: .*{says}"):
        checked_price(price, settings)
    for name in ("models", "backend", "vertexai_location"):
        monkeypatch.setenv(f"SCENESEARCH_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("SCENESEARCH_PRICE", price)
    with pytest.raises(ConfigurationError, match=f"SCENESEARCH_PRICE={price}: .*{says}"):
        Settings.load()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return house_in(tmp_path / "house")


@pytest.mark.parametrize(
    ("said", "announced", "settings", "price"),
    [
        ("flex", None, HERE, Price.FLEX),
        ("free", None, HERE, Price.STANDARD),
        ("", None, HERE.model_copy(update={"price": Price.FLEX}), Price.FLEX),
        ("", Price.BATCH, CLOUD, Price.BATCH),
        ("", "cheapest", CLOUD, Price.BATCH),
        ("", "cheapest", LOCAL, Price.STANDARD),
    ],
)
def test_a_video_has_the_price_of_its_upload_or_of_its_backfill(
    said: str, announced: Price | str | None, settings: Settings, price: Price, house: House, tmp_path: Path
) -> None:
    upload = house.upload(make(tmp_path / "film.mp4", Recipe(seconds=1, audio=None)), "film.mp4", price=said)
    news = decode(*encode(upload.model_copy(update={"price": announced})))
    split(news, house.ports, settings)
    assert house.video(upload).price is price

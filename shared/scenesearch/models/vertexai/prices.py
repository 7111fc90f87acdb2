"""What tokens cost: a dated table in `prices.json`, or one that a setting names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenesearch.errors import ConfigurationError

TOKENS_PER_UNIT = 1_000_000


class Price(BaseModel):
    """US dollars per million tokens, from a day on. A modality without a price of its own costs `input`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: date = Field(alias="from")
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    audio: float | None = Field(default=None, ge=0)
    video: float | None = Field(default=None, ge=0)
    image: float | None = Field(default=None, ge=0)

    def per_million(self, modality: str) -> float:
        """The price of tokens counted as `modality`: "output", "audio", "video", "image" or anything else that goes in."""
        if modality == "output":
            return self.output
        own = {"audio": self.audio, "video": self.video, "image": self.image}.get(modality)
        return self.input if own is None else own


class Prices(BaseModel):
    """The price table: for each model its prices, oldest first, and the day on which somebody last checked them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checked: date
    unit: str = ""
    models: Mapping[str, tuple[Price, ...]]

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The table at `path`, or the one that comes with the package.

        Raises:
            ConfigurationError: it cannot be read.
        """
        source = path if path is not None else files(__package__) / "prices.json"
        try:
            return cls.model_validate_json(source.read_text("utf-8"))
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"SCENESEARCH_VERTEXAI_PRICES: {source} is no price table: {error}") from error

    def require(self, model: str) -> None:
        """Raises `ConfigurationError` when the table has no price for `model`: costs are known, or nothing is spent."""
        if not self.models.get(model):
            raise ConfigurationError(
                f"there is no price for the model {model!r}: name a table that has one in SCENESEARCH_VERTEXAI_PRICES"
                f" (known: {', '.join(sorted(self.models))})"
            )

    def cost_usd(self, model: str, tokens: Mapping[str, int], on: date) -> float:
        """What these tokens (by modality) cost on that day. Raises `ConfigurationError` for a model without a price."""
        self.require(model)
        known = self.models[model]
        price = max((p for p in known if p.since <= on), key=lambda p: p.since, default=known[0])
        return sum(count * price.per_million(modality) for modality, count in tokens.items()) / TOKENS_PER_UNIT

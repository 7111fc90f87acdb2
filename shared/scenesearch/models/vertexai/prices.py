"""The prices of tokens: a dated table in `prices.json`, or one that a setting names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenesearch.errors import ConfigurationError
from scenesearch.price import Price

TOKENS_PER_UNIT = 1_000_000
"""The tokens that a rate of the table is for: Google states prices per million."""

CACHED = "cached"
"""The key under which usage counts cached input tokens; they are counted under their modality as well."""

STALE_AFTER = timedelta(days=90)
"""The age from which a table may be wrong: `doctor` warns when nobody has compared it with Google's page for longer."""


class Rate(BaseModel):
    """US dollars per million tokens, from a day on. A modality without a rate of its own costs `input`.

    `cached` is the rate of input tokens that the service had in its cache (None: no discount). `flex` and `batch` are the shares of
    `input` and `output` that those prices come to. Discounts do not add up: cached tokens cost `cached` at every price, as Google's
    page on batch inference says (for flex it says nothing; this is the dearer reading).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: date = Field(alias="from")
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    audio: float | None = Field(default=None, ge=0)
    video: float | None = Field(default=None, ge=0)
    image: float | None = Field(default=None, ge=0)
    cached: float | None = Field(default=None, ge=0)
    flex: float = Field(default=1, ge=0, le=1)
    batch: float = Field(default=1, ge=0, le=1)

    def per_million(self, modality: str) -> float:
        """Return the standard rate of tokens counted as `modality`: "output", "audio", "video", "image", or any other input."""
        if modality == "output":
            return self.output
        own = {"audio": self.audio, "video": self.video, "image": self.image}.get(modality)
        return self.input if own is None else own

    def cost_usd(self, tokens: Mapping[str, int], price: Price) -> float:
        """Return the cost of these tokens by modality; `tokens["cached"]` is how many of the input tokens were cached."""
        counted = {modality: count for modality, count in tokens.items() if modality != CACHED}
        cached = tokens.get(CACHED, 0) if self.cached is not None else 0
        full = sum(count * self.per_million(modality) for modality, count in counted.items()) - cached * self._mean_input(counted)
        share = {Price.STANDARD: 1.0, Price.FLEX: self.flex, Price.BATCH: self.batch}[price]
        return (share * full + cached * (self.cached or 0)) / TOKENS_PER_UNIT

    def _mean_input(self, tokens: Mapping[str, int]) -> float:
        """The mean rate of these tokens that went in: usage does not say of which modality the cached ones were."""
        went_in = {modality: count for modality, count in tokens.items() if modality != "output" and count}
        total = sum(went_in.values())
        return sum(count * self.per_million(modality) for modality, count in went_in.items()) / total if total else self.input


class Prices(BaseModel):
    """The price table: the dated rates of each model, and the day on which somebody last compared them with Google's page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checked: date
    unit: str = ""
    models: Mapping[str, tuple[Rate, ...]]

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Load the table at `path`, or the one that comes with the package.

        Raises:
            ConfigurationError: it cannot be read.
        """
        source = path if path is not None else files(__package__) / "prices.json"
        try:
            return cls.model_validate_json(source.read_text("utf-8"))
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"SCENESEARCH_VERTEXAI_PRICES: {source} is no price table: {error}") from error

    def require(self, model: str) -> None:
        """Raise `ConfigurationError` when the table has no price for `model`: nothing is spent whose cost is unknown."""
        if not self.models.get(model):
            raise ConfigurationError(
                f"there is no price for the model {model!r}: name a table that has one in SCENESEARCH_VERTEXAI_PRICES"
                f" (known: {', '.join(sorted(self.models))})"
            )

    def cost_usd(self, model: str, tokens: Mapping[str, int], on: date, price: Price = Price.STANDARD) -> float:
        """Return what these tokens (by modality) cost on that day at that price. Raises `ConfigurationError` for a model without rates."""
        self.require(model)
        known = self.models[model]
        rate = max((r for r in known if r.since <= on), key=lambda r: r.since, default=known[0])
        return rate.cost_usd(tokens, price)

    def is_stale(self, on: date) -> bool:
        """Return whether the table was last checked more than 90 days before that day."""
        return on - self.checked > STALE_AFTER

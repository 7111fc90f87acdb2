"""At which price models are asked about a video: as its upload says, else as the environment says, as far as it is offered here."""

from __future__ import annotations

from scenesearch.config import Settings
from scenesearch.errors import InvalidRequest
from scenesearch.price import Price


def price_of(asked: Price | None, settings: Settings) -> Price:
    """Return the price for a video: what was `asked`, else the environment's, else standard; the next dearer one that is offered."""
    wanted = asked or settings.price or Price.STANDARD
    dearer = list(Price)[: list(Price).index(wanted) + 1]
    return next(price for price in reversed(dearer) if settings.price_fault(price) is None or price is Price.STANDARD)


def cheapest(settings: Settings) -> Price:
    """Return the price of backfills, where nobody waits: the environment's if it names one, else the cheapest that is offered."""
    return price_of(settings.price or Price.BATCH, settings)


def checked_price(asked: Price | None, settings: Settings) -> Price | None:
    """Return the price that somebody asked for. Raises `InvalidRequest` where it is not offered, with what to do."""
    if asked is not None and (fault := settings.price_fault(asked)):
        raise InvalidRequest(f"--price {asked}: {fault}")
    return asked


def named_price(text: str) -> Price | None:
    """Return the price that an upload's metadata name; None for what is none of them."""
    return Price(text) if text in {price.value for price in Price} else None

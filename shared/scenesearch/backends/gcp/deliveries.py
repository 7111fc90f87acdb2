"""What Pub/Sub delivers, as messages of ours: also what it has forwarded as a dead letter, and what is not due yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from scenesearch.errors import Busy, InvalidMessage
from scenesearch.messages import DeadLetter, Message, decode
from scenesearch.video import now

NOT_BEFORE = "not_before"
"""The attribute (ISO 8601) of a message that was published with a delay: Pub/Sub itself knows none."""

_SOURCE = "CloudPubSubDeadLetterSource"


def message_of(data: bytes, attributes: Mapping[str, str]) -> Message:
    """The message of a delivery. What Pub/Sub gave up on and forwarded comes as a `DeadLetter`, as the handlers' own do.

    Raises:
        InvalidMessage: it fits no schema.
    """
    subscription = attributes.get(f"{_SOURCE}Subscription")
    if subscription is None:
        return decode(data, attributes)
    count = attributes.get(f"{_SOURCE}DeliveryCount", "too many")
    own = {key: value for key, value in attributes.items() if not key.startswith(_SOURCE) and key != NOT_BEFORE}
    return DeadLetter.of(subscription, f"Pub/Sub gave it up after {count} deliveries", data, own)


def only_waited(attributes: Mapping[str, str]) -> bool:
    """Whether Pub/Sub gave up on a message that was published with a delay: handing it back used up its deliveries."""
    return f"{_SOURCE}Subscription" in attributes and NOT_BEFORE in attributes


def check_due(attributes: Mapping[str, str]) -> None:
    """Raises `Busy` when the delivery comes before its time (it comes again, later each time), `InvalidMessage` for no time."""
    said = attributes.get(NOT_BEFORE)
    if said is None:
        return
    try:
        due = datetime.fromisoformat(said)
        early = due > now()
    except (ValueError, TypeError) as error:
        raise InvalidMessage(f"{NOT_BEFORE}={said!r} is no time with a zone") from error
    if early:
        raise Busy(f"not due before {said}")

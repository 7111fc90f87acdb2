"""Between Pub/Sub's pushes and the handlers: what every function of the pipeline does around its one verb."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenesearch.backends.gcp.deliveries import check_due, message_of, only_waited
from scenesearch.errors import InvalidMessage
from scenesearch.messages import EVENT_FUNCTIONS, WIRING, DeadLetter, Message, Subscription, Topic
from scenesearch.observability import tracing
from scenesearch.observability.logs import observe
from scenesearch.outcomes import Outcome, outcome_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span

LOG = logging.getLogger(__name__)

ACKNOWLEDGED = 204
"""Pub/Sub forgets the message."""
REFUSED = 503
"""Pub/Sub delivers again, after the subscription's backoff."""
NO_PUSH = 400
"""This was not sent by Pub/Sub."""

TICK = "tick"
"""The type of the timer's message, which looks like a push."""


@dataclass(frozen=True, slots=True)
class Push:
    """One delivery as Pub/Sub posts it. `subscription` is empty when the sender names none of ours."""

    subscription: str
    data: bytes
    attributes: Mapping[str, str]
    message_id: str


def receive(body: bytes, headers: Mapping[str, str], function: str) -> tuple[str, int]:
    """Give a push to the handler of its subscription, one of those that `function` listens to; the answer's text and HTTP status.

    Work that is done, and work that nobody can do, is acknowledged; the latter only once it is in the dead letters. Whatever may
    work later is refused, and comes again.
    """
    observe()
    try:
        push = parse(body)
    except InvalidMessage as error:
        LOG.error("this is no push of Pub/Sub", extra={"reason": str(error)})
        return f"{error}\n", NO_PUSH
    begun, listening = time.monotonic(), EVENT_FUNCTIONS[function]
    with _traced(push, headers, listening) as span:
        status = _status_of(push, listening)
        span.set_attribute("http.response.status_code", status)
        extras = {"subscription": push.subscription, "message_id": push.message_id, "status": status}
        LOG.info("delivery", extra={**extras, "seconds": round(time.monotonic() - begun, 3)})
    tracing.flush()
    return "", status


def parse(body: bytes) -> Push:
    """The push in a request's body, bare or as a structured CloudEvent.

    Raises:
        InvalidMessage: it is neither.
    """
    try:
        envelope: Any = json.loads(body)
        envelope = envelope if "message" in envelope else envelope["data"]
        message = envelope["message"]
        attributes = {str(key): str(value) for key, value in (message.get("attributes") or {}).items()}
        data = base64.b64decode(message.get("data") or "", validate=True)
        name = str(envelope.get("subscription") or "").rpartition("/")[2]
        return Push(name, data, attributes, str(message.get("messageId") or message.get("message_id") or ""))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise InvalidMessage(f"a request that is no push of Pub/Sub: {type(error).__name__}: {error}") from error


def _status_of(push: Push, listening: tuple[Subscription, ...]) -> int:
    """The status that the delivery earns."""
    about = {"subscription": push.subscription, "message_id": push.message_id}
    result = outcome_of(lambda: _handle(push, listening), about)
    match result.outcome:
        case Outcome.ACKNOWLEDGE:
            return ACKNOWLEDGED
        case Outcome.DEAD_LETTER:
            return _dead_letter(push, listening, result.reason)
        case Outcome.WAIT | Outcome.RETRY:
            return REFUSED


def _handle(push: Push, listening: tuple[Subscription, ...]) -> None:
    from scenesearch.bootstrap import application

    if Subscription.RECOVER_DEAD_LETTERS in listening and push.attributes.get("type") == TICK:
        application().tick()
        return
    check_due(push.attributes)
    message = message_of(push.data, push.attributes)
    if only_waited(push.attributes) and isinstance(message, DeadLetter):
        topic = WIRING[Subscription(message.subscription)].topic
        application().publisher.publish(topic, message_of(push.data, message.attributes))
        return
    application().handlers[_listener(push, listening, message)](message)


def _listener(push: Push, listening: tuple[Subscription, ...], message: Message | None = None) -> Subscription:
    """The subscription that the push came by: as it says, else by the kind of its message."""
    named = [one for one in listening if one == push.subscription]
    fitting = [one for one in listening if isinstance(message, WIRING[one].takes)]
    return (named or fitting or listening)[0]


def _dead_letter(push: Push, listening: tuple[Subscription, ...], reason: str) -> int:
    """Acknowledge what cannot work once it is a dead letter. What is one already is given to `recover` as a letter about itself."""
    from scenesearch.bootstrap import application

    subscription = _listener(push, listening)
    letter = DeadLetter.of(subscription, reason, push.data, push.attributes)
    try:
        if subscription is Subscription.RECOVER_DEAD_LETTERS:
            application().handlers[subscription](letter)
        else:
            application().publisher.publish(Topic.DEAD_LETTERS, letter)
    except Exception:
        LOG.exception("a delivery could not be given up", extra={"subscription": push.subscription, "message_id": push.message_id})
        return REFUSED
    return ACKNOWLEDGED


def _traced(push: Push, headers: Mapping[str, str], listening: tuple[Subscription, ...]) -> AbstractContextManager[Span]:
    """A span of the trace that the message carries (else of the request's), so that what the handler publishes carries it on."""
    from opentelemetry.trace import SpanKind

    carrier = push.attributes if "traceparent" in push.attributes else {key.lower(): value for key, value in headers.items()}
    name = push.subscription or listening[0].value
    about = {"messaging.system": "gcp_pubsub", "messaging.destination.name": name, "messaging.message.id": push.message_id}
    return tracing.span(name, SpanKind.CONSUMER, carrier, **about)

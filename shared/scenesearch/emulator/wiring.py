"""Topics, and for every subscription of ours: push, backoff and dead letters, as the infrastructure makes them in the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient as Publishing
from google.pubsub_v1 import SubscriberClient as Subscribing
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport as PublishingTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport as SubscribingTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy
from grpc import insecure_channel

from scenesearch.messages import SUBSCRIPTIONS, Subscription, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How Pub/Sub delivers. `attempts` before a message is a dead letter: 5 to 100.

    The emulator loses some of the messages that are refused more than once under a retry policy; without `backoff` it has none and
    delivers again at once, reliably (decision 20).
    """

    attempts: int = 40
    backoff: timedelta = timedelta(seconds=1)
    backoff_limit: timedelta = timedelta(seconds=10)
    ack_deadline: timedelta = timedelta(seconds=600)


def create_topics(emulator: str, project: str) -> None:
    """All of them; those that are there stay. `emulator`: host and port."""
    with Publishing(transport=PublishingTransport(channel=insecure_channel(emulator))) as publisher:
        for topic in Topic:
            with suppress(AlreadyExists):
                publisher.create_topic(name=publisher.topic_path(project, topic))


def create_subscriptions(emulator: str, project: str, delivery: Delivery, push_to: Mapping[Subscription, str] | None = None) -> None:
    """Subscriptions that push to these URLs, or that are pulled from; those that are there stay.

    Dead letters of all go to the topic `dead-letters`; the subscription that `recover` listens on has none itself.
    """
    retries = RetryPolicy(minimum_backoff=_duration(delivery.backoff), maximum_backoff=_duration(delivery.backoff_limit))
    with Subscribing(transport=SubscribingTransport(channel=insecure_channel(emulator))) as subscriber:
        dead_letters = DeadLetterPolicy(
            dead_letter_topic=Publishing.topic_path(project, Topic.DEAD_LETTERS), max_delivery_attempts=delivery.attempts
        )
        for subscription, topic in SUBSCRIPTIONS.items():
            with suppress(AlreadyExists):
                subscriber.create_subscription(
                    request={
                        "name": subscriber.subscription_path(project, subscription),
                        "topic": Publishing.topic_path(project, topic),
                        "push_config": PushConfig(push_endpoint=push_to[subscription]) if push_to else None,
                        "ack_deadline_seconds": round(delivery.ack_deadline.total_seconds()),
                        "retry_policy": retries if delivery.backoff else None,
                        "dead_letter_policy": None if topic is Topic.DEAD_LETTERS else dead_letters,
                    }
                )


def _duration(span: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(span)
    return duration

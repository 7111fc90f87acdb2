"""A consumer of Pub/Sub's subscriptions (its emulator)."""

from __future__ import annotations

import uuid
from datetime import timedelta

from google.cloud.pubsub_v1 import SubscriberClient

from contract.publisher_contract import Taken
from emulators import need_emulators
from scenesearch.backends.gcp.deliveries import check_due, message_of
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.errors import Busy
from scenesearch.messages import Subscription

DELIVERY = Delivery(
    attempts=5,
    backoff=timedelta(milliseconds=50),
    backoff_limit=timedelta(milliseconds=200),
    ack_deadline=timedelta(seconds=10),  # the least there is
)


def new_project() -> str:
    """A project of its own in the emulators, with every topic and subscription."""
    emulator = need_emulators().pubsub
    name = f"p-{uuid.uuid4().hex[:12]}"
    create_topics(emulator, name)
    create_subscriptions(emulator, name, DELIVERY)
    return name


class PullListener:
    """Pulls, where the functions are pushed to: from subscriptions of the same wiring. Hands back what is not due, as they do."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = SubscriberClient()

    def take(self, subscription: Subscription) -> Taken | None:
        return self._pull(subscription, hold_s=60)

    def take_briefly(self, subscription: Subscription) -> Taken | None:
        return self._pull(subscription, hold_s=1)

    def acknowledge(self, taken: Taken) -> None:
        path, ack_id, _ = taken.handle
        self._client.acknowledge(subscription=path, ack_ids=[ack_id])

    def reject(self, taken: Taken) -> None:
        path, ack_id, _ = taken.handle
        self._client.modify_ack_deadline(subscription=path, ack_ids=[ack_id], ack_deadline_seconds=0)

    def close(self) -> None:
        self._client.close()

    def _pull(self, subscription: Subscription, hold_s: int) -> Taken | None:
        path = self._client.subscription_path(self._project, subscription)
        answer = self._client.pull(subscription=path, max_messages=1, return_immediately=True)
        for received in answer.received_messages:
            attributes = dict(received.message.attributes)
            taken = Taken(message_of(received.message.data, attributes), (path, received.ack_id, attributes))
            try:
                check_due(attributes)
            except Busy:
                self.reject(taken)
                return None
            self._client.modify_ack_deadline(subscription=path, ack_ids=[received.ack_id], ack_deadline_seconds=hold_s)
            return taken
        return None


def attributes_of(taken: Taken) -> dict[str, str]:
    """The attributes of a delivery."""
    attributes: dict[str, str] = taken.handle[2]
    return attributes

"""Publishing on Pub/Sub (its emulator): the contract, and what only it promises."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from google.cloud.pubsub_v1 import SubscriberClient
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from contract.given import together
from contract.publisher_contract import SPLIT, PublisherContract, Taken, arrived
from emulators import need_emulators
from scenesearch.backends.gcp.deliveries import NOT_BEFORE, check_due, message_of
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.errors import Busy, InvalidMessage
from scenesearch.messages import ChunkWork, Subscription, Topic
from scenesearch.ports import Publisher
from scenesearch.video import now
from waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")

DELIVERY = Delivery(
    attempts=5,
    backoff=timedelta(milliseconds=50),
    backoff_limit=timedelta(milliseconds=200),
    ack_deadline=timedelta(seconds=10),  # the least there is
)


class PullListener:
    """Pulls, where the functions are pushed to: from subscriptions of the same wiring."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = SubscriberClient()

    def take(self, subscription: Subscription) -> Taken | None:
        return self._pull(subscription, hold_s=60)

    def take_briefly(self, subscription: Subscription) -> Taken | None:
        return self._pull(subscription, hold_s=10)

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
            self._client.modify_ack_deadline(subscription=path, ack_ids=[received.ack_id], ack_deadline_seconds=hold_s)
            attributes = dict(received.message.attributes)
            return Taken(message_of(received.message.data, attributes), (path, received.ack_id, attributes))
        return None


@pytest.fixture
def project() -> str:
    emulator = need_emulators().pubsub
    name = f"p-{uuid.uuid4().hex[:12]}"
    create_topics(emulator, name)
    create_subscriptions(emulator, name, DELIVERY)
    return name


@pytest.fixture
def publisher(project: str) -> Publisher:
    return PubSubPublisher(project)


@pytest.fixture
def listener(project: str) -> Iterator[PullListener]:
    listener = PullListener(project)
    yield listener
    listener.close()


def attributes_of(taken: Taken) -> dict[str, str]:
    attributes: dict[str, str] = taken.handle[2]
    return attributes


class TestPubSubPublisher(PublisherContract):
    patience_s: ClassVar[float] = 40
    holds_back: ClassVar[bool] = False

    def test_what_is_delayed_comes_later(self, publisher: Publisher, listener: PullListener) -> None:  # type: ignore[override]
        """It comes at once and says when it is due: consumers hand it back until then."""
        begun = now()
        publisher.publish(Topic.SPLITS, SPLIT, delay=timedelta(minutes=10))
        attributes = attributes_of(arrived(listener, Subscription.SPLIT_SPLITS))
        due = datetime.fromisoformat(attributes[NOT_BEFORE])
        assert timedelta(minutes=10) <= due - begun <= timedelta(minutes=11)
        with pytest.raises(Busy, match="not due"):
            check_due(attributes)
        check_due({NOT_BEFORE: begun.isoformat()})
        check_due({})


@pytest.mark.parametrize("said", ["soon", "2026-11-03T10:00:00"])
def test_a_time_that_is_none_is_unreadable(said: str) -> None:
    with pytest.raises(InvalidMessage):
        check_due({NOT_BEFORE: said})


def test_the_trace_goes_with_the_message(publisher: Publisher, listener: PullListener) -> None:
    context = SpanContext(trace_id=0xABC, span_id=0x123, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        publisher.publish(Topic.SPLITS, SPLIT)
    assert attributes_of(arrived(listener, Subscription.SPLIT_SPLITS))["traceparent"] == f"00-{0xABC:032x}-{0x123:016x}-01"


def test_many_threads_publish_at_once(publisher: Publisher, listener: PullListener) -> None:
    together(16, lambda n: publisher.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=n)))
    chunks = set[int]()

    def take_all() -> bool:
        if taken := listener.take(Subscription.EXTRACT_TEXTS):
            assert isinstance(taken.message, ChunkWork)
            chunks.add(taken.message.chunk)
        return len(chunks) == 16

    eventually(take_all, within_s=30)

"""Publishing on Pub/Sub (its emulator): the contract, and what only it promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from google.cloud.pubsub_v1 import SubscriberClient
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from contract.gcp_listener import PullListener, attributes_of, new_project
from contract.given import together
from contract.publisher_contract import SPLIT, PublisherContract, arrived
from scenesearch.backends.gcp.deliveries import NOT_BEFORE, check_due
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.errors import Busy, InvalidMessage
from scenesearch.messages import ChunkWork, Subscription, Topic
from scenesearch.ports import Publisher
from scenesearch.video import now
from waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")


@pytest.fixture
def project() -> str:
    return new_project()


@pytest.fixture
def publisher(project: str) -> Publisher:
    return PubSubPublisher(project)


@pytest.fixture
def listener(project: str) -> Iterator[PullListener]:
    listener = PullListener(project)
    yield listener
    listener.close()


class TestPubSubPublisher(PublisherContract):
    patience_s: ClassVar[float] = 40


def test_a_message_says_when_it_is_due(project: str, publisher: Publisher) -> None:
    """Pub/Sub delivers at once what was published with a delay: whoever reads this hands it back until then."""
    begun = now()
    publisher.publish(Topic.SPLITS, SPLIT, delay=timedelta(minutes=10))
    attributes = eventually(lambda: delivered(project, Subscription.SPLIT_SPLITS))
    due = datetime.fromisoformat(attributes[NOT_BEFORE])
    assert timedelta(minutes=10) <= due - begun <= timedelta(minutes=11)
    with pytest.raises(Busy, match="not due"):
        check_due(attributes)
    check_due({NOT_BEFORE: begun.isoformat()})
    check_due({})


def delivered(project: str, subscription: Subscription) -> dict[str, str]:
    """The attributes of a message as Pub/Sub delivers it; none when there is none yet."""
    with SubscriberClient() as client:
        answer = client.pull(subscription=client.subscription_path(project, subscription), max_messages=1, return_immediately=True)
    return {name: value for received in answer.received_messages for name, value in received.message.attributes.items()}


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

"""What every `Publisher` promises to those who listen. A backend subclasses `PublisherContract` and gives it two fixtures:
`publisher`, and `listener`, which takes from the subscriptions as that backend's consumers do.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import pytest

from scenesearch.messages import (
    SUBSCRIPTIONS,
    ChunkWork,
    DeadLetter,
    Extracted,
    Message,
    ObjectChanged,
    SplitWork,
    Subscription,
    Topic,
    VideoEvent,
    decode,
)
from scenesearch.ports import Publisher
from scenesearch.video import VideoState
from waiting import eventually


@dataclass(frozen=True)
class Taken:
    """One delivery; `handle` is whatever the backend needs to answer it."""

    message: Message
    handle: Any


class Listener(Protocol):
    """A consumer of the backend's subscriptions."""

    def take(self, subscription: Subscription) -> Taken | None:
        """A delivery that is due now, if any; others do not get it for a minute. What is not due is handed back."""
        ...

    def take_briefly(self, subscription: Subscription) -> Taken | None:
        """The same, but held for a fraction of a second only (or as briefly as the backend can)."""
        ...

    def acknowledge(self, taken: Taken) -> None: ...

    def reject(self, taken: Taken) -> None:
        """It shall come again, soon."""
        ...


SPLIT = SplitWork(video_id="v1", generation=1)
MESSAGES: dict[Topic, Message] = {
    Topic.OBJECTS: ObjectChanged(event="OBJECT_FINALIZE", bucket="uploads", name="祭り/a b\n🎆.mp4", generation=1_762_162_215_123_456),
    Topic.SPLITS: SPLIT,
    Topic.CHUNKS: ChunkWork(video_id="v1", generation=1, chunk=7),
    Topic.EXTRACTED: Extracted(video_id="v1", generation=1),
    Topic.BATCHES: ObjectChanged(event="OBJECT_FINALIZE", bucket="work", name="batches/b/output/predictions.jsonl", generation=2),
    Topic.DEAD_LETTERS: DeadLetter(subscription="split-splits", reason="没有", data="e30=", attributes={"type": "split"}),
}


def arrived(listener: Listener, subscription: Subscription, *, within_s: float = 20, briefly: bool = False) -> Taken:
    take = listener.take_briefly if briefly else listener.take
    taken = eventually(lambda: take(subscription), within_s=within_s)
    assert taken is not None
    return taken


class PublisherContract:
    patience_s: ClassVar[float] = 20
    """How long a rejected or expired delivery may take to come again."""

    @pytest.mark.parametrize(("subscription", "topic"), SUBSCRIPTIONS.items())
    def test_every_subscription_gets_its_topics_messages_as_they_were_sent(
        self, publisher: Publisher, listener: Listener, subscription: Subscription, topic: Topic
    ) -> None:
        publisher.publish(topic, MESSAGES[topic])
        assert arrived(listener, subscription).message == MESSAGES[topic]

    def test_every_subscription_of_a_topic_gets_its_own_delivery(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.CHUNKS, MESSAGES[Topic.CHUNKS])
        listeners = [subscription for subscription, topic in SUBSCRIPTIONS.items() if topic is Topic.CHUNKS]
        assert len(listeners) == 3
        for subscription in listeners:
            listener.acknowledge(arrived(listener, subscription))
        assert all(listener.take(subscription) is None for subscription in listeners)

    def test_nobody_has_to_listen(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.VIDEO_EVENTS, VideoEvent(video_id="v1", generation=1, state=VideoState.READY))
        assert all(listener.take(subscription) is None for subscription in SUBSCRIPTIONS)

    def test_what_is_acknowledged_does_not_come_again(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.SPLITS, SPLIT)
        listener.acknowledge(arrived(listener, Subscription.SPLIT_SPLITS))
        assert listener.take(Subscription.SPLIT_SPLITS) is None

    def test_what_is_being_worked_on_is_not_given_to_another(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.SPLITS, SPLIT)
        arrived(listener, Subscription.SPLIT_SPLITS)
        assert listener.take(Subscription.SPLIT_SPLITS) is None

    def test_what_is_rejected_comes_again(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.SPLITS, SPLIT)
        listener.reject(arrived(listener, Subscription.SPLIT_SPLITS))
        assert arrived(listener, Subscription.SPLIT_SPLITS, within_s=self.patience_s).message == SPLIT

    def test_what_is_neither_acknowledged_nor_rejected_comes_again(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.SPLITS, SPLIT)
        arrived(listener, Subscription.SPLIT_SPLITS, briefly=True)
        assert arrived(listener, Subscription.SPLIT_SPLITS, within_s=self.patience_s).message == SPLIT

    def test_equal_messages_are_not_one(self, publisher: Publisher, listener: Listener) -> None:
        for _ in range(2):
            publisher.publish(Topic.SPLITS, SPLIT)
        for _ in range(2):
            listener.acknowledge(arrived(listener, Subscription.SPLIT_SPLITS))

    def test_what_is_delayed_comes_later(self, publisher: Publisher, listener: Listener) -> None:
        begun = time.time()
        publisher.publish(Topic.SPLITS, SPLIT, delay=timedelta(seconds=0.5))
        arrived(listener, Subscription.SPLIT_SPLITS)
        assert time.time() >= begun + 0.5

    def test_what_is_rejected_too_often_becomes_a_dead_letter(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.SPLITS, SPLIT)

        def reject_until_dead() -> Taken | None:
            if taken := listener.take(Subscription.SPLIT_SPLITS):
                listener.reject(taken)
            return listener.take(Subscription.RECOVER_DEAD_LETTERS)

        dead = eventually(reject_until_dead, within_s=60)
        assert dead is not None
        letter = dead.message
        assert isinstance(letter, DeadLetter)
        assert letter.subscription == Subscription.SPLIT_SPLITS
        assert letter.reason
        assert decode(base64.b64decode(letter.data), letter.attributes) == SPLIT
        assert listener.take(Subscription.SPLIT_SPLITS) is None

    def test_dead_letters_have_no_dead_letters(self, publisher: Publisher, listener: Listener) -> None:
        publisher.publish(Topic.DEAD_LETTERS, MESSAGES[Topic.DEAD_LETTERS])
        for _ in range(12):
            taken = arrived(listener, Subscription.RECOVER_DEAD_LETTERS, within_s=self.patience_s)
            assert taken.message == MESSAGES[Topic.DEAD_LETTERS]
            listener.reject(taken)

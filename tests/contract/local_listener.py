"""A consumer of the queue of one machine."""

from __future__ import annotations

from datetime import timedelta

from contract.publisher_contract import Taken
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.messages import Subscription

MINUTE = timedelta(minutes=1)


class QueueListener:
    """Claims, as the workers do."""

    def __init__(self, queue: LocalQueue) -> None:
        self._queue = queue

    def take(self, subscription: Subscription, lease: timedelta = MINUTE) -> Taken | None:
        claim = self._queue.claim((subscription,), lease)
        return Taken(claim.message, claim) if claim else None

    def take_briefly(self, subscription: Subscription) -> Taken | None:
        return self.take(subscription, timedelta(milliseconds=50))

    def acknowledge(self, taken: Taken) -> None:
        assert self._queue.acknowledge(taken.handle)

    def reject(self, taken: Taken) -> None:
        assert self._queue.reject(taken.handle, "the test says no")

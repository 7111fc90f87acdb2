"""How one stage tells the next that there is work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from scenesearch.messages import Message, Topic

Handler = Callable[[Message], None]
"""What a delivered message is given to. It returns when the work is done, and raises an error of `scenesearch.errors` when it is not."""


class Publisher(Protocol):
    """At least once, in no order, after `delay`."""

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        """Deliver the message to every subscription of the topic. Returns when it is durable. Raises `Unavailable`."""
        ...

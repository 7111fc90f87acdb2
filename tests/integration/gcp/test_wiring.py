"""Topics and subscriptions as they are wired: what is refused too often reaches `recover` as a dead letter."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from contract.publisher_contract import MESSAGES
from emulators import need_emulators
from scenesearch.backends.gcp.deliveries import message_of
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.messages import SUBSCRIPTIONS, DeadLetter, Subscription, Topic, decode
from scenesearch.web.push import parse
from waiting import eventually


@dataclass
class Listeners:
    """One URL a subscription; all refuse but `recover`'s, which remembers."""

    url: str
    letters: list[DeadLetter] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            push = parse(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == f"/{Subscription.RECOVER_DEAD_LETTERS}":
                message = message_of(push.data, push.attributes)
                assert isinstance(message, DeadLetter)
                heard.letters.append(message)
            else:
                heard.refused.append(push.subscription)
            self.send_response(204 if self.path == f"/{Subscription.RECOVER_DEAD_LETTERS}" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Listeners(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield heard
    server.shutdown()


def test_what_every_subscription_gives_up_reaches_recover_with_its_name(listeners: Listeners) -> None:
    emulator, project = need_emulators().pubsub, f"p-{uuid.uuid4().hex[:12]}"
    create_topics(emulator, project)
    delivery = Delivery(attempts=5, backoff=timedelta(0))  # under a backoff the emulator may lose one of them (decision 20)
    create_subscriptions(emulator, project, delivery, {one: f"{listeners.url}/{one}" for one in Subscription})
    publisher = PubSubPublisher(project)
    for topic, message in MESSAGES.items():
        if topic is not Topic.DEAD_LETTERS:
            publisher.publish(topic, message)
    others = {one for one in Subscription if one is not Subscription.RECOVER_DEAD_LETTERS}
    eventually(lambda: {letter.subscription for letter in listeners.letters} == others, within_s=90)
    for letter in listeners.letters:
        topic = SUBSCRIPTIONS[Subscription(letter.subscription)]
        assert decode(base64.b64decode(letter.data), letter.attributes) == MESSAGES[topic]
        assert listeners.refused.count(letter.subscription) >= 5

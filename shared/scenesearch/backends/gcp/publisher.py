"""The `Publisher` port over Pub/Sub."""

from __future__ import annotations

from concurrent.futures import TimeoutError as NotInTime
from datetime import timedelta

from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings
from opentelemetry import trace
from opentelemetry.propagate import inject

from scenesearch.backends.gcp.deliveries import NOT_BEFORE
from scenesearch.backends.gcp.faults import translated
from scenesearch.errors import Unavailable
from scenesearch.messages import Message, Topic, encode
from scenesearch.video import now

PATIENCE_S = 60.0
"""Seconds that a message may take to become durable; then the work around it is delivered again."""

BATCHES = BatchSettings(max_messages=100, max_bytes=1_000_000, max_latency=0.005)
"""What several threads publish within 5 ms travels together."""


class PubSubPublisher:
    """Publishes on the topics of one project. Threads may share it."""

    def __init__(self, project: str) -> None:
        with translated("connecting to Pub/Sub"):
            self._client = PublisherClient(batch_settings=BATCHES)
        self._project = project

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        """The attributes also carry the W3C trace context of whoever publishes.

        Pub/Sub has no delays: a delayed message says when it is due, and is handed back (with the subscription's growing
        backoff) by whoever gets it earlier. Each time counts as a delivery attempt, so delays are for minutes, not for days.
        """
        data, attributes = encode(message)
        if delay > timedelta(0):
            attributes[NOT_BEFORE] = (now() + delay).isoformat()
        about = {"messaging.system": "gcp_pubsub", "messaging.destination.name": str(topic)}
        tracer = trace.get_tracer("scenesearch")
        with tracer.start_as_current_span(f"publish {topic}", None, trace.SpanKind.PRODUCER, about), translated(f"publishing on {topic}"):
            inject(attributes)
            try:
                self._client.publish(self._client.topic_path(self._project, topic), data, **attributes).result(timeout=PATIENCE_S)
            except NotInTime as error:
                raise Unavailable(f"publishing on {topic}: not confirmed within {PATIENCE_S:.0f} s") from error

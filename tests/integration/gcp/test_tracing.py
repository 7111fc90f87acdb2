"""Traces: functions in processes of their own, and a receiver of spans in place of Cloud Trace."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.firestore import Client
from google.cloud.pubsub_v1 import SubscriberClient
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from emulators import need_emulators
from media_files import Recipe, make
from scenesearch.config import Settings
from scenesearch.emulator.functions import Functions
from scenesearch.emulator.processes import Programs
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.messages import ObjectChanged, Subscription, encode
from scenesearch.observability.tracing import ENDPOINT, provider
from stand_ins.cloud_trace import Receiver, receiving
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The return_immediately flag")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def project() -> str:
    """A project of its own with topics and buckets."""
    services, name = need_emulators(), f"p-{uuid.uuid4().hex[:12]}"
    create_topics(services.pubsub, name)
    create_subscriptions(services.pubsub, name, Delivery(ack_deadline=timedelta(seconds=60)))
    client = storage.Client(project=name, credentials=AnonymousCredentials())
    for purpose in ("uploads", "work"):
        client.create_bucket(f"{name}-{purpose}")
    return name


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "logs") as programs:
        yield programs


def settings(project: str, receiver: Receiver, function: str, **more: str) -> dict[str, str]:
    return {
        **need_emulators().environment,
        "SCENESEARCH_BACKEND": "gcp",
        "SCENESEARCH_MODELS": "vertexai",
        "SCENESEARCH_AUTH": "google",
        "SCENESEARCH_AUTH_AUDIENCE": "https://search.example",
        "SCENESEARCH_GCP_PROJECT": project,
        "SCENESEARCH_VERTEXAI_PROJECT": project,
        "SCENESEARCH_UPLOADS_BUCKET": f"{project}-uploads",
        "SCENESEARCH_WORK_BUCKET": f"{project}-work",
        "SCENESEARCH_TRACE_RATIO": "1",
        "OTEL_SERVICE_NAME": function.replace("_", "-"),
        "K_SERVICE": function,
        ENDPOINT: receiver.url,
        **more,
    }


def call(url: str, body: Mapping[str, Any] | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)  # noqa: S310 (our own address)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.read()
        return refused.code


def pushed(subscription: Subscription, data: bytes, attributes: Mapping[str, str]) -> dict[str, Any]:
    message = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes), "messageId": "1"}
    return {"subscription": f"projects/p/subscriptions/{subscription}", "message": message}


def lines(functions: Functions, name: str) -> list[dict[str, Any]]:
    """What the function has logged so far."""
    log = functions.running[name].program.log.read_text()
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def heard(project: str, subscription: Subscription) -> tuple[bytes, dict[str, str]] | None:
    with SubscriberClient() as client:
        path = client.subscription_path(project, subscription)
        found = client.pull(subscription=path, max_messages=1, return_immediately=True).received_messages
        return (found[0].message.data, dict(found[0].message.attributes)) if found else None


def test_one_trace_goes_through_publisher_and_push_handler_and_is_sent_before_each_answers(
    project: str, receiver: Receiver, programs: Programs, tmp_path: Path
) -> None:
    split, texts = "split", "extract_texts"
    functions = Functions(programs, {})
    for name in (split, texts):
        functions.start(name, 1)
        functions.restart(name, 1, settings(project, receiver, name))
    functions.wait()

    bucket = storage.Client(project=project, credentials=AnonymousCredentials()).bucket(f"{project}-uploads")
    upload = bucket.blob("a.mp4")
    upload.upload_from_filename(str(make(tmp_path / "a.mp4", Recipe(seconds=4))), content_type="video/mp4")
    news, attributes = encode(ObjectChanged(event="OBJECT_FINALIZE", bucket=bucket.name, name="a.mp4", generation=upload.generation))
    assert call(functions.running[split].url, pushed(Subscription.SPLIT_OBJECTS, news, attributes)) == 204
    publishes = {span.name: span for span in receiver.of("split")}  # there already: nothing is sent after the answer
    (consumed,) = (span for span in receiver.of("split") if span.kind == Span.SPAN_KIND_CONSUMER)
    publish = publishes["publish chunks"]
    assert publish.kind == Span.SPAN_KIND_PRODUCER
    assert publish.parent_span_id == consumed.span_id

    data, carried = eventually(lambda: heard(project, Subscription.EXTRACT_TEXTS))
    Client(project=project).collection("generations").document(f"{json.loads(data)['video_id']}.{upload.generation}").delete()
    assert call(functions.running[texts].url, pushed(Subscription.EXTRACT_TEXTS, data, carried)) == 204
    (handled,) = receiver.of("extract-texts")
    assert handled.name == "extract-texts"
    assert handled.parent_span_id == publish.span_id
    assert {span.trace_id for _, span in receiver.spans} == {consumed.trace_id}
    assert receiver.projects == {project}
    assert receiver.credentials == {None}, "only Google is shown Google's credentials"

    (delivery,) = (line for line in lines(functions, texts) if line["message"] == "delivery")
    assert delivery["logging.googleapis.com/trace"] == f"projects/{project}/traces/{consumed.trace_id.hex()}"
    assert delivery["logging.googleapis.com/spanId"] == handled.span_id.hex()
    assert delivery["logging.googleapis.com/trace_sampled"] is True


def test_a_question_is_a_span_of_its_callers_trace_and_does_not_hold_what_was_asked(
    project: str, receiver: Receiver, programs: Programs
) -> None:
    functions = Functions(programs, {})
    functions.start("search", 1)
    functions.restart("search", 1, settings(project, receiver, "search"))
    functions.wait()
    url, trace = functions.running["search"].url, uuid.uuid4().hex
    assert receiver.spans == [], "asking whether it lives is no span"
    # Google's front end names a trace for every request, and has mostly not chosen it: ours are chosen all the same.
    assert call(f"{url}/v1/search?q=my+secret+question", traceparent=f"00-{trace}-00f067aa0ba902b7-00") == 401
    (span,) = receiver.of("search")  # and none of FastAPI's own, which hold the address
    assert (span.name, span.kind) == ("GET /v1/search", Span.SPAN_KIND_SERVER)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, "00f067aa0ba902b7")
    assert "secret" not in str(span)
    requests = eventually(lambda: [line for line in lines(functions, "search") if line.get("route") == "/v1/search"])
    assert [line["logging.googleapis.com/trace"] for line in requests] == [f"projects/{project}/traces/{trace}"]


def test_a_receiver_that_is_down_delays_the_answer_but_changes_nothing(project: str, receiver: Receiver, programs: Programs) -> None:
    functions = Functions(programs, {})
    functions.start("remove", 1)
    functions.restart("remove", 1, settings(project, receiver, "remove", **{ENDPOINT: "http://127.0.0.1:9/v1/traces"}))
    functions.wait()
    news, attributes = encode(ObjectChanged(event="OBJECT_DELETE", bucket=f"{project}-uploads", name="gone.mp4", generation=7))
    assert call(functions.running["remove"].url, pushed(Subscription.REMOVE_OBJECTS, news, attributes)) == 204
    assert "Failed to export" in functions.running["remove"].program.log.read_text()


def test_without_a_share_nothing_of_the_recorder_is_even_loaded(project: str, receiver: Receiver, programs: Programs) -> None:
    functions = Functions(programs, {})
    functions.start("remove", 1)
    functions.restart("remove", 1, settings(project, receiver, "remove", SCENESEARCH_TRACE_RATIO="0"))
    functions.wait()
    news, attributes = encode(ObjectChanged(event="OBJECT_DELETE", bucket=f"{project}-uploads", name="gone.mp4", generation=7))
    assert call(functions.running["remove"].url, pushed(Subscription.REMOVE_OBJECTS, news, attributes)) == 204
    assert receiver.spans == []


def test_every_function_chooses_the_same_traces() -> None:
    """Half of them, whether the message says that it was chosen or not, so none is sent in part."""
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    exporters = [InMemorySpanExporter() for _ in range(2)]
    providers = [provider(Settings(gcp_project="p", trace_ratio=0.5), exporter) for exporter in exporters]
    for _ in range(200):
        context = SpanContext(secrets.randbits(128), 7, is_remote=True, trace_flags=TraceFlags(0))
        for one in providers:
            with one.get_tracer("t").start_as_current_span("s", set_span_in_context(NonRecordingSpan(context), Context())):
                pass
    for one in providers:
        one.shutdown()
    first, second = ({span.context.trace_id for span in exporter.get_finished_spans() if span.context} for exporter in exporters)
    assert first == second
    assert 60 < len(first) < 140

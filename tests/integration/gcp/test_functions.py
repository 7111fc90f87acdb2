"""Functions as the framework serves them: a real push in, the right status out, the right message on."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.pubsub_v1 import SubscriberClient

from emulators import need_emulators
from scenesearch import bootstrap
from scenesearch.backends.gcp.deliveries import NOT_BEFORE, message_of
from scenesearch.emulator.functions import ENTRY_POINT
from scenesearch.emulator.services import Services
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.messages import EVENT_FUNCTIONS, ChunkWork, DeadLetter, Message, ObjectChanged, SplitWork, Subscription, encode
from scenesearch.video import VideoRef, VideoState, now, video_id
from scenesearch.web.push import TICK
from waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")

FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"


@pytest.fixture
def services() -> Services:
    return need_emulators()


@pytest.fixture
def project(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A project of its own, and the settings of functions in it."""
    name = f"p-{uuid.uuid4().hex[:12]}"
    create_topics(services.pubsub, name)
    create_subscriptions(services.pubsub, name, Delivery(ack_deadline=timedelta(seconds=60)))
    client = storage.Client(project=name, credentials=AnonymousCredentials())
    for purpose in ("uploads", "work"):
        client.create_bucket(f"{name}-{purpose}")
        monkeypatch.setenv(f"SCENESEARCH_{purpose.upper()}_BUCKET", f"{name}-{purpose}")
    monkeypatch.setenv("SCENESEARCH_BACKEND", "gcp")
    monkeypatch.setenv("SCENESEARCH_GCP_PROJECT", name)
    for variable, value in services.environment.items():
        monkeypatch.setenv(variable, value)
    bootstrap.application.cache_clear()
    yield name
    bootstrap.application.cache_clear()


def called(function: str) -> FlaskClient:
    return functions_framework.create_app(ENTRY_POINT, str(FUNCTIONS / function / "main.py")).test_client()


def push(message: Message | bytes, subscription: str = "", attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    data, own = (message, {}) if isinstance(message, bytes) else encode(message)
    return {
        "subscription": f"projects/p/subscriptions/{subscription}",
        "message": {"data": base64.b64encode(data).decode(), "attributes": {**own, **(attributes or {})}, "messageId": "1"},
    }


def heard(project: str, subscription: Subscription) -> list[Message]:
    """What lies on the subscription."""
    with SubscriberClient() as client:
        path = client.subscription_path(project, subscription)
        answer = client.pull(subscription=path, max_messages=100, return_immediately=True)
        return [message_of(one.message.data, one.message.attributes) for one in answer.received_messages]


def one_dead_letter(project: str) -> DeadLetter:
    found = eventually(lambda: heard(project, Subscription.RECOVER_DEAD_LETTERS))
    assert len(found) == 1
    assert isinstance(found[0], DeadLetter)
    return found[0]


@pytest.mark.parametrize("function", EVENT_FUNCTIONS)
def test_importing_a_function_costs_less_than_a_second_and_150_mb(function: str, record_property: pytest.RecordProperty) -> None:
    script = (
        "import time, importlib.util as u; begun = time.process_time();"
        f"s = u.spec_from_file_location('main', {str(FUNCTIONS / function / 'main.py')!r});"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'));"  # ru_maxrss would count the parent's
        "print(time.process_time() - begun, int(peak.split()[1]) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    record_property(f"{function}_import_s", round(seconds, 2))
    record_property(f"{function}_import_mb", round(megabytes))
    assert seconds < 1
    assert megabytes < 150


@pytest.mark.parametrize("function", [name for name in EVENT_FUNCTIONS if name != "recover"])
def test_an_unreadable_message_becomes_a_dead_letter_and_is_acknowledged(project: str, function: str) -> None:
    subscription = EVENT_FUNCTIONS[function][0]
    answer = called(function).post("/", json=push(b"{not json", subscription, {"a": "1"}))
    assert answer.status_code == 204
    letter = one_dead_letter(project)
    assert (letter.subscription, base64.b64decode(letter.data), letter.attributes["a"]) == (subscription, b"{not json", "1")
    assert "schema" in letter.reason


def test_what_recover_cannot_read_is_parked_and_not_sent_round(project: str) -> None:
    answer = called("recover").post("/", json=push(b"{not json", Subscription.RECOVER_DEAD_LETTERS))
    assert answer.status_code == 204
    assert heard(project, Subscription.RECOVER_DEAD_LETTERS) == []
    assert [item.name.partition("/")[0] for item in bootstrap.application().work.list()] == ["parked"]


def test_a_message_of_another_function_becomes_a_dead_letter(project: str) -> None:
    work = ChunkWork(video_id="v", generation=1, chunk=0)
    assert called("assemble").post("/", json=push(work, Subscription.ASSEMBLE_EXTRACTED)).status_code == 204
    assert "needs Extracted" in one_dead_letter(project).reason


def test_a_request_that_is_no_push_is_refused(project: str) -> None:
    for body in (b"", b"[]", b"{}", b'{"message": 3}', b'{"message": {"data": "%%%"}}'):
        assert called("split").post("/", data=body).status_code == 400


def test_both_spellings_of_a_push_arrive(project: str) -> None:
    news = ObjectChanged(event="OBJECT_FINALIZE", bucket=f"{project}-uploads", name="gone.mp4", generation=7)
    bare = push(news, Subscription.SPLIT_OBJECTS)
    assert called("split").post("/", json=bare).status_code == 204
    assert called("split").post("/", json={"specversion": "1.0", "data": bare}).status_code == 204
    assert heard(project, Subscription.RECOVER_DEAD_LETTERS) == []


def test_the_kind_of_message_decides_where_the_push_does_not_say_its_subscription(project: str) -> None:
    for message in (ObjectChanged(event="OBJECT_DELETE", bucket="b", name="n", generation=1), SplitWork(video_id="v", generation=1)):
        assert called("split").post("/", json=push(message)).status_code == 204
    assert heard(project, Subscription.RECOVER_DEAD_LETTERS) == []


def test_what_is_not_due_comes_again(project: str) -> None:
    later = {NOT_BEFORE: (now() + timedelta(minutes=5)).isoformat()}
    work = SplitWork(video_id="v", generation=1)
    assert called("split").post("/", json=push(work, Subscription.SPLIT_SPLITS, later)).status_code == 503
    due = {NOT_BEFORE: (now() - timedelta(seconds=1)).isoformat()}
    assert called("split").post("/", json=push(work, Subscription.SPLIT_SPLITS, due)).status_code == 204


def test_a_service_that_is_down_makes_the_message_come_again(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("google.cloud.storage.retry.DEFAULT_RETRY._timeout", 0.5)
    news = ObjectChanged(event="OBJECT_FINALIZE", bucket=f"{project}-uploads", name="a.mp4", generation=7)
    assert called("split").post("/", json=push(news, Subscription.SPLIT_OBJECTS)).status_code == 503


def test_a_file_that_is_no_video_ends_failed_and_is_acknowledged(project: str) -> None:
    app = bootstrap.application()
    info = app.uploads.replace("c/text.mp4", io.BytesIO(b"just text"), content_type="video/mp4")
    news = ObjectChanged(event="OBJECT_FINALIZE", bucket=info.bucket, name=info.name, generation=info.generation)
    assert called("split").post("/", json=push(news, Subscription.SPLIT_OBJECTS)).status_code == 204
    video = app.catalog.generation(VideoRef(video_id(info.bucket, info.name), info.generation))
    assert video is not None
    assert video.state is VideoState.FAILED
    assert video.error


def test_the_timers_tick_sees_to_uploads_that_nobody_announced(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_STALLED_SECONDS", "0")
    info = bootstrap.application().uploads.replace("c/a.mp4", io.BytesIO(b"x"), content_type="video/mp4")
    assert called("recover").post("/", json=push(b"", "timer", {"type": TICK})).status_code == 204
    found = eventually(lambda: heard(project, Subscription.SPLIT_OBJECTS))
    assert [message.generation for message in found if isinstance(message, ObjectChanged)] == [info.generation]


def test_a_dead_letter_that_pubsub_forwarded_reaches_recover_as_one(project: str) -> None:
    data, attributes = encode(SplitWork(video_id="v", generation=1))
    forwarded = {
        **attributes,
        "CloudPubSubDeadLetterSourceSubscription": Subscription.SPLIT_SPLITS.value,
        "CloudPubSubDeadLetterSourceDeliveryCount": "40",
    }
    letter = message_of(data, forwarded)
    assert isinstance(letter, DeadLetter)
    assert (letter.subscription, "40" in letter.reason) == (Subscription.SPLIT_SPLITS, True)
    body = push(data, Subscription.RECOVER_DEAD_LETTERS, forwarded)
    assert called("recover").post("/", data=json.dumps(body)).status_code == 204
    assert heard(project, Subscription.RECOVER_DEAD_LETTERS) == []


def test_a_delayed_message_that_used_up_its_deliveries_waits_with_recover_and_is_published_again(project: str) -> None:
    data, attributes = encode(SplitWork(video_id="v", generation=1))
    forwarded = {**attributes, "CloudPubSubDeadLetterSourceSubscription": Subscription.SPLIT_SPLITS.value}
    early = {**forwarded, NOT_BEFORE: (now() + timedelta(minutes=1)).isoformat()}
    assert called("recover").post("/", json=push(data, Subscription.RECOVER_DEAD_LETTERS, early)).status_code == 503
    due = {**forwarded, NOT_BEFORE: (now() - timedelta(minutes=1)).isoformat()}
    assert called("recover").post("/", json=push(data, Subscription.RECOVER_DEAD_LETTERS, due)).status_code == 204
    assert eventually(lambda: heard(project, Subscription.SPLIT_SPLITS)) == [SplitWork(video_id="v", generation=1)]

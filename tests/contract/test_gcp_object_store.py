"""Cloud Storage (its emulator): the contract, and what only it promises."""

from __future__ import annotations

import base64
import io
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
from google.api_core.exceptions import AlreadyExists
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage

from contract.given import noise
from contract.object_store_contract import ODD_NAMES, Changes, ObjectStoreContract, put, read
from emulators import PROJECT, UPLOADS, need_emulators
from scenesearch.backends.gcp.backend import CloudBackend
from scenesearch.backends.gcp.deliveries import message_of
from scenesearch.backends.gcp.object_store import AT_ONCE_BYTES, CloudObjectStore
from scenesearch.backends.gcp.signing import EmulatorSigning
from scenesearch.config import Settings
from scenesearch.emulator.services import Services
from scenesearch.errors import InvalidRequest, ObjectNotFound
from scenesearch.messages import ObjectChanged, Topic
from scenesearch.models.vertexai.media_parts import MediaPart
from scenesearch.ports import ObjectStore
from scenesearch.video import Clip

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")


@pytest.fixture(scope="module")
def services() -> Services:
    return need_emulators()


@pytest.fixture
def client(services: Services) -> storage.Client:
    """Of a service whose announcing bucket is there, and empty."""
    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    if client.lookup_bucket(UPLOADS) is None:
        client.create_bucket(UPLOADS)
    for blob in client.list_blobs(UPLOADS):
        blob.delete()
    return client


@pytest.fixture
def changes(client: storage.Client) -> Iterator[Changes]:
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    topic = publisher.topic_path(PROJECT, Topic.OBJECTS)
    subscription = subscriber.subscription_path(PROJECT, f"changes-{uuid.uuid4().hex}")
    with suppress(AlreadyExists):
        publisher.create_topic(name=topic)
    seen: list[ObjectChanged] = []
    begun = time.time_ns() // 1000  # as generations are counted: the end of older ones is no news

    def changes_so_far() -> list[ObjectChanged]:
        answer = subscriber.pull(subscription=subscription, max_messages=100, return_immediately=True)
        for received in answer.received_messages:
            message = message_of(received.message.data, received.message.attributes)
            assert isinstance(message, ObjectChanged)
            if message.generation >= begun:
                seen.append(message)
        if answer.received_messages:
            subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id for received in answer.received_messages])
        return seen

    subscriber.create_subscription(name=subscription, topic=topic)
    yield changes_so_far
    subscriber.delete_subscription(subscription=subscription)
    subscriber.close()


@pytest.fixture
def store(client: storage.Client, changes: Changes, services: Services) -> ObjectStore:
    return CloudObjectStore(client, UPLOADS, signing=EmulatorSigning(), links_at=services.storage)


class TestCloudObjectStore(ObjectStoreContract):
    odd_names: ClassVar[list[str]] = [name for name in ODD_NAMES if name != ".."]


@pytest.mark.parametrize("name", ["", ".", "..", "broken \udcff name.mp4", "two\nlines", "é" * 513])
def test_a_name_that_cloud_storage_does_not_take_is_refused(store: ObjectStore, name: str) -> None:
    with pytest.raises(InvalidRequest):
        put(store, name)


def test_a_large_object_goes_in_a_session_from_where_the_source_stands(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(noise(2 * AT_ONCE_BYTES + 12_345))
    with path.open("rb") as source:
        source.seek(10)
        info = store.create("large", source, content_type="video/mp4", metadata={"title": "夏"})
    assert info.size_bytes == 2 * AT_ONCE_BYTES + 12_335
    assert store.stat("large") == info
    assert read(store, "large") == path.read_bytes()[10:]
    with store.as_file("large") as copy:
        assert copy.read_bytes() == path.read_bytes()[10:]
    assert not copy.exists()


def test_a_large_source_that_breaks_leaves_nothing(store: ObjectStore) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= AT_ONCE_BYTES:
                raise ConnectionResetError("the sender is gone")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        store.create("large", Breaks(b"x" * 3 * AT_ONCE_BYTES), content_type="video/mp4")
    assert list(store.list()) == []


def test_a_source_that_cannot_seek_is_written_whole(store: ObjectStore) -> None:
    class Stream(io.RawIOBase):
        rest = noise(AT_ONCE_BYTES + 77)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]
            taken, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
            buffer[: len(taken)] = taken
            return len(taken)

    assert store.create("stream", io.BufferedReader(Stream()), content_type="video/mp4").size_bytes == AT_ONCE_BYTES + 77
    assert read(store, "stream") == noise(AT_ONCE_BYTES + 77)


def test_reading_a_generation_that_is_replaced_meanwhile_ends(store: ObjectStore) -> None:
    put(store, "a", noise(1_000_000))
    with store.open("a") as file:
        assert len(file.read(10)) == 10
        put(store, "a", b"new")
        file.seek(500_000)
        with pytest.raises(ObjectNotFound):
            file.read(10)


def test_the_checksum_is_kept(store: ObjectStore) -> None:
    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    put(store, "a", b"123456789")
    checksum = client.bucket(store.bucket).get_blob("a").crc32c
    assert base64.b64decode(checksum).hex() == "e3069283"


def test_a_uri_is_what_models_fetch(store: ObjectStore) -> None:
    assert store.uri("夏/祭り.mp4") == f"gs://{store.bucket}/夏/祭り.mp4"


@pytest.mark.parametrize(
    ("models_at", "named"), [("http://127.0.0.1:9", True), ("http://localhost:9", True), ("", False), ("https://models.example", False)]
)
def test_models_that_cannot_fetch_from_an_emulator_are_sent_the_clip(client: storage.Client, models_at: str, named: bool) -> None:
    settings = Settings(gcp_project=PROJECT, uploads_bucket="uploads", work_bucket=UPLOADS, vertexai_base_url=models_at)
    work = CloudBackend(settings).work
    clip = put(work, "v1/夏 1.mp4", b"pictures")
    part = MediaPart(Clip(clip.name, clip.content_type, 0, 1000, clip.size_bytes), work).part(1.0)
    if named:
        assert part.file_data is not None
        assert part.file_data.file_uri == f"gs://{UPLOADS}/v1/夏 1.mp4"
    else:
        assert part.inline_data is not None
        assert part.inline_data.data == b"pictures"

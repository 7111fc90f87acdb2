"""Uploads of the page straight to the bucket (Cloud Storage's emulator), in the protocol that the page speaks."""

from __future__ import annotations

import httpx2
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from emulators import PROJECT, need_emulators
from scenesearch.backends.gcp.object_store import CloudObjectStore
from scenesearch.backends.gcp.signing import EmulatorSigning
from scenesearch.library.uploads import Announced, BucketUploads, object_name

PIECE = 256 * 1024


@pytest.fixture
def store() -> CloudObjectStore:
    need_emulators()
    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    if client.lookup_bucket("page-uploads") is None:
        client.create_bucket("page-uploads")
    return CloudObjectStore(client, "page-uploads", signing=EmulatorSigning())


def test_pieces_that_a_browser_puts_become_the_object(store: CloudObjectStore) -> None:
    content = bytes(range(256)) * 1024 * 3
    name = object_name("films", "夏 祭り.mp4")
    announced = Announced(name, len(content), "video/mp4", {"title": "夏", "language": "ja"})
    url = BucketUploads(store).open(announced, origin="https://films.example")
    for first in range(0, len(content), PIECE):
        piece = content[first : first + PIECE]
        headers = {"Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(content)}"}
        response = httpx2.put(url, content=piece, headers=headers)
    assert response.status_code == 200
    info = store.stat(name)
    assert (info.size_bytes, info.content_type) == (len(content), "video/mp4")
    assert {key: info.metadata[key] for key in ("title", "language")} == {"title": "夏", "language": "ja"}
    with store.open(name) as stored:
        assert stored.read() == content

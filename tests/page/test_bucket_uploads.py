"""Uploads from the page straight to the bucket, through everything that can go wrong on the way."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import google_crc32c
import pytest
from google.auth.credentials import Signing
from google.cloud import storage
from google.oauth2.credentials import Credentials
from playwright.sync_api import Page, expect

from page.conftest import serving
from scenesearch.backends.gcp.object_store import CloudObjectStore
from site_under_test import application_over
from stand_ins import cloud_storage
from stand_ins.cloud_storage import GRAIN, CloudStorage, Cors, Fault, Session
from waiting import eventually

PIECE = 8 << 20
DEPLOYED = Path(__file__).parents[1] / "infra" / "inventories" / "data.json"
WEEK_MS = 7 * 86_400_000


@pytest.fixture
def bucket() -> Iterator[CloudStorage]:
    """With the CORS rule that the deployment gives the bucket of uploads."""
    [rule] = json.loads(DEPLOYED.read_text())["resources"]["google_storage_bucket"]["scenesearch-prod-uploads"]["cors"]
    with cloud_storage.serving(Cors(**rule)) as stand_in:
        yield stand_in


@pytest.fixture
def library(tmp_path: Path, bucket: CloudStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The library as in the cloud: sessions are opened by Google's own client, and the page PUTs to them."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)  # tests before may have set it
    client = storage.Client(project="p", credentials=Credentials(token="token"), client_options={"api_endpoint": bucket.url})  # noqa: S106
    app = application_over(tmp_path / "home", backend="gcp")
    app.uploads = CloudObjectStore(client, "uploads", signing=_NoSigning())
    app.backend = SimpleNamespace(link_origins=(bucket.url,), takes_uploads=True, stays_up=False)
    with serving(app):
        bucket.cors.origin[:] = [app.url]
        yield app


class _NoSigning(Signing):
    """Sessions need no signature: their address is the right."""

    def sign_bytes(self, message: bytes) -> bytes:
        raise AssertionError(message)

    signer = signer_email = property(lambda self: None)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two pieces and a bit."""
    file = tmp_path / "film.mp4"
    file.write_bytes(os.urandom(2 * PIECE + 1_234_567))
    return file


def upload(page: Page, library: SimpleNamespace, film: Path) -> None:
    page.goto(f"{library.url}/library")
    page.locator("#files").set_input_files([film])


def arrived(page: Page, bucket: CloudStorage, film: Path) -> Session:
    """The finished session; its object is the file, by CRC32C."""
    expect(page.locator(".upload")).to_contain_text("will be read now", timeout=30_000)
    [session] = [one for one in bucket.sessions.values() if one.stored]
    assert session.stored is not None
    assert base64.b64decode(str(session.stored["crc32c"])) == google_crc32c.value(film.read_bytes()).to_bytes(4, "big")
    assert session.name.startswith("default/")
    assert session.name.endswith("/film.mp4")
    assert not json.loads(page.evaluate("localStorage.getItem('unfinished-uploads')")), "nothing is left to remember"
    return session


def starts(bucket: CloudStorage) -> list[str]:
    """Where each piece began; `*` for a mere question."""
    return [said.removeprefix("bytes ").split("-")[0].split("/")[0] for _, said in bucket.asked]


def test_a_file_goes_in_pieces_to_the_session_and_not_through_the_library(
    page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path
) -> None:
    upload(page, library, film)
    session = arrived(page, bucket, film)
    assert starts(bucket) == ["*", "0", str(PIECE), str(2 * PIECE)], "without `Range` nothing was there"
    assert (session.content_type, session.origin) == ("video/mp4", library.url)


def test_it_goes_on_after_cuts_refusals_and_pieces_kept_in_part(
    page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path
) -> None:
    bucket.faults = [
        Fault(after=GRAIN - 1),  # the connection is cut; nothing was kept
        Fault(after=3 * GRAIN + 7),  # cut again; three grains were kept
        Fault(after=0, status=503),
        Fault(after=5 * GRAIN, status=308),  # the bucket takes less than it was given
        Fault(status=502),  # all of it was kept, the answer was lost
    ]
    upload(page, library, film)
    arrived(page, bucket, film)
    pieces = [int(start) for start in starts(bucket) if start != "*"]
    assert pieces == [0, 0, 3 * GRAIN, 3 * GRAIN, 8 * GRAIN, 8 * GRAIN + PIECE]


def test_the_last_answer_may_be_lost(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    whole = Fault(status=308)
    bucket.faults = [whole, whole, Fault()]
    upload(page, library, film)
    arrived(page, bucket, film)
    assert starts(bucket)[-1] == "*", "it asked, and heard that all is there"


def test_it_goes_on_after_a_reload_into_whatever_collection_is_chosen_now(
    page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    held = threading.Event()
    bucket.faults = [Fault(status=308), Fault(after=2 * GRAIN + 1, held=held)]
    upload(page, library, film)
    [session] = eventually(lambda: [one for one in bucket.sessions.values() if len(one.have) == PIECE + 2 * GRAIN])
    page.reload()
    held.set()
    expect(page.locator(".upload")).to_contain_text("Choose the file again to go on")
    before = len(bucket.asked)
    page.get_by_label("Into the collection").select_option(label="New collection…")
    page.get_by_label("Name of the new collection").fill("trailers")
    page.locator("#files").set_input_files([film])
    assert arrived(page, bucket, film) is session
    assert starts(bucket)[before : before + 2] == ["*", str(PIECE + 2 * GRAIN)]
    assert len(bucket.sessions) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_an_ended_session_begins_afresh(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path, status: int) -> None:
    held = threading.Event()
    bucket.faults = [Fault(status=308), Fault(after=GRAIN, held=held)]
    upload(page, library, film)
    [old] = eventually(lambda: [one for one in bucket.sessions.values() if len(one.have) == PIECE + GRAIN])
    old.gone = status
    held.set()
    assert arrived(page, bucket, film) is not old
    assert len(bucket.sessions) == 2


def test_a_session_that_has_ended_without_a_word_that_pages_may_read_is_known_by_its_age(
    page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    held = threading.Event()
    bucket.faults = [Fault(after=GRAIN, held=held)]
    upload(page, library, film)
    [old] = eventually(lambda: [one for one in bucket.sessions.values() if len(one.have) == GRAIN])
    old.gone, old.mute = 410, True
    page.evaluate(
        """(week) => {
          const all = JSON.parse(localStorage.getItem('unfinished-uploads'));
          for (const upload of Object.values(all)) upload.began -= week;
          localStorage.setItem('unfinished-uploads', JSON.stringify(all));
        }""",
        WEEK_MS,
    )
    page.reload()
    held.set()
    page.locator("#files").set_input_files([film])
    assert arrived(page, bucket, film) is not old


def test_giving_up_ends_the_session(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    held = threading.Event()
    bucket.faults = [Fault(after=GRAIN, held=held)]
    upload(page, library, film)
    [session] = eventually(lambda: list(bucket.sessions.values()))
    page.get_by_role("button", name="Cancel: film.mp4").click()
    held.set()
    eventually(lambda: page.evaluate("1") and session.gone)
    expect(page.locator(".upload")).to_have_count(0)
    assert not bucket.objects


def test_the_bucket_says_why_it_refuses(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    bucket.faults = [Fault(status=403)]
    upload(page, library, film)
    expect(page.locator(".upload.bad")).to_contain_text("Refused: the storage answered 403")


def test_the_library_says_why_it_refuses(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    gone = '{"title": "x", "status": 404, "detail": "there is no collection \'x\'", "instance": "x"}'
    page.route("**/v1/uploads", lambda route: route.fulfill(status=404, content_type="application/problem+json", body=gone))
    upload(page, library, film)
    expect(page.locator(".upload.bad")).to_contain_text("Refused: there is no collection 'x'")
    assert len(asked) == 1, "it is not asked again and again"


def test_a_network_that_is_back_is_used_at_once(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    page.add_init_script("const wait = setTimeout; setTimeout = (run, ms, ...more) => wait(run, ms >= 600 ? 1e6 : ms, ...more)")
    held = threading.Event()
    bucket.faults = [Fault(after=GRAIN, held=held)]
    upload(page, library, film)
    eventually(lambda: page.evaluate("1") and bucket.asked[1:])
    held.set()
    expect(page.locator(".upload")).to_contain_text("Connection lost")
    page.evaluate("dispatchEvent(new Event('online'))")
    arrived(page, bucket, film)


def test_no_other_site_may_put_into_the_session(page: Page, library: SimpleNamespace, bucket: CloudStorage, film: Path) -> None:
    bucket.cors.origin[:] = ["https://elsewhere.example"]
    upload(page, library, film)
    expect(page.locator(".upload")).to_contain_text("Connection lost", timeout=20_000)
    assert not bucket.asked, "the preflight was refused"

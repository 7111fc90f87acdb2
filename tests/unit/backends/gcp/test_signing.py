"""Links signed without a key file: what IAM is asked, and that Cloud Storage's rules accept the outcome."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import transport
from google.cloud import storage
from google.oauth2.credentials import Credentials

from scenesearch.backends.gcp.object_store import CloudObjectStore
from scenesearch.backends.gcp.signing import IamSigning
from scenesearch.errors import ConfigurationError, Unavailable

ACCOUNT = "library@project.iam.gserviceaccount.com"


class Iam(transport.Request):  # type: ignore[misc]
    """Answers signBlob as IAM does, with a key that only it has."""

    def __init__(self, status: int = 200) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.status = status
        self.asked: list[str] = []

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **more: Any) -> Any:
        self.asked.append(url)
        signature = self.key.sign(base64.b64decode(json.loads(body)["payload"]), padding.PKCS1v15(), hashes.SHA256())
        answer = {"signedBlob": base64.b64encode(signature).decode()} if self.status == 200 else {"error": "no"}
        return type("Response", (transport.Response,), {"status": self.status, "headers": {}, "data": json.dumps(answer).encode()})()


def store(iam: Iam, account: str = ACCOUNT) -> CloudObjectStore:
    credentials = Credentials(token="token")  # noqa: S106
    return CloudObjectStore(storage.Client(project="p", credentials=credentials), "uploads", signing=IamSigning(credentials, account, iam))


def verify(link: str, iam: Iam, method: str, headers: dict[str, str]) -> None:
    """Rebuild the canonical request of Google's V4 signing process and check the signature. Raises `InvalidSignature`."""
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    canonical_query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in sorted(query.items()))
    headers = {"host": parts.netloc, **headers}
    canonical_headers = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
    request = "\n".join([method, parts.path, canonical_query, canonical_headers, ";".join(sorted(headers)), "UNSIGNED-PAYLOAD"])
    scope = query["X-Goog-Credential"].partition("/")[2]
    signed = "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    iam.key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_link_to_read_is_signed_by_iam_for_the_account() -> None:
    iam = Iam()
    link = store(iam).signed_url("夏/祭り 1.mp4", expires=timedelta(minutes=5))
    assert len(iam.asked) == 1
    assert f"/serviceAccounts/{ACCOUNT}:signBlob" in iam.asked[0]
    assert unquote(urlsplit(link).path) == "/uploads/夏/祭り 1.mp4"
    query = dict(parse_qsl(urlsplit(link).query))
    assert query["X-Goog-Expires"] == "300"
    assert query["X-Goog-Credential"].startswith(ACCOUNT)
    verify(link, iam, "GET", {})


def test_a_link_may_say_under_which_name_it_is_saved() -> None:
    iam = Iam()
    link = store(iam).signed_url("a", expires=timedelta(minutes=5), disposition='attachment; filename="scene.mp4"')
    assert dict(parse_qsl(urlsplit(link).query))["response-content-disposition"] == 'attachment; filename="scene.mp4"'
    verify(link, iam, "GET", {})


def test_a_link_to_write_holds_for_its_content_type() -> None:
    iam = Iam()
    link = store(iam).signed_url("a.mp4", expires=timedelta(hours=1), method="PUT", content_type="video/mp4")
    verify(link, iam, "PUT", {"content-type": "video/mp4"})


def test_a_link_to_begin_an_upload_session() -> None:
    iam = Iam()
    link = store(iam).signed_url("a.mp4", expires=timedelta(hours=1), method="RESUMABLE", content_type="video/mp4")
    verify(link, iam, "POST", {"content-type": "video/mp4", "x-goog-resumable": "start"})


def test_a_person_who_may_sign_as_nobody_is_told_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="SCENESEARCH_GCP_SIGNER"):
        store(Iam(), account="").signed_url("a", expires=timedelta(hours=1))


def test_an_account_that_may_not_sign_is_told() -> None:
    with pytest.raises(Unavailable, match="signing a link"):
        store(Iam(status=403)).signed_url("a", expires=timedelta(hours=1))

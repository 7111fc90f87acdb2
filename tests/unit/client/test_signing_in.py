"""Whom the client says it is: tokens as Google makes them, to nobody else, and never in the clear."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.crypt import rsa as google_rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from scenesearch.client.client import Client
from scenesearch.client.tokens import GoogleIdToken, base, token_for
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, InvalidRequest
from scenesearch.web.server import served


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture
def account(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """This runs as a service account; the audiences that tokens were made for."""
    made: list[str] = []

    async def token(request: Request) -> JSONResponse:
        form = (await request.body()).decode()
        asked = jwt.decode(form.partition("assertion=")[2].partition("&")[0], verify=False)
        made.append(asked["target_audience"])
        signer, at = google_rsa.RSASigner.from_string(key, key_id="k"), int(time.time())
        claims = {"aud": asked["target_audience"], "iat": at, "exp": at + 3600, "iss": "https://accounts.google.com"}
        return JSONResponse({"id_token": jwt.encode(signer, claims).decode()})

    with served(Starlette(routes=[Route("/token", token, methods=["POST"])])) as url:
        told = {
            "type": "service_account",
            "client_email": "cutter@films.example",
            "token_uri": f"{url}/token",
            "private_key": key,
            "private_key_id": "k",
        }
        file = tmp_path / "account.json"
        file.write_text(json.dumps(told))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        yield made


def test_a_service_account_gets_one_token_for_the_servers_address(account: list[str], home: Path) -> None:
    token = token_for("https://search.example/api", Settings(home=home))
    assert token is not None
    assert token() == token()
    assert jwt.decode(token(), verify=False)["aud"] == "https://search.example"
    assert account == ["https://search.example"], "a token is kept as long as it is good"


def test_the_audience_can_be_another_than_the_address(account: list[str], home: Path) -> None:
    token = token_for("https://search.example", Settings(home=home, server_audience="https://search-1.example"))
    assert token is not None
    token()
    assert account == ["https://search-1.example"]


def test_without_credentials_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    with pytest.raises(ConfigurationError, match="SCENESEARCH_SERVER_TOKEN"):
        GoogleIdToken("https://search.example")()


def test_a_server_on_this_machine_is_asked_without_a_token(home: Path) -> None:
    for url in ("http://localhost:8000", "http://127.0.0.1", "http://[::1]:1/"):
        assert token_for(url, Settings(home=home)) is None


def test_a_token_goes_in_both_headers(home: Path) -> None:
    seen = []

    async def listed(request: Request) -> JSONResponse:
        seen.append((request.headers.get("authorization"), request.headers.get("x-serverless-authorization")))
        return JSONResponse({"videos": []})

    with served(Starlette(routes=[Route("/v1/videos", listed)])) as url:
        with Client(url, token=token_for(url, Settings(home=home, server_token="abc"))) as client:  # noqa: S106
            client.videos()
        with Client(url) as client:
            client.videos()
    assert seen == [("Bearer abc", "Bearer abc"), (None, None)]


def test_a_token_is_never_sent_in_the_clear() -> None:
    with pytest.raises(ConfigurationError, match="use https"):
        Client("http://search.example", token=lambda: "abc")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://", "http://x:port", "http://x?q=1", "file:///etc"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no server's address"):
        base(url)

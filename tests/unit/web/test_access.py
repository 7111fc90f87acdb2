"""Callers: people behind Identity-Aware Proxy, services with ID tokens, and everybody else. Real keys, real signatures."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.auth.crypt import es
from google.auth.crypt import rsa as google_rsa
from httpx2 import Response
from starlette.testclient import TestClient

from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, Unavailable
from scenesearch.evaluation.evaluate import GivenVideo, Segment, put
from scenesearch.video import Collection, Video
from scenesearch.web.access import doorkeeper
from scenesearch.web.sites import library_site
from site_under_test import application_over
from waiting import POLL_S

AUDIENCE = "https://search.example"
IAP_AUDIENCE = "/projects/1/apps/films"


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class Issuer:
    """Signs tokens, and serves its public keys at two addresses."""

    service_key: rsa.RSAPrivateKey
    people_key: ec.EllipticCurvePrivateKey
    url: str
    keys: dict[str, dict[str, str]]

    def id_token(self, *, key: rsa.RSAPrivateKey | None = None, kid: str = "s1", **claims: object) -> str:
        signer = google_rsa.RSASigner(key or self.service_key, key_id=kid)
        given = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": "cutter@films.example", "email_verified": True}
        return self._signed(signer, given | claims)

    def assertion(self, **claims: object) -> str:
        signer = es.EsSigner(self.people_key, key_id="p1")
        return self._signed(signer, {"iss": "https://cloud.google.com/iap", "aud": IAP_AUDIENCE, "email": "mika@films.example"} | claims)

    def _signed(self, signer: object, claims: dict[str, object]) -> str:
        at = int(time.time())
        token: bytes = jwt.encode(signer, {"iat": at - 5, "exp": at + 600} | claims)
        return token.decode()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    service, people = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    keys = {"/certs": {"s1": public_pem(service)}, "/iap": {"p1": public_pem(people)}}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in keys else 503)
            self.end_headers()
            self.wfile.write(json.dumps(keys.get(self.path)).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    yield Issuer(service, people, f"http://127.0.0.1:{server.server_port}", keys)
    server.shutdown()


@pytest.fixture
def app(tmp_path: Path, issuer: Issuer) -> SimpleNamespace:
    app = application_over(
        tmp_path / "home",
        auth="google",
        auth_audience=AUDIENCE,
        auth_keys_url=f"{issuer.url}/certs",
        iap_audience=IAP_AUDIENCE,
        iap_keys_url=f"{issuer.url}/iap",
        admins="service@Films.example, Boss@Films.Example",
    )
    app.catalog.save_collection(
        Collection("films", readers=frozenset({"domain:films.example"}), writers=frozenset({"cutter@films.example"}))
    )
    app.catalog.save_collection(Collection("secret", readers=frozenset({"boss@films.example"})))
    return app


@pytest.fixture
def client(app: SimpleNamespace) -> Iterator[TestClient]:
    with TestClient(library_site(app), base_url="https://search.example") as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_service_with_a_good_token_is_let_in(client: TestClient, app: SimpleNamespace, issuer: Issuer, video: Video) -> None:
    assert len(client.get("/v1/videos", headers=bearer(issuer.id_token())).json()["videos"]) == 1
    client.get("/v1/search", params={"q": "x"}, headers=bearer(issuer.id_token()))
    assert app.search.asked[-1][1] == {"films"}


def test_a_person_behind_the_proxy_is_let_in(client: TestClient, issuer: Issuer, video: Video) -> None:
    headers = {"X-Goog-IAP-JWT-Assertion": issuer.assertion()}
    assert len(client.get("/v1/videos", headers=headers).json()["videos"]) == 1


def test_nobody_is_let_in_without_a_token(client: TestClient) -> None:
    response = client.get("/v1/videos")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.headers["content-type"] == "application/problem+json"


def forged(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"email": "boss@films.example"}
    return ".".join((head, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature))


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"s1"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


@pytest.mark.parametrize(
    "case",
    [
        "changed",
        "of another key",
        "of another key under a known id",
        "unsigned",
        "expired",
        "of the future",
        "for another audience",
        "of another issuer",
        "with an unverified address",
        "without an address",
        "no token at all",
        "for the proxy",
        "in pieces",
    ],
)
def test_a_token_is_refused_that_is(client: TestClient, app: SimpleNamespace, issuer: Issuer, case: str) -> None:
    other = rsa.generate_private_key(65537, 2048)
    at = int(time.time())
    token = {
        "changed": lambda: forged(issuer.id_token()),
        "of another key": lambda: issuer.id_token(key=other, kid="s9"),
        "of another key under a known id": lambda: issuer.id_token(key=other),
        "unsigned": lambda: unsigned(issuer.id_token()),
        "expired": lambda: issuer.id_token(iat=at - 7200, exp=at - 3600),
        "of the future": lambda: issuer.id_token(iat=at + 3600, exp=at + 7200),
        "for another audience": lambda: issuer.id_token(aud="https://elsewhere.example"),
        "of another issuer": lambda: issuer.id_token(iss="https://evil.example"),
        "with an unverified address": lambda: issuer.id_token(email_verified=False),
        "without an address": lambda: issuer.id_token(email=None),
        "no token at all": lambda: "hunter2",
        "for the proxy": lambda: issuer.assertion(),
        "in pieces": lambda: "a.b.c",
    }[case]()
    headers = bearer(token)
    for response in (
        client.get("/v1/videos", headers=headers),
        client.get("/v1/search", params={"q": "x"}, headers=headers),
        client.post("/v1/search", json={"q": "x"}, headers=headers | {"Accept": "text/event-stream"}),
        client.post("/v1/feedback", json={"query": "x", "video_id": "v", "start": 1, "end": 2, "right": True}, headers=headers),
    ):
        assert response.status_code == 401, response.text
        assert token not in response.text
    assert app.search.asked == []


def test_the_proxys_header_is_verified_like_any_token(client: TestClient, issuer: Issuer) -> None:
    at = int(time.time())
    for bad in (
        issuer.assertion(aud="/projects/2/apps/other"),
        issuer.assertion(iat=at - 7200, exp=at - 3600),
        issuer.id_token(aud=IAP_AUDIENCE),
        "accounts.google.com:boss@films.example",
    ):
        assert client.get("/v1/videos", headers={"X-Goog-IAP-JWT-Assertion": bad}).status_code == 401
    plain = {"X-Goog-Authenticated-User-Email": "accounts.google.com:boss@films.example"}
    assert client.get("/v1/videos", headers=plain).status_code == 401, "an unsigned header proves nothing"


def test_keys_that_rotate_are_fetched_again(issuer: Issuer, app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    door = doorkeeper(app.settings)
    assert door.admit(_headers(bearer(issuer.id_token()))).name == "cutter@films.example"
    fresh = rsa.generate_private_key(65537, 2048)
    issuer.keys["/certs"]["s2"] = public_pem(fresh)
    real = time.monotonic
    monkeypatch.setattr("scenesearch.web.access.time.monotonic", lambda: real() + 31)
    assert door.admit(_headers(bearer(issuer.id_token(key=fresh, kid="s2")))).name == "cutter@films.example"


def test_while_keys_cannot_be_fetched_the_known_ones_go_on(issuer: Issuer, app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    door, now = doorkeeper(app.settings), time.monotonic()
    at = now
    monkeypatch.setattr("scenesearch.web.access.time.monotonic", lambda: at)
    token = _headers(bearer(issuer.id_token()))
    assert door.admit(token).name == "cutter@films.example"
    known = issuer.keys.pop("/certs")  # the address answers with an error from here on
    try:
        at = now + 2 * 3600
        assert door.admit(token).name == "cutter@films.example"
        at = now + 25 * 3600
        with pytest.raises(Unavailable, match="cannot be fetched"):
            door.admit(token)
        began = time.perf_counter()
        with pytest.raises(Unavailable):
            door.admit(token)
        assert time.perf_counter() - began < 0.1, "who comes next does not wait for the same address again"
    finally:
        issuer.keys["/certs"] = known
    at += 31
    assert door.admit(token).name == "cutter@films.example"


ODD = [None, [], {}, 7, "", "RS256", "\0", "s1"]


@pytest.mark.parametrize("part", ["alg", "kid", "typ", "iss", "aud", "exp", "iat", "email"])
@pytest.mark.parametrize("value", ODD)
def test_an_odd_token_is_refused_and_breaks_nothing(client: TestClient, issuer: Issuer, part: str, value: object) -> None:
    head, body, signature = issuer.id_token().split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(piece + "==")) for piece in (head, body))
    changed = header if part in ("alg", "kid", "typ") else claims
    if changed[part] == value:
        return
    changed[part] = value
    pieces = [base64.urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in (header, claims)]
    assert client.get("/v1/videos", headers=bearer(".".join([*pieces, signature]))).status_code == 401
    assert client.get("/v1/videos", headers={"X-Goog-IAP-JWT-Assertion": ".".join([*pieces, signature])}).status_code == 401
    if part in ("iss", "aud", "exp", "email"):  # the same, well signed
        signed = issuer.id_token(**{part: value})
        assert client.get("/v1/videos", headers=bearer(signed)).status_code == 401


@pytest.mark.parametrize("piece", ["bnVsbA", "W10", "IiI", "MQ", "", "e30"])
def test_a_token_that_is_no_object_is_refused(client: TestClient, issuer: Issuer, piece: str) -> None:
    head, body, signature = issuer.id_token().split(".")
    for token in (f"{piece}.{body}.{signature}", f"{head}.{piece}.{signature}", f"{head}.{body}.{piece}"):
        assert client.get("/v1/videos", headers=bearer(token)).status_code == 401


def test_what_may_not_be_read_answers_word_for_word_like_what_is_not_there(
    tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real search: question, feedback and export of a hidden video or collection against those of one that was never there.

    The same status, words and headers, after the same looks into the catalog: how long it takes tells nothing either.
    """
    looks: list[str] = []

    def noted(name: str, look: Callable[..., object]) -> Callable[..., object]:
        def noting(*given: object, **named: object) -> object:
            looks.append(name)
            return look(*given, **named)

        return noting

    for name in ("video", "videos", "collection", "collections", "generation", "generations", "chunks", "chunk", "sections", "live"):
        monkeypatch.setattr(LocalCatalog, name, noted(name, getattr(LocalCatalog, name)))
    settings = Settings(home=tmp_path / "real", auth="google", auth_audience=AUDIENCE, auth_keys_url=f"{issuer.url}/certs")
    app = Application(settings)
    hidden = GivenVideo(video_id="v" + "1" * 20, duration=60, segments=[Segment(start=1, end=5, text="A red car.", kind="visual")])
    put(hidden, app.ports, 300_000)  # in the collection `default`, which lists nobody
    app.catalog.save_collection(Collection("films", readers=frozenset({"domain:films.example"})))
    absent, headers = "v" + "0" * 20, bearer(issuer.id_token())
    span = {"start": 1, "end": 5}
    with TestClient(library_site(app), base_url="https://search.example") as client:

        def answers(video: str, collection: str) -> list[tuple[int, str, list[tuple[str, str]]]]:
            upload = {"file_name": "a.mp4", "size_bytes": 5, "collection": collection}
            responses = [
                client.get("/v1/search", params={"q": "red car", "collection": collection}, headers=headers),
                client.get("/v1/search", params={"q": "red car", "video_id": video}, headers=headers),
                client.get("/v1/search", params={"q": "red car", "video_id": video}, headers={**headers, "Accept": "text/event-stream"}),
                client.post("/v1/search", json={"q": "red car", "video_id": video, "collection": "films"}, headers=headers),
                client.post("/v1/feedback", json={"query": "x", "video_id": video, "right": True, **span}, headers=headers),
                client.post("/v1/exports", json={"video_id": video, "format": "mp4", **span}, headers=headers),
                client.post("/v1/uploads", json=upload, headers=headers),
                client.delete(f"/v1/videos/{video}", headers=headers),
                client.post(f"/v1/videos/{video}/retry", headers=headers),
                client.get(f"/v1/videos/{video}", headers=headers),
                client.get("/v1/videos", params={"collection": collection}, headers=headers),
            ]
            return [(r.status_code, told(r.text, video, collection), sorted(headers_of(r))) for r in responses]

        def told(text: str, video: str, collection: str) -> str:
            return re.sub(r"urn:request:\w+", "", text).replace(video, "VIDEO").replace(collection, "COLLECTION")

        def headers_of(response: Response) -> list[tuple[str, str]]:
            return [(name, value) for name, value in response.headers.items() if name not in ("x-request-id", "date")]

        def looked() -> list[str]:
            done = looks.copy()
            looks.clear()
            return done

        looked()
        here, looks_here = answers(hidden.video_id, "default"), looked()
        nowhere, looks_nowhere = answers(absent, "nowhere"), looked()
        assert here == nowhere
        assert looks_here == looks_nowhere
        assert len(looks_here) > 10
        assert [status for status, *_ in here] == [404] * 10 + [200]
        everything = client.get("/v1/search", params={"q": "red car"}, headers=headers).json()
        assert everything["files"] == everything["scenes"] == []


def test_an_unreadable_video_is_as_if_it_were_not_there(client: TestClient, app: SimpleNamespace, issuer: Issuer, wall: Path) -> None:
    hidden = app.shelf.put(wall, "secret/a/wall.mp4").ref.video_id
    unlisted = app.shelf.put(wall, "nowhere/a/wall.mp4").ref.video_id
    headers = bearer(issuer.id_token())
    for one in (hidden, unlisted):
        for path in ("", "/media", "/metadata.txt", "/captions.vtt", "/stills/0.jpg", "/entries", "/clips/0", "/thumbnails.vtt"):
            there, absent = (client.get(f"/v1/videos/{v}{path}", headers=headers) for v in (one, "v" + "0" * 20))
            assert (there.status_code, absent.status_code) == (404, 404)
            assert there.json()["detail"].replace(one, "") == absent.json()["detail"].replace("v" + "0" * 20, "")
        assert client.delete(f"/v1/videos/{one}", headers=headers).status_code == 404
        wanted = {"video_id": one, "start": 0, "end": 1, "format": "png"}
        assert client.post("/v1/exports", json=wanted, headers=headers).status_code == 404
    assert client.get("/v1/videos", headers=headers).json()["videos"] == []
    assert client.get("/v1/videos", params={"collection": "secret"}, headers=headers).json()["videos"] == []
    assert client.get("/v1/collections", headers=headers).json()["collections"] == [{"name": "films", "may_change": True}]
    boss = bearer(issuer.id_token(email="boss@films.example"))
    assert len(client.get("/v1/videos", headers=boss).json()["videos"]) == 2


def test_only_writers_may_upload_and_remove(client: TestClient, issuer: Issuer, video: Video) -> None:
    reader, stranger = bearer(issuer.id_token(email="mika@films.example")), bearer(issuer.id_token(email="x@elsewhere.example"))
    upload = {"file_name": "a.mp4", "size_bytes": 5, "content_type": "video/mp4", "collection": "films"}
    assert client.post("/v1/uploads", json=upload, headers=reader).status_code == 403
    assert client.post("/v1/uploads", json=upload, headers=stranger).status_code == 404
    assert client.post("/v1/uploads", json=upload | {"collection": "secret"}, headers=reader).status_code == 404
    assert client.post("/v1/uploads", json=upload, headers=bearer(issuer.id_token())).status_code == 201
    assert client.delete(f"/v1/videos/{video.ref.video_id}", headers=reader).status_code == 403
    assert client.post(f"/v1/videos/{video.ref.video_id}/retry", headers=reader).status_code == 403
    assert client.delete(f"/v1/videos/{video.ref.video_id}", headers=bearer(issuer.id_token())).status_code == 204


def test_the_description_says_how_to_sign_in(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {scheme["type"] for scheme in document["components"]["securitySchemes"].values()} == {"http", "apiKey"}
    assert document["security"]
    open_to_all = [path for path, item in document["paths"].items() for operation in item.values() if operation.get("security") == []]
    assert open_to_all == ["/health"]
    assert client.get("/health").status_code == 200
    for path, item in document["paths"].items():  # as described: nothing else answers without a token
        for method in item:
            where = path.replace("{at_ms}", "0").replace("{number}", "0")
            assert path == "/health" or client.request(method, where).status_code == 401, path


def test_without_sign_in_nothing_starts_in_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_SERVICE", "search")
    with pytest.raises(ConfigurationError, match="SCENESEARCH_AUTH=google"):
        Settings.load()


def test_settings_without_an_audience_do_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SCENESEARCH_AUTH_AUDIENCE"):
        doorkeeper(Settings(home=tmp_path, auth="google"))


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items()}

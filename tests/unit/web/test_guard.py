"""No way in for other sites, other names, or too much."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from scenesearch.errors import ConfigurationError
from scenesearch.web.server import serve
from scenesearch.web.sites import library_site
from site_under_test import application_over


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.0.7:8000", "", "localhost.evil"])
def test_other_names_for_this_machine_are_refused(client: TestClient, host: str) -> None:
    response = client.get("/v1/videos", headers={"Host": host})
    assert response.status_code == 421
    assert "http://localhost" in response.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/videos", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_can_neither_read_nor_write(client: TestClient, site: str) -> None:
    for mode in ("cors", "no-cors"):
        assert client.get("/v1/videos", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}).status_code == 403
    assert client.post("/v1/search", json={"q": "x"}, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}).status_code == 403
    assert client.post("/v1/search", json={"q": "x"}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/v1/search", json={"q": "x"}, headers={"Origin": "null"}).status_code == 403


def test_a_link_from_elsewhere_opens_the_page(client: TestClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_the_page_itself_is_let_in(client: TestClient) -> None:
    own = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert client.post("/v1/search", json={"q": "x"}, headers=own).status_code == 200


def test_a_large_body_is_refused(client: TestClient) -> None:
    assert client.post("/v1/search", content=b"x" * 1_000_001).status_code == 413
    pieces = (b"x" * 100_000 for _ in range(12))
    assert client.post("/v1/search", content=pieces, headers={"Content-Type": "application/json"}).status_code == 413


def test_every_answer_is_under_the_strict_policy(client: TestClient) -> None:
    for path in ("/", "/v1/videos", "/nothing"):
        headers = client.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not any("unsafe" in value or "http" in value for value in policy.values())
        assert headers["x-content-type-options"] == "nosniff"


def test_unknown_addresses_and_methods_are_problems(client: TestClient) -> None:
    for response, status in ((client.get("/nothing"), 404), (client.put("/v1/videos"), 405), (client.get("/page/../server.py"), 404)):
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


def test_what_breaks_shows_no_inside(client: TestClient, app: SimpleNamespace) -> None:
    app.search.script = lambda request: (_ for _ in ()).throw(RuntimeError("secret detail"))
    response = client.get("/v1/search", params={"q": "x"})
    assert response.status_code == 500
    assert "secret" not in response.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "example.com", "::"])  # noqa: S104
def test_without_sign_in_nothing_but_loopback_is_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="SCENESEARCH_AUTH=google"):
        serve(application_over(tmp_path), host, 0)  # type: ignore[arg-type]


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="another --port"):
        serve(application_over(tmp_path), "127.0.0.1", taken.getsockname()[1])  # type: ignore[arg-type]


def test_the_api_describes_itself(tmp_path: Path) -> None:
    with TestClient(library_site(application_over(tmp_path)), base_url="http://localhost") as client:  # type: ignore[arg-type]
        document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"/v1/search", "/v1/feedback", "/v1/videos", "/v1/uploads", "/v1/exports", "/health"} <= set(document["paths"])
    assert "Problem" in document["components"]["schemas"]
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/healthz").json() == {"status": "ok"}, "kept for one release"
    assert not [path for path in document["paths"] if path.endswith("z")], "paths that Cloud Run keeps for itself"


def test_a_wrong_method_names_all_right_ones(client: TestClient) -> None:
    response = client.request("PATCH", "/v1/videos/v1")
    assert response.status_code == 405
    assert {"GET", "DELETE"} <= set(response.headers["allow"].split(", "))

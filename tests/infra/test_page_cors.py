"""What the page asks of the buckets, the buckets' CORS allows: read out of the page itself."""

from __future__ import annotations

import re
from typing import Any

from infra.archives import ROOT
from infra.config import Environment, Function
from tests.infra.deployment import NUMBER, Deployment

UPLOADING = (ROOT / "shared" / "scenesearch" / "web" / "page" / "upload-queue.js").read_text()

FETCH = re.compile(r"\bfetch\((?P<where>[\w.]+), (?P<options>.*)")  # each on a line of its own
ALWAYS_ALLOWED = {"Accept", "Accept-Language", "Content-Language"}


def asked() -> tuple[set[str], set[str]]:
    """The methods and the headers of every request of the page to an upload's own address."""
    methods, headers = set(), set()
    for request in FETCH.finditer(UPLOADING):
        assert "url" in request["where"], "this page talks to upload sessions here, and to nothing else"
        methods.update(re.findall(r'method: "(\w+)"', request["options"]))
        said = re.search(r"headers: \{(.*?)`? \}", request["options"])
        headers.update(re.findall(r'"?([\w-]+)"?: [`"]', said[1]) if said else ())
    return methods, headers - ALWAYS_ALLOWED


def cors(deployment: Deployment, env: Environment, purpose: str) -> dict[str, Any]:
    (rule,) = deployment.named("google_storage_bucket")[env.bucket(purpose)]["cors"]
    assert isinstance(rule, dict)
    return rule


def test_every_request_of_an_upload_is_found_in_the_page() -> None:
    assert len(FETCH.findall(UPLOADING)) == len(re.findall(r"\bfetch\(", UPLOADING)) > 2
    assert asked() == ({"PUT", "DELETE"}, {"Content-Range"})


def test_uploads_from_the_page_may_send_and_read_every_header_they_use(deployment: Deployment, env: Environment) -> None:
    methods, sent = asked()
    read = set(re.findall(r'headers\.get\("([\w-]+)"\)', UPLOADING))
    assert "Range" in read
    rule = cors(deployment, env, "uploads")
    assert methods <= set(rule["method"])
    assert sent | read <= set(rule["response_header"])


def test_videos_and_clips_may_be_played_piece_by_piece(deployment: Deployment, env: Environment) -> None:
    for purpose in ("uploads", "work"):
        rule = cors(deployment, env, purpose)
        assert {"GET", "HEAD"} <= set(rule["method"])
        assert {"Range", "Content-Range", "Accept-Ranges", "Content-Length", "Content-Type"} <= set(rule["response_header"])


def test_only_the_page_may_and_only_uploads_may_be_written(deployment: Deployment, env: Environment) -> None:
    page = f"https://{Function.LIBRARY.resource}-{NUMBER}.{env.region}.run.app"
    for purpose in ("uploads", "work"):
        assert cors(deployment, env, purpose)["origin"] == [page]
    assert cors(deployment, env, "work")["method"] == ["GET", "HEAD"]
    others = {bucket["name"] for bucket in deployment.all("google_storage_bucket") if "cors" not in bucket.body}
    assert others == {env.bucket("archives"), env.bucket("builds")}

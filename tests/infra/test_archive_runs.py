"""Each archive as the cloud runs it: unpacked into an empty folder, with an environment of its own requirements and nothing else."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from emulators import PROJECT, UPLOADS, need_emulators
from infra.archives import Archive, build_all
from infra.config import EVENT_FUNCTIONS, EXTRACTORS, HTTP_FUNCTIONS, Function
from integration.vertexai.harbour import NUMBER, TRUTH
from scenesearch.emulator.wiring import create_topics
from scenesearch.messages import SUBSCRIPTIONS, ChunkWork, DeadLetter, Extracted, Message, ObjectChanged, encode
from scenesearch.observability.tracing import ENDPOINT
from scenesearch.video import video_id
from stand_ins.cloud_trace import Receiver, receiving
from stand_ins.vertexai import coded
from stand_ins.vertexai.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LARGEST_IMPORT_S = {Function.SEARCH: 1.2}
LARGEST_MB = 150
LARGEST_UNPACKED_MB = 30
"""What importing a function may cost, one second of CPU where nothing else is said: seconds of a busy machine would say nothing."""

CALL = """
import json, sys, time
target, asgi, path, method, body = sys.argv[1], sys.argv[2] == "asgi", sys.argv[3], sys.argv[4], sys.argv[5]
import functions_framework, functions_framework.aio
started = time.process_time()

def cost():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return {"import_s": round(time.process_time() - started, 3), "import_mb": round(int(peak.split()[1]) / 1024)}

if asgi:
    from starlette.testclient import TestClient
    app = functions_framework.aio.create_asgi_app(target, "main.py")
    took = cost()
    answer = TestClient(app, raise_server_exceptions=False).request(method, path, content=body)
    status, text = answer.status_code, answer.text
else:
    app = functions_framework.create_app(target, "main.py")
    took = cost()
    answer = app.test_client().open(path, method=method, data=body, content_type="application/json")
    status, text = answer.status_code, answer.get_data(as_text=True)
print(json.dumps({"status": status, "text": text[:2000], "cost": took}))
"""


@dataclass(frozen=True)
class Unpacked:
    """An archive in its own folder with its own environment."""

    folder: Path
    python: Path

    def call(self, function: Function, environment: Mapping[str, str], *, method: str, path: str, body: str) -> dict[str, Any]:
        """What the function answers, in a process that sees only this folder and this environment."""
        style = "asgi" if function in HTTP_FUNCTIONS else "wsgi"
        ran = subprocess.run(
            [self.python, "-I", "-c", CALL, function.entry_point, style, path, method, body],
            cwd=self.folder,
            env={"PATH": os.defpath, "HOME": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr
        answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return answer | {"log": ran.stderr}


Unpacks: TypeAlias = Callable[[Function], Unpacked]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Archive]:
    return build_all(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages that the environments share, so that each is fetched once."""
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def unpacked(archives: Mapping[str, Archive], cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpacks:
    """Each archive in a folder and an environment of its own, made when it is first asked for."""
    return functools.cache(lambda function: unpack(archives[function.value], tmp_path_factory.mktemp(function.value), cache))


def unpack(archive: Archive, to: Path, cache: Path) -> Unpacked:
    folder, venv = to / "function", to / "venv"
    with zipfile.ZipFile(archive.path) as packed:
        packed.extractall(folder)
    uv = [sys.executable, "-m", "uv", "--quiet", "--cache-dir", str(cache)]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
    python = venv / "bin" / "python"
    install = ["pip", "install", "--python", str(python), "--require-hashes", "--no-deps", "-r", str(folder / "requirements.txt")]
    subprocess.run([*uv, *install], check=True)
    subprocess.run([*uv, "pip", "check", "--python", str(python)], check=True)
    return Unpacked(folder, python)


def push(function: Function, message: Message) -> str:
    """A push of Pub/Sub with this message, from the function's first subscription."""
    data, attributes = encode(message)
    name = next(s for s in SUBSCRIPTIONS if s.value.startswith(function.resource))
    wrapped = {"messageId": "1", "publishTime": "2026-11-22T00:00:00Z", "data": base64.b64encode(data).decode(), "attributes": attributes}
    return json.dumps({"subscription": f"projects/{PROJECT}/subscriptions/{name.value}", "message": wrapped})


GONE = {"video_id": "v0123456789abcdef0123", "generation": 7}
EVENTS: Mapping[Function, Message] = {
    Function.SPLIT: ObjectChanged(event="OBJECT_FINALIZE", bucket=UPLOADS, name="gone.mp4", generation=7),
    Function.EXTRACT_VISUAL_INFO: ChunkWork(**GONE, chunk=0),
    Function.EXTRACT_TRANSCRIPTION: ChunkWork(**GONE, chunk=0),
    Function.EXTRACT_TEXTS: ChunkWork(**GONE, chunk=0),
    Function.ASSEMBLE: Extracted(**GONE),
    Function.REMOVE: ObjectChanged(event="OBJECT_DELETE", bucket=UPLOADS, name="gone.mp4", generation=7),
    Function.RECOVER: DeadLetter(subscription="extract-texts", reason="given up", data=base64.b64encode(b"?").decode()),
}
"""For each function one event that ends at once, since its video is gone (and for recover a letter that names none)."""


@pytest.fixture(scope="module")
def traces() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def environment(function: Function, traces: Receiver) -> dict[str, str]:
    """A deployed function's settings, with the emulators in place of Google."""
    services = need_emulators()
    return dict(services.environment) | {
        "SCENESEARCH_BACKEND": "gcp",
        "SCENESEARCH_MODELS": "vertexai",
        "SCENESEARCH_AUTH": "google",
        "SCENESEARCH_AUTH_AUDIENCE": "https://search.example",
        "SCENESEARCH_GCP_PROJECT": PROJECT,
        "SCENESEARCH_UPLOADS_BUCKET": UPLOADS,
        "SCENESEARCH_WORK_BUCKET": "archive-work",
        "SCENESEARCH_VERTEXAI_PROJECT": PROJECT,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "K_SERVICE": "archive",
        "SCENESEARCH_TRACE_RATIO": "1",
        "OTEL_SERVICE_NAME": function.resource,
        ENDPOINT: traces.url,
    }


@pytest.fixture(scope="module")
def work_bucket() -> None:
    need_emulators()
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    for name in (UPLOADS, "archive-work"):
        if client.lookup_bucket(name) is None:
            client.create_bucket(name)


def check_cost(function: Function, there: Unpacked, cost: Mapping[str, float], record_property: pytest.RecordProperty) -> None:
    """What is unpacked, without wheels, and what importing it costs."""
    unpacked_mb = sum(path.stat().st_size for path in there.folder.rglob("*") if path.suffix != ".pyc" and path.is_file()) / 1e6
    for name, value in {"unpacked_mb": round(unpacked_mb, 2), **cost}.items():
        record_property(f"{function}_{name}", value)
    assert unpacked_mb <= LARGEST_UNPACKED_MB
    assert cost["import_s"] < LARGEST_IMPORT_S.get(function, 1.0)
    assert cost["import_mb"] < LARGEST_MB


@pytest.mark.usefixtures("work_bucket")
@pytest.mark.parametrize("function", EVENT_FUNCTIONS)
def test_an_event_function_runs_from_its_archive_alone_and_acknowledges_an_event_of_a_video_that_is_gone(
    function: Function, unpacked: Unpacks, traces: Receiver, record_property: pytest.RecordProperty
) -> None:
    there = unpacked(function)
    answer = there.call(function, environment(function, traces), method="POST", path="/", body=push(function, EVENTS[function]))
    assert answer["status"] == 204, answer["log"]
    check_cost(function, there, answer["cost"], record_property)
    assert traces.of(function.resource), "what sends spans is in its requirements"


@pytest.mark.parametrize("function", HTTP_FUNCTIONS)
def test_an_http_function_runs_from_its_archive_alone_and_lets_no_stranger_in(
    function: Function, unpacked: Unpacks, traces: Receiver, record_property: pytest.RecordProperty
) -> None:
    there, settings = unpacked(function), environment(function, traces)
    health = there.call(function, settings, method="GET", path="/health", body="")
    assert health["status"] == 200, health["log"]
    stranger = there.call(function, settings, method="GET", path="/v1/search?q=x", body="")
    assert stranger["status"] == 401, stranger["log"]
    check_cost(function, there, health["cost"], record_property)
    assert traces.of(function.resource), "what sends spans is in its requirements"


def test_the_archives_take_a_video_from_its_upload_to_an_answer_and_away_again(unpacked: Unpacks, traces: Receiver, tmp_path: Path) -> None:
    """Every function on an event that is work for it; Gemini is the stand-in."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import firestore, storage

    services, project = need_emulators(), f"p-{uuid.uuid4().hex[:12]}"
    create_topics(services.pubsub, project)
    client = storage.Client(project=project, credentials=AnonymousCredentials())
    uploads, work = (client.create_bucket(f"{project}-{purpose}") for purpose in ("uploads", "work"))
    upload = uploads.blob("harbour.mp4")
    upload.upload_from_filename(str(coded.make(tmp_path / "harbour.mp4", NUMBER, 12)), content_type="video/mp4")
    there = {"video_id": video_id(uploads.name, upload.name), "generation": upload.generation}
    record = firestore.Client(project=project).collection("generations").document(f"{there['video_id']}.{there['generation']}")

    with serving(TRUTH, storage=services.environment["STORAGE_EMULATOR_HOST"]) as gemini:

        def settings(function: Function) -> dict[str, str]:
            return environment(function, traces) | {
                "SCENESEARCH_GCP_PROJECT": project,
                "SCENESEARCH_UPLOADS_BUCKET": uploads.name,
                "SCENESEARCH_WORK_BUCKET": work.name,
                "SCENESEARCH_VERTEXAI_BASE_URL": gemini.url,
            }

        def happens(function: Function, message: Message) -> None:
            answer = unpacked(function).call(function, settings(function), method="POST", path="/", body=push(function, message))
            assert answer["status"] == 204, answer["log"]

        happens(Function.SPLIT, ObjectChanged(event="OBJECT_FINALIZE", bucket=uploads.name, name=upload.name, generation=upload.generation))
        for extractor in EXTRACTORS:
            happens(extractor, ChunkWork(**there, chunk=0))
        happens(Function.ASSEMBLE, Extracted(**there))
        video = record.get().to_dict()
        assert video is not None
        assert (video["state"], video["open_chunks"]) == ("ready", [])

        def shows(function: Function, path: str) -> str:
            """What a person gets there, on their own machine and so without signing in."""
            alone = {k: v for k, v in settings(function).items() if k != "K_SERVICE"} | {"SCENESEARCH_AUTH": "none"}
            answer = unpacked(function).call(function, alone, method="GET", path=f"http://localhost{path}", body="")
            assert answer["status"] == 200, answer["log"]
            return str(answer["text"])

        assert there["video_id"] in shows(Function.SEARCH, "/v1/search?q=a+red+car+skids&effort=fast")
        assert there["video_id"] in shows(Function.LIBRARY, "/v1/videos")
        page = shows(Function.LIBRARY, "/")
        assert page.startswith("<!doctype html>")
        assert "<title>scenesearch</title>" in page

        upload.delete()
        happens(Function.REMOVE, ObjectChanged(event="OBJECT_DELETE", bucket=uploads.name, name=upload.name, generation=upload.generation))
        assert not record.get().exists
        assert list(work.list_blobs()) == []

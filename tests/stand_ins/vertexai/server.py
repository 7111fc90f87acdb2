"""The server: real sockets, one thread a request, scripted under `/stand-in/`."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from stand_ins.vertexai import protocol, spoiling
from stand_ins.vertexai.batches import JOBS, Jobs, Storage
from stand_ins.vertexai.control import Control
from stand_ins.vertexai.embedding import vector
from stand_ins.vertexai.faults import Asked, Rule, Script
from stand_ins.vertexai.truth import ClipTruth, Truth
from stand_ins.vertexai.watching import Eyes, Unfetchable

_CALL = re.compile(r"^/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/google/models/([^/:]+):(\w+)$")
MOST_RECORDED = 20_000


class StandIn(ThreadingHTTPServer):
    """Listens as soon as it is made; `serve_forever` answers."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int = 0, truth: Truth | None = None, eyes: Eyes | None = None) -> None:
        self.truth = truth or Truth()
        self.eyes = eyes or Eyes()
        self.script = Script()
        self.jobs = Jobs()
        self.recorded: deque[dict[str, Any]] = deque(maxlen=MOST_RECORDED)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def storage(self) -> Storage:
        """Where batch jobs read and write."""
        return Storage(self.eyes.storage, self.eyes.folder)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serving(truth: Truth | Mapping[str, Any] | None = None, *, storage: str | None = None, folder: Path | None = None) -> Iterator[Control]:
    """A stand-in in a thread of this process, as long as the context lasts."""
    known = truth if isinstance(truth, Truth) else Truth.model_validate(truth or {})
    server = StandIn(truth=known, eyes=Eyes(storage=storage, folder=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Control(server.url)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class _Reply:
    """What to send: a body (`raw`: these very bytes), or nothing but a hang-up. `cut` bytes of the body are withheld."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: int = 0
    hang_up: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _stand_in(self) -> StandIn:
        return cast("StandIn", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are recorded, not printed."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if (found := JOBS.match(address.path)) is None:
            return self._controlled("GET")
        jobs, parent, number = self._stand_in.jobs, found[1], found[2]
        if number is None:
            asked = dict(parse_qsl(address.query)).get("filter", "")
            named = re.fullmatch(r'display_name="(.*)"', asked)
            return self._send(_Reply(body={"batchPredictionJobs": jobs.find(named[1] if named else None)}))
        job = jobs.made.get(f"{parent}/{number}")
        return self._send(_Reply(body=job) if job else _Reply(404, protocol.error(404, "there is no such job")))

    def do_PUT(self) -> None:
        self._controlled("PUT")

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if (found := JOBS.match(address.path)) is not None:
            return self._send(self._batched(found, body))
        called = _CALL.match(address.path)
        if called is None:
            return self._send(_Reply(404, protocol.error(404, f"there is no {address.path} here")))
        model, method = called.groups()
        if not (self.headers.get("Authorization") or "").startswith("Bearer "):
            return self._send(_Reply(401, protocol.error(401, "no bearer token")))
        flex = self.headers.get("X-Vertex-AI-LLM-Shared-Request-Type") == "flex"
        return self._send(self._answered(method, model, body, flex=flex), stream="alt=sse" in address.query)

    def _answered(self, method: str, model: str, body: Mapping[str, Any], *, flex: bool, batch: bool = False) -> _Reply:
        stand_in = self._stand_in
        try:
            question = protocol.understood(method, model, body, stand_in.eyes, stand_in.truth, flex=flex, batch=batch)
        except Unfetchable as error:
            stand_in.recorded.append({"method": method, "model": model, "fault": "unfetchable", "why": str(error), "at": time.time()})
            return _Reply(400, protocol.error(400, str(error)))
        rule = stand_in.script.strike(question.asked)
        record = _record(question, rule, self.headers.get("X-Server-Timeout"))
        stand_in.recorded.append(record)
        if rule is not None and rule.fault == "http":
            headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
            return _Reply(rule.status, protocol.error(rule.status, rule.message), headers)
        if rule is not None and rule.fault == "drop":
            return _Reply(hang_up=True)
        if rule is not None and rule.fault == "slow":
            record["hung_up"] = self._hangs_up_within(rule.seconds)
            if record["hung_up"]:
                return _Reply(hang_up=True)
        if rule is not None and rule.fault == "garbled":
            return _Reply(raw=str(rule.answer).encode())
        reply = _Reply(body=self._body(question, rule))
        if rule is not None and rule.fault == "drop_midway":
            reply.cut = 20
        return reply

    def _batched(self, found: re.Match[str], body: Mapping[str, Any]) -> _Reply:
        """Make a job, or cancel one."""
        stand_in, (parent, number, verb) = self._stand_in, found.groups()
        if number is None:
            rule = stand_in.script.strike(Asked(method="batchPredictionJobs", kind="job", model="", text="", identity=""))
            if rule is not None:
                return _Reply(rule.status, protocol.error(rule.status, rule.message))
            return _Reply(body=stand_in.jobs.create(parent, body, self._line_answered, stand_in.storage))
        job = stand_in.jobs.made.get(f"{parent}/{number}")
        if job is None or verb != "cancel":
            return _Reply(404, protocol.error(404, "there is no such job"))
        job["state"] = "JOB_STATE_CANCELLED"
        return _Reply(body={})

    def _line_answered(self, model: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """A line of a job's input: the same answer, and the same faults, as online. Its usage names no traffic type."""
        reply = self._answered("generateContent", model, body, flex=False, batch=True)
        if isinstance(reply.body, dict) and "usageMetadata" in reply.body:
            reply.body["usageMetadata"].pop("trafficType", None)
        return reply.status, reply.body

    def _hangs_up_within(self, seconds: float) -> bool:
        """Wait so long, or until the client is gone."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _body(self, question: protocol.Question, rule: Rule | None) -> dict[str, Any]:
        method, body = question.asked.method, question.body
        if method == "countTokens":
            return {"totalTokens": protocol.usage(question, "")["promptTokenCount"]}
        if method == "embedContent":
            tokens = protocol.usage(question, "")["promptTokenCount"]
            return {"embedding": _vector(body), "usageMetadata": {"promptTokenCount": tokens}, "truncated": False}
        if method == "batchEmbedContents":
            vectors = [_vector(request) for request in body["requests"]]
            return {"embeddings": vectors[:1] if rule is not None and rule.fault == "short_batch" else vectors}
        answer = protocol.true_answer(question, self._stand_in.truth)
        return spoiling.spoiled(rule, question, answer)

    def _controlled(self, verb: str) -> None:
        stand_in, what = self._stand_in, self.path.removeprefix("/stand-in/")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        try:
            if (verb, what) == ("GET", "health"):
                return self._send(_Reply(body={"ok": True}))
            if (verb, what) == ("GET", "requests"):
                return self._send(_Reply(body=list(stand_in.recorded)))
            if (verb, what) == ("GET", "jobs"):
                return self._send(_Reply(body=list(stand_in.jobs.made.values())))
            if (verb, what) == ("PUT", "requests"):
                stand_in.recorded.clear()
            elif (verb, what) == ("PUT", "jobs"):
                stand_in.jobs = Jobs(str(body))
            elif (verb, what) == ("PUT", "faults"):
                stand_in.script.replace(body)
            elif (verb, what) == ("PUT", "truth"):
                stand_in.truth = Truth.model_validate(body)
            elif (verb, what) == ("PUT", "clips"):
                clips = {**stand_in.truth.clips, **{key: ClipTruth.model_validate(clip) for key, clip in body.items()}}
                stand_in.truth = stand_in.truth.model_copy(update={"clips": clips})
            else:
                return self._send(_Reply(404, protocol.error(404, f"there is no {verb} {self.path} here")))
        except ValidationError as error:
            return self._send(_Reply(400, protocol.error(400, str(error))))
        return self._send(_Reply(body={"ok": True}))

    def _send(self, reply: _Reply, *, stream: bool = False) -> None:
        self.close_connection = reply.hang_up or bool(reply.cut)
        if reply.hang_up:
            with suppress(OSError):  # the client may have gone first
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        as_events = stream and reply.status == 200
        content = _events(reply.body) if as_events else json.dumps(reply.body, ensure_ascii=False).encode()
        content = content if reply.raw is None else reply.raw
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/event-stream" if as_events else "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: max(0, len(content) - reply.cut)])


def _events(body: Mapping[str, Any]) -> bytes:
    """The response as server-sent events: its text in three pieces, the reason to finish and the usage in the last."""
    candidates = body.get("candidates") or []
    text = candidates[0]["content"]["parts"][0]["text"] if candidates and "content" in candidates[0] else ""
    third = -(-len(text) // 3) or 1
    pieces = [text[at : at + third] for at in range(0, len(text), third)]
    whole = [{"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}]} for piece in pieces[:-1]]
    last = dict(body)
    if pieces:
        last["candidates"] = [{**candidates[0], "content": {"role": "model", "parts": [{"text": pieces[-1]}]}}]
    return b"".join(f"data: {json.dumps(event, ensure_ascii=False)}\r\n\r\n".encode() for event in (*whole, last))


def _vector(request: Mapping[str, Any]) -> dict[str, Any]:
    text = "\n".join(part.get("text", "") for part in request["content"]["parts"])
    dimension = int((request.get("embedContentConfig") or {}).get("outputDimensionality") or 3072)
    return {"values": vector(text, dimension)}


def _record(question: protocol.Question, rule: Rule | None, timeout: str | None) -> dict[str, Any]:
    """A request as tests see it; the bytes of inline clips are replaced by their hash."""
    asked, watched = question.asked, question.watched
    body = json.loads(
        json.dumps(question.body), object_hook=lambda d: {**d, "data": f"sha256:{watched.sha256}"} if watched and "data" in d else d
    )
    return {
        "method": asked.method,
        "model": asked.model,
        "kind": asked.kind,
        "video": asked.video,
        "start_s": asked.start_s,
        "duration_s": asked.duration_s,
        "uri": asked.uri,
        "repair": asked.repair,
        "flex": asked.flex,
        "batch": asked.batch,
        "fault": rule.fault if rule else None,
        "timeout_s": timeout,
        "hung_up": False,
        "at": time.time(),
        "body": body,
    }

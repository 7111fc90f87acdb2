"""A stand-in for the sessions of Cloud Storage's resumable uploads, as browsers meet them: over HTTP, from another origin.

What no emulator does: it keeps whole multiples of 256 KiB only, answers what is left to do (308 with `Range`, or without it), ends
sessions (404, 410, 499), and shows its answers to the origin alone for which the session was opened.
Protocol: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import google_crc32c

from waiting import POLL_S

GRAIN = 256 * 1024
"""Pieces are multiples of this, but for the last; a piece that broke off is kept up to one."""

GIVEN_UP = 499

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|(\*))/(\d+)")
_START = re.compile(r"/upload/storage/v1/b/([^/]+)/o")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to the next piece: after `after` bytes of it (all, where None) it answers `status`, or cuts the connection where
    there is none; 308 says what was kept, as always. `held` is waited for first."""

    after: int | None = None
    status: int | None = None
    held: threading.Event | None = None


@dataclass
class Session:
    """One object on its way."""

    name: str
    size: int
    content_type: str
    metadata: dict[str, str]
    origin: str | None
    have: bytearray = field(default_factory=bytearray)
    stored: dict[str, object] | None = None
    gone: int | None = None
    """How it answers once it has ended; without CORS headers when `mute`."""
    mute: bool = False


@dataclass
class Cors:
    """One rule of a bucket, as it is deployed."""

    origin: list[str]
    method: list[str]
    response_header: list[str]
    max_age_seconds: int


@dataclass
class CloudStorage:
    """One bucket: `objects` by name, every session by its id, the faults to come, and what was asked of sessions."""

    url: str
    cors: Cors
    sessions: dict[str, Session] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(session, `Content-Range`) of every PUT."""

    def put(self, session: Session, data: bytes, *, first: int, whole: bool) -> None:
        """Keep what is new of a piece; `whole` is false where it broke off."""
        end = first + len(data)
        if not whole:
            end -= end % GRAIN
        if end > len(session.have):
            session.have += data[len(session.have) - first : end - first]
        if len(session.have) == session.size:
            self._store(session)

    def _store(self, session: Session) -> None:
        content = bytes(session.have)
        self.objects[session.name] = content
        checksum = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
        session.stored = {
            "kind": "storage#object",
            "name": session.name,
            "generation": "1",
            "size": str(session.size),
            "contentType": session.content_type,
            "metadata": session.metadata,
            "crc32c": checksum,
        }


@contextmanager
def serving(cors: Cors) -> Iterator[CloudStorage]:
    """Serves on this machine, on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    storage = CloudStorage(f"http://127.0.0.1:{server.server_port}", cors)
    server.RequestHandlerClass = type("Handler", (_Handler,), {"storage": storage})
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage: CloudStorage

    def do_POST(self) -> None:
        """A session begins."""
        path, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        said = json.loads(self._body() or b"{}")
        name = said.get("name") or query.get("name", [""])[0]
        if _START.fullmatch(path.path) is None or query.get("uploadType") != ["resumable"] or not name:
            self._answer(HTTPStatus.NOT_FOUND)
        elif query.get("ifGenerationMatch") == ["0"] and name in self.storage.objects:
            self._answer(HTTPStatus.PRECONDITION_FAILED)
        else:
            session = uuid4().hex
            size, kind = int(self.headers["X-Upload-Content-Length"]), self.headers["X-Upload-Content-Type"]
            self.storage.sessions[session] = Session(name, size, kind, said.get("metadata", {}), self.headers["Origin"])
            self._answer(HTTPStatus.OK, {"Location": f"{self.storage.url}{path.path}?uploadType=resumable&upload_id={session}"})

    def do_OPTIONS(self) -> None:
        """May a page do this? As the bucket's rule has it."""
        rule, origin = self.storage.cors, self.headers["Origin"]
        wanted = {name.strip().lower() for name in (self.headers["Access-Control-Request-Headers"] or "").split(",") if name.strip()}
        method = self.headers["Access-Control-Request-Method"]
        may = origin in rule.origin and method in rule.method and wanted <= {name.lower() for name in rule.response_header}
        told = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ",".join(rule.method),
            "Access-Control-Allow-Headers": ",".join(rule.response_header),
            "Access-Control-Max-Age": str(rule.max_age_seconds),
        }
        self._answer(HTTPStatus.OK, told if may else {})

    def do_DELETE(self) -> None:
        """The session is given up."""
        if (session := self._session()) is not None:
            session.gone = HTTPStatus.NOT_FOUND
            self._answer(GIVEN_UP)

    def do_PUT(self) -> None:
        """A piece, or the question how much is there."""
        if (session := self._session()) is None:
            return
        said = self.headers["Content-Range"] or ""
        self.storage.asked.append((self._id(), said))
        found, length = _RANGE.fullmatch(said), int(self.headers["Content-Length"] or 0)
        if found is None or int(found[4]) != session.size:
            self._answer(HTTPStatus.BAD_REQUEST)
        elif found[3]:
            self._progress(session)
        else:
            first, last = int(found[1]), int(found[2])
            final = last + 1 == session.size
            if last - first + 1 != length or last >= session.size or not (final or length % GRAIN == 0):
                self._answer(HTTPStatus.BAD_REQUEST)
            elif first > len(session.have):
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
            else:
                self._piece(session, first, length)

    def _piece(self, session: Session, first: int, length: int) -> None:
        fault = self.storage.faults.pop(0) if self.storage.faults else None
        wanted = length if fault is None or fault.after is None else min(length, fault.after)
        data = self.rfile.read(wanted)
        self.storage.put(session, data, first=first, whole=len(data) == length)
        if fault is not None and fault.held is not None:
            fault.held.wait(30)
        status = HTTPStatus.PERMANENT_REDIRECT if fault is None else fault.status
        if len(data) < wanted or status is None:
            self._cut()
        elif status == HTTPStatus.PERMANENT_REDIRECT:
            self._progress(session)
        else:
            self._answer(status)

    def _progress(self, session: Session) -> None:
        if session.stored is not None:
            self._answer(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(session.stored).encode())
        else:
            self._answer(HTTPStatus.PERMANENT_REDIRECT, {"Range": f"bytes=0-{len(session.have) - 1}"} if session.have else {})

    def _id(self) -> str:
        return parse_qs(urlsplit(self.path).query).get("upload_id", [""])[0]

    def _session(self) -> Session | None:
        """The live session that is meant; has answered otherwise."""
        session = self.storage.sessions.get(self._id())
        if session is None or session.gone is not None:
            self._body()
            self._answer(session.gone or HTTPStatus.NOT_FOUND if session else HTTPStatus.NOT_FOUND)
            return None
        return session

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        with suppress(OSError):  # the page may have gone
            self.send_response(status)
            # a browser sends a request again by itself where a connection that has served before is cut
            said = {**self._shown(), **(headers or {}), "Content-Length": str(len(body)), "Connection": "close"}
            for name, value in said.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def _shown(self) -> dict[str, str]:
        """Answers of a session are shown to the origin it was opened for."""
        session, origin = self.storage.sessions.get(self._id()), self.headers["Origin"]
        if session is None or session.mute or origin is None or origin != session.origin:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": ",".join(self.storage.cors.response_header)}

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        pass

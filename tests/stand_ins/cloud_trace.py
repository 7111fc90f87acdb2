"""A stand-in for Cloud Trace's OTLP endpoint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """What Cloud Trace would have been sent: spans, each with the name of its service."""

    url: str
    spans: list[tuple[str, Span]] = field(default_factory=list)
    projects: set[str] = field(default_factory=set)
    credentials: set[str | None] = field(default_factory=set)

    def of(self, service: str) -> list[Span]:
        return [span for name, span in self.spans if name == service]

    def take(self, body: bytes, credentials: str | None) -> None:
        self.credentials.add(credentials)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = {a.key: a.value.string_value for a in group.resource.attributes}
            self.projects.add(said["gcp.project_id"])
            self.spans += [(said["service.name"], span) for scope in group.scope_spans for span in scope.spans]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serves on this machine, on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/v1/traces")
    threading.Thread(target=server.serve_forever).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()

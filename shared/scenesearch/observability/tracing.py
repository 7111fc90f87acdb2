"""Spans to Cloud Trace (OpenTelemetry): one trace follows a video through every function, and a question through its request.

The trace travels in the attributes of messages (`traceparent`). Nothing is recorded unless `start` was called with a project and a share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanKind
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenesearch.config import Settings

GOOGLE = "https://telemetry.googleapis.com/v1/traces"
"""Google's endpoint for OTLP, in place of the exporters for Cloud Trace that it has deprecated."""

ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
"""OpenTelemetry's own variable for another endpoint; that one is shown no credentials of Google's."""

PATIENCE_S = 3.0
"""What a function waits at most for its spans to be taken. Spans that are not are lost, and said to be in the log."""

UNTRACED = frozenset({"/health", "/healthz"})


def start(settings: Settings) -> None:
    """Send this process's spans, if the settings name a project and a share of traces; else nothing is loaded at all."""
    if settings.gcp_project and settings.trace_ratio:
        from opentelemetry import trace

        trace.set_tracer_provider(provider(settings, _exporter()))


def provider(settings: Settings, exporter: SpanExporter) -> TracerProvider:
    """Where spans of this process are made; they are gathered and sent by `exporter`, at the latest when `flush` is called.

    The share is chosen by the trace's own id, so every function chooses the same traces and none is sent in part. What Google's
    front end has chosen for itself is sent too.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    share = TraceIdRatioBased(settings.trace_ratio)
    made = TracerProvider(
        sampler=ParentBased(root=share, remote_parent_not_sampled=share),
        resource=Resource.create({"gcp.project_id": settings.gcp_project}),  # the service's name: OTEL_SERVICE_NAME
    )
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def flush() -> None:
    """Send what is gathered, now: once a function has answered, its CPU is taken away."""
    from opentelemetry import trace

    current = trace.get_tracer_provider()
    if hasattr(current, "force_flush"):  # only one of the SDK has anything to send
        current.force_flush()


@contextmanager
def span(name: str, kind: SpanKind, carrier: Mapping[str, str], **about: str | int) -> Iterator[Span]:
    """A span of the trace that `carrier` holds (else of a new one), open in this block."""
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    with trace.get_tracer("scenesearch").start_as_current_span(name, extract(carrier), kind, about) as opened:
        yield opened


class Traced:
    """A site, each of whose requests is a span. It is sent before the answer's last bytes are, and never holds what was asked."""

    def __init__(self, site: ASGIApp) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._site(scope, receive, send)
            return
        from anyio.to_thread import run_sync
        from opentelemetry import trace
        from opentelemetry.propagate import extract

        carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        opened = trace.get_tracer("scenesearch").start_span(scope["method"], extract(carrier), trace.SpanKind.SERVER)

        def close() -> None:
            if opened.is_recording():
                route = getattr(scope.get("route"), "path", "-")  # never the address itself: it holds the question
                opened.update_name(f"{scope['method']} {route}")
                opened.set_attributes({"http.request.method": scope["method"], "http.route": route})
                opened.end()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and opened.is_recording():
                opened.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    opened.set_status(trace.StatusCode.ERROR)
            if message["type"] == "http.response.body" and not message.get("more_body") and opened.is_recording():
                close()
                await run_sync(flush)
            await send(message)

        with trace.use_span(opened, record_exception=False, set_status_on_exception=False):  # an error may quote what was asked
            try:
                await self._site(scope, receive, answer)
            finally:
                close()  # of an answer that was cut off: sent with the next one


def log_fields(project: str) -> dict[str, object]:
    """What ties a log line to the span that is open: Cloud Logging's own fields. Empty when there is none."""
    from opentelemetry import trace

    open_now = trace.get_current_span().get_span_context()
    if not (project and open_now.is_valid):
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace.format_trace_id(open_now.trace_id)}",
        "logging.googleapis.com/spanId": trace.format_span_id(open_now.span_id),
        "logging.googleapis.com/trace_sampled": open_now.trace_flags.sampled,
    }


def _exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if os.environ.get(ENDPOINT):
        return OTLPSpanExporter(timeout=PATIENCE_S)
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return OTLPSpanExporter(endpoint=GOOGLE, session=AuthorizedSession(credentials), timeout=PATIENCE_S)

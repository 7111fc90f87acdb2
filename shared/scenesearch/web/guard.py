"""What stands before every route: request ids, safe headers, and no way in for other sites."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scenesearch.addresses import is_local
from scenesearch.observability.logs import without_words
from scenesearch.web.problems import problem

LOG = logging.getLogger(__name__)

BODY_BYTES = 1_000_000
"""No request but an upload is larger."""

BROKE = "Something broke here. Try again; if it stays, report the request's id."

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def content_security_policy(storage: Iterable[str] = ()) -> str:
    """Only this site's own files run; media and uploads may also go to the bucket's hosts. No string becomes markup or script."""
    hosts = "".join(f" {host}" for host in storage)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob:{hosts}",
            f"media-src 'self' blob:{hosts}",
            f"connect-src 'self'{hosts}",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Broken(Exception):
    """An answer that had begun cannot be finished."""


class Guard:
    """ASGI middleware, outermost. `local_only`: answer only to this machine's own names (against DNS rebinding)."""

    def __init__(self, app: ASGIApp, *, local_only: bool, storage: Iterable[str] = ()) -> None:
        self._app, self._local_only = app, local_only
        self._headers = {
            "Content-Security-Policy": content_security_policy(storage),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = uuid4().hex
        began, status = time.monotonic(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    out.setdefault(name, value)
                out["X-Request-Id"] = request_id
                out.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if (refusal := self._refusal(scope, headers)) is not None:
                await problem(Request(scope), *refusal)(scope, receive, answer)
            else:
                await self._app(scope, receive if scope["method"] == "PUT" else _limited(receive), answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, its words stay out of the log
            LOG.error("a request broke", extra={"request_id": request_id, "error": without_words(error)})
            if status:
                raise Broken from None
            await problem(Request(scope), 500, BROKE)(scope, receive, answer)
        finally:
            route = scope.get("route")
            LOG.info(
                "request",
                extra={
                    "method": scope["method"],
                    "route": getattr(route, "path", "-"),  # never the address itself: it holds the question
                    "status": status,
                    "took_ms": round((time.monotonic() - began) * 1000),
                    "request_id": request_id,
                },
            )

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._local_only and not is_local(host):
            return 421, f"this server is only for its own machine, and {host!r} is not one of its names: use http://localhost"
        navigation = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not navigation:
            return 403, "requests from other sites are refused: open the page itself"
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in _SAFE and urlsplit(origin).netloc != host:
            return 403, "requests from other sites are refused: open the page itself"
        return None


def _limited(receive: Receive) -> Receive:
    """`receive`, until the body is too large: only uploads (PUT) are."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES:
            raise HTTPException(413, f"a request holds at most {BODY_BYTES} bytes; videos go to /v1/uploads")
        return message

    return limited

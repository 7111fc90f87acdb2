"""Errors on the wire: RFC 9457 problem documents."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from scenesearch import errors
from scenesearch.observability.logs import without_words

LOG = logging.getLogger(__name__)

STATUS: tuple[tuple[type[errors.SceneSearchError], int], ...] = (
    (errors.NotSignedIn, 401),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.Gone, 410),
    (errors.TooLarge, 413),
    (errors.UnreadableMedia, 422),
    (errors.StorageFull, 507),
    (errors.Busy, 409),
    (errors.Overloaded, 429),
    (errors.InvalidRequest, 400),
    (errors.InvalidSpan, 400),
    (errors.Retryable, 503),
    (errors.IndexMismatch, 503),
)
"""The first that fits; anything else is 500."""


class Fault(BaseModel):
    """One thing that is wrong with a request, and where."""

    where: str
    what: str


class Problem(BaseModel):
    """A problem document (RFC 9457). `detail` says what was wrong and what to do; `instance` is the request's id."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    faults: list[Fault] = Field(default_factory=list)


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in (("4XX", "The request cannot be done; `detail` says why."), ("5XX", "This failed here; try again."))
}
"""What every operation may also answer."""


def problem(request: Request, status: int, detail: str, faults: list[Fault] | None = None) -> JSONResponse:
    """The response for one problem."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:request:{request.scope.get('state', {}).get('request_id', '')}",
        faults=faults or [],
    )
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "2"} if status in (429, 503) else {}
    return JSONResponse(body.model_dump(mode="json"), status, headers, media_type="application/problem+json")


def status_of(error: errors.SceneSearchError) -> int:
    """The HTTP status of one of our errors."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def install(site: FastAPI) -> None:
    """Answer every error with a problem document."""
    site.add_exception_handler(errors.SceneSearchError, _ours)
    site.add_exception_handler(RequestValidationError, _invalid)
    site.add_exception_handler(HTTPException, _http)


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.SceneSearchError)  # noqa: S101 - registered for these only
    status = status_of(error)
    if status >= 500:
        extras = {"request_id": request.scope.get("state", {}).get("request_id"), "error": without_words(error)}
        LOG.error("a request failed", extra=extras)
    return problem(request, status, str(error))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = [Fault(where=".".join(str(part) for part in e["loc"]), what=e["msg"]) for e in error.errors()]
    return problem(request, 422, "; ".join(f"{f.where}: {f.what}" for f in faults), faults)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    response = problem(request, error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == 405:  # one path may have a route for each of its methods
        partial = [route for route in request.app.state.routes if route.matches(request.scope)[0] is Match.PARTIAL]
        response.headers["Allow"] = ", ".join(sorted({method for route in partial for method in getattr(route, "methods", None) or ()}))
    return response

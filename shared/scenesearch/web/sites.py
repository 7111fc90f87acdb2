"""The sites that are served: the whole library with its page, or the search alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scenesearch import __version__
from scenesearch.config import Auth
from scenesearch.library.uploads import BucketUploads, LocalUploads, TakesUploads, UploadDesk
from scenesearch.web import problems
from scenesearch.web.access import IAP_HEADER, doorkeeper
from scenesearch.web.guard import Guard
from scenesearch.web.problems import Problem
from scenesearch.web.search_routes import describe_question
from scenesearch.web.search_routes import routes as search_routes
from scenesearch.web.site import Site

if TYPE_CHECKING:
    from scenesearch.bootstrap import Application


def search_site(app: Application) -> FastAPI:
    """`/v1/search` and `/v1/feedback`."""
    return _site(app, Site(app, doorkeeper(app.settings)), [search_routes])


def library_site(app: Application) -> FastAPI:
    """The page, the library and the search: one origin."""
    from scenesearch.web import export_routes, object_routes, page_routes, upload_routes, video_routes

    routes = [search_routes, video_routes.routes, upload_routes.routes, export_routes.routes, object_routes.routes, page_routes.routes]
    return _site(app, Site(app, doorkeeper(app.settings), _upload_desk(app)), routes)


def _upload_desk(app: Application) -> UploadDesk | None:
    if not app.backend.takes_uploads:
        return LocalUploads(app.settings.home / "uploading", lambda: app.uploads)
    return BucketUploads(app.uploads) if isinstance(app.uploads, TakesUploads) else None


def _site(app: Application, site: Site, parts: Iterable[APIRouter]) -> FastAPI:
    made = FastAPI(
        title="scenesearch",
        version=__version__,
        description="Find the scene, not the file.",
        docs_url=None,
        redoc_url=None,
        responses=problems.RESPONSES,
        # `observability.tracing.Traced` in its place: FastAPI's own spans hold the address, and so the question.
        telemetry={"tracing": False, "operation_spans": False, "metrics": False, "logs": False},
    )
    made.state.site = site
    problems.install(made)
    parts = list(parts)
    made.state.routes = [route for part in parts for route in part.routes]
    for part in parts:
        made.include_router(part)
    made.add_api_route(HEALTH, _health, methods=["GET"], operation_id="health", summary="Whether this answers")
    made.add_api_route(OLD_HEALTH, _health, methods=["GET"], include_in_schema=False)
    _describe(made, signed_in=app.settings.auth is Auth.GOOGLE)
    made.add_middleware(Guard, local_only=app.settings.auth is Auth.NONE, storage=app.backend.link_origins)
    return made


HEALTH = "/health"
OLD_HEALTH = "/healthz"
"""The path until 0.1, kept for one release where a server of one's own runs: Cloud Run reserves it, so it never worked in the cloud
("reserved URL paths" in https://docs.cloud.google.com/run/docs/known-issues)."""


async def _health() -> dict[str, str]:
    return {"status": "ok"}


SIGN_IN = {
    "idToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Services: a Google ID token for this audience."},
    "iap": {"type": "apiKey", "in": "header", "name": IAP_HEADER, "description": "People: set by Identity-Aware Proxy."},
}


def _describe(site: FastAPI, *, signed_in: bool) -> None:
    """OpenAPI with the problem document among its schemas, and how callers sign in where they have to."""
    plain = site.openapi

    def described() -> dict[str, Any]:
        document = plain()
        describe_question(document)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(_schemas())
        if signed_in:
            components["securitySchemes"] = SIGN_IN
            document["security"] = [{name: []} for name in SIGN_IN]
            document["paths"][HEALTH]["get"]["security"] = []
        return document

    site.openapi = described  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "Problem": schema}


class SiteResponse(Response):
    """Answers a request of the functions framework with a whole site."""

    def __init__(self, site: ASGIApp) -> None:
        super().__init__()
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._site(scope, receive, send)

"""The page, the library and the search, on one origin."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp


@cache
def _site() -> ASGIApp:
    from scenesearch.bootstrap import application
    from scenesearch.observability.logs import observe
    from scenesearch.observability.tracing import Traced
    from scenesearch.web.sites import library_site

    observe()
    return Traced(library_site(application()))


@functions_framework.aio.http
async def library(request: Request) -> Response:
    """Every request of this function."""
    from scenesearch.web.sites import SiteResponse

    return SiteResponse(_site())

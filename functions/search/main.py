"""The search endpoint: `/v1/search` and `/v1/feedback`."""

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
    from scenesearch.web.sites import search_site

    observe()
    return Traced(search_site(application()))


@functions_framework.aio.http
async def search(request: Request) -> Response:
    """Every request of this function."""
    from scenesearch.web.sites import SiteResponse

    return SiteResponse(_site())

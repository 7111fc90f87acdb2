"""Cuts what is uploaded into chunks and clips."""

import functions_framework
from flask import Request

from scenesearch.web.push import receive


@functions_framework.http
def handle(request: Request) -> tuple[str, int]:
    """One push of Pub/Sub."""
    return receive(request.get_data(), dict(request.headers), "split")

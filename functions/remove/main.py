"""Forgets what was deleted or overwritten."""

import functions_framework
from flask import Request

from scenesearch.messages import Subscription
from scenesearch.web.push import receive


@functions_framework.http
def handle(request: Request) -> tuple[str, int]:
    """One push of Pub/Sub."""
    return receive(request.get_data(), dict(request.headers), Subscription.REMOVE_OBJECTS)

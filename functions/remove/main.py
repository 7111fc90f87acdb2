"""Forgets what was deleted or overwritten."""

import functions_framework
from flask import Request

from scenesearch.functions import receive
from scenesearch.messages import Subscription


@functions_framework.http
def handle(request: Request) -> tuple[str, int]:
    """One push of Pub/Sub."""
    return receive(request.get_data(), dict(request.headers), Subscription.REMOVE_OBJECTS)

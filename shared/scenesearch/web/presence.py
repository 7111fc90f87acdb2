"""Work for a client ends when the client goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.types import Receive

from scenesearch.ports import Cancellation


@asynccontextmanager
async def while_there(receive: Receive, cancellation: Cancellation) -> AsyncIterator[None]:
    """What is done in the context ends when the client goes away: it is cancelled, so that whoever works for them stops."""

    async def watch(scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        cancellation.cancel()
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            yield
        finally:
            cancellation.cancel()
        group.cancel_scope.cancel()

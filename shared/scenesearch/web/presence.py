"""Work for a client ends when the client goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.types import Receive

from scenesearch.search.asker import Asker


@asynccontextmanager
async def while_there(receive: Receive, asker: Asker) -> AsyncIterator[None]:
    """What is done in the context ends when the client goes away: the asker leaves, so that whoever works for them stops."""

    async def watch(scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        asker.leave()
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            yield
        finally:
            asker.leave()
        group.cancel_scope.cancel()

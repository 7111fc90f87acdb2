"""`scenesearch serve`: the page, the API and the ingest runtime on one machine."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from scenesearch.addresses import is_local
from scenesearch.config import Auth
from scenesearch.errors import ConfigurationError, SceneSearchError

if TYPE_CHECKING:
    from scenesearch.bootstrap import Application

LOG = logging.getLogger(__name__)

_GOODBYE_S = 3
"""How long open connections are waited for at the end."""


def serve(app: Application, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM; port 0 takes a free one. No process is left behind.

    Raises:
        ConfigurationError: not without sign-in to the outside, or the port is taken.
    """
    import uvicorn

    from scenesearch.web.sites import library_site

    if app.settings.auth is Auth.NONE and not is_local(f"[{host}]" if ":" in host else host):
        raise ConfigurationError(
            f"without sign-in only this machine itself may connect, not {host!r}: leave --host out, or set SCENESEARCH_AUTH=google"
        )
    with closing(_bound(host, port)) as listener:
        site = library_site(app)
        config = uvicorn.Config(
            site, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_GOODBYE_S, lifespan="off"
        )
        shown = f"[{host}]" if ":" in host else host
        with app.runner():
            print(f"scenesearch is at http://{shown}:{listener.getsockname()[1]}/ (Ctrl-C ends it)", file=sys.stderr, flush=True)  # noqa: T201
            threading.Thread(target=_warm, args=(app,), name="warm", daemon=True).start()
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listener])


def _warm(app: Application) -> None:
    """Load the embedder and the index before somebody asks: the first question would wait for seconds where many videos are kept.

    No reader is asked: some are paid for.
    """
    from scenesearch.search.answer import Effort, SearchRequest

    try:
        app.search.answer(SearchRequest(query="warm up", effort=Effort.FAST))
    except SceneSearchError as error:  # whoever asks is told the same
        LOG.warning("search is not ready", extra={"reason": str(error)})


@contextmanager
def served(site: ASGIApp) -> Iterator[str]:
    """Serve a site on a free port of this machine for the time of the context; its address."""
    import uvicorn

    with closing(_bound("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(site, log_config=None, access_log=False, timeout_graceful_shutdown=_GOODBYE_S, lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # whoever comes before the server is up waits for it
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(f"{host}:{port} cannot be listened on ({error}): choose another --port, or 0 for a free one") from error
    return listener

"""Which library a command is about: the one of this machine's settings, or one that is served elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenesearch.bootstrap import Application, application
from scenesearch.library.exports import export_clip
from scenesearch.library.views import EntryView, VideoDetails, VideoView, details, entries, find, metadata_text, view
from scenesearch.names import spellings
from scenesearch.search.answer import Answer, SearchRequest
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from scenesearch.client.client import Client

Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Ask the scenesearch that is served there, not this machine's own.")
]


class Here:
    """The application of this process, with the methods of the client."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def search(self, request: SearchRequest) -> Answer:
        """The whole answer."""
        return self._app.search.answer(request)

    def videos(self, collection: str | None = None) -> list[VideoView]:
        """The live videos, newest first."""
        return [view(video, self._app.catalog) for video in self._app.catalog.videos(spellings(collection) if collection else None)]

    def find(self, wanted: str) -> VideoView:
        """The video with this id, title or object name. Raises `VideoNotFound`; `InvalidRequest` when several fit."""
        return view(find(wanted, self._app.catalog), self._app.catalog)

    def video(self, video_id: str) -> VideoDetails:
        """One video and what was found out about it."""
        return details(find(video_id, self._app.catalog), self._app.catalog)

    def metadata_text(self, video_id: str) -> str:
        """The five sections of a video, one line an entry."""
        return metadata_text(find(video_id, self._app.catalog), self._app.catalog).render()

    def entries(self, video_id: str) -> list[EntryView]:
        """The timed lines of a video, in order of section and time."""
        return entries(find(video_id, self._app.catalog), self._app.catalog)

    def export(self, video_id: str, span: Span, to: Path, progress: Callable[[float], object] = lambda share: None) -> None:
        """Take a scene away as a file. `progress` is told from 0 to 1."""
        video = find(video_id, self._app.catalog)
        export_clip(video, span, to, uploads=self._app.uploads, catalog=self._app.catalog, progress=progress)


def library(server: str | None) -> Here | Client:
    """The one that is served at this address; None: the one of this machine's settings."""
    return Here(application()) if server is None else served(server)


def served(url: str) -> Client:
    """A client of the scenesearch at this address. Raises `InvalidRequest`, `ConfigurationError`."""
    from scenesearch.client.client import Client
    from scenesearch.client.tokens import base, token_for
    from scenesearch.config import Settings

    return Client(url, token=token_for(base(url), Settings.load()))

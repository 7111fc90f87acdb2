"""What every route is given: the application, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from scenesearch.web.access import Caller, Doorkeeper

if TYPE_CHECKING:
    from scenesearch.bootstrap import Application
    from scenesearch.library.uploads import UploadDesk


@dataclass(frozen=True)
class Site:
    """One running site. `uploads` is None where it only answers questions."""

    app: Application
    door: Doorkeeper
    uploads: UploadDesk | None = None


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _caller(request: Request) -> Caller:
    caller = _site(request).door.admit(request.headers)
    request.scope["state"]["caller"] = caller.name
    return caller


TheSite = Annotated[Site, Depends(_site)]
TheCaller = Annotated[Caller, Depends(_caller)]

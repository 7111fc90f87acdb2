"""What every route is given: the application, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from scenesearch.web.access import Caller, Doorkeeper
from scenesearch.web.export_jobs import ExportJobs
from scenesearch.web.pool import Pool

if TYPE_CHECKING:
    from scenesearch.bootstrap import Application
    from scenesearch.library.uploads import UploadDesk


@dataclass(frozen=True)
class Site:
    """One running site. `uploads` is None where it only answers questions."""

    app: Application
    door: Doorkeeper
    uploads: UploadDesk | None = None
    exports: Pool = field(default_factory=lambda: Pool("exports", at_once=2, waiting=4, patience_s=20))
    export_jobs: ExportJobs = field(init=False)
    stills: Pool = field(default_factory=lambda: Pool("stills", at_once=2, waiting=16, patience_s=10))

    def __post_init__(self) -> None:
        object.__setattr__(self, "export_jobs", ExportJobs(self.exports))


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _caller(request: Request) -> Caller:
    caller = _site(request).door.admit(request.headers)
    request.scope["state"]["caller"] = caller.name
    return caller


TheSite = Annotated[Site, Depends(_site)]
TheCaller = Annotated[Caller, Depends(_caller)]

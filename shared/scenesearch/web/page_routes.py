"""The page: plain files from this package, no build step."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from scenesearch.errors import NotFound
from scenesearch.media.codecs import EXTENSIONS

routes = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).with_name("page")
VIEWS = ("/", "/search", "/watch", "/library")
"""Addresses that people can share; the page itself finds out what to show."""


ACCEPTED = "accepted.js"
"""The one module that is no file: what may be uploaded, from the same table as everywhere."""


def _accepted() -> str:
    return f'export const ACCEPTED = "{",".join(["video/*", *sorted(EXTENSIONS)])}";\n'


def _view(request: Request) -> Response:
    return _file(request, "index.html")


for view in VIEWS:
    routes.add_api_route(view, _view, methods=["GET", "HEAD"])


@routes.api_route("/page/{name:path}", methods=["GET", "HEAD"])
def asset(name: str, request: Request) -> Response:
    """A file of the page; a browser asks again only whether it has changed."""
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    if name not in _names():
        raise NotFound(f"the page has no file {name!r}")
    content, tag = _content(name)
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()) | {ACCEPTED}


@cache
def _content(name: str) -> tuple[bytes, str]:
    content = _accepted().encode() if name == ACCEPTED else (FOLDER / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'

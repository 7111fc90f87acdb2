"""The page: plain files from this package, no build step."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from scenesearch.errors import NotFound
from scenesearch.library.exports import FORMATS
from scenesearch.media.codecs import EXTENSIONS
from scenesearch.media.subtitle_names import SUBTITLE_TYPES

routes = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).with_name("page")
VIEWS = ("/", "/search", "/watch", "/library")
"""Addresses that people can share; the page itself finds out what to show."""


def _tables() -> dict[str, str]:
    """The modules that are no files: tables that the page shares with everything else."""
    accepted = ",".join(["video/*", *sorted(EXTENSIONS | SUBTITLE_TYPES.keys())])
    formats = [{"format": suffix[1:], "label": made.label, "group": made.group} for suffix, made in FORMATS.items()]
    return {
        "accepted.js": f"export const ACCEPTED = {json.dumps(accepted)};\n",
        "formats.js": f"export const FORMATS = {json.dumps(formats)};\n",
    }


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
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()) | _tables().keys()


@cache
def _content(name: str) -> tuple[bytes, str]:
    content = _tables()[name].encode() if name in _tables() else (FOLDER / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'

"""Parts of a file over HTTP (RFC 9110, 14): what a player needs to jump."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

BLOCK_BYTES = 256 * 1024
"""Bytes sent at a time: it bounds the memory of a download."""

PLAYER_BYTES = 384 * 1024
"""How much a player gets at once when it asks for everything from a place on: it reads the index, then jumps, and what has been sent
by then was for nothing (on this machine's own network tens of megabytes). It asks for more when it needs more.
"""
_PLAYERS = frozenset({"video", "audio"})
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def ranged(
    request: Request, source: BinaryIO, size: int, *, content_type: str, tag: str, disposition: str | None = None, played: bool = False
) -> Response:
    """The whole of `source` (200), the one range asked for (206), or the news that it is not there (416). Closes `source`.

    `tag` identifies the content for ever. Several ranges at once are answered with the whole, as the standard allows.
    `played`: for players, which keep what they need themselves; a cache between would ask for other ranges than they do.
    """
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{tag}"', "Cache-Control": "no-store" if played else "private, max-age=3600"}
    if disposition is not None:
        headers["Content-Disposition"] = disposition
    if request.headers.get("if-none-match") == headers["ETag"]:
        source.close()
        return Response(status_code=304, headers=headers)
    first, last, status = 0, size - 1, 200
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if asked and asked[0] != "bytes=-" and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
        first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
        if played and asked[1] and not asked[2] and request.headers.get("sec-fetch-dest") in _PLAYERS:
            last = min(first + PLAYER_BYTES - 1, size - 1)
        if first > last:
            source.close()
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    if request.method == "HEAD":
        source.close()
        return Response(status_code=status, headers=headers, media_type=content_type)
    return StreamingResponse(_blocks(source, first, last + 1 - first), status, headers, content_type)


def saved_as(file_name: str) -> str:
    """A Content-Disposition that saves under this name (RFC 6266), whatever characters it holds."""
    from urllib.parse import quote

    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _blocks(source: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    with source:
        source.seek(first)
        while count > 0 and (block := source.read(min(BLOCK_BYTES, count))):
            count -= len(block)
            yield block

"""Links of one machine: a path with an expiry and an HMAC, which the local HTTP server checks before it serves the object."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from scenesearch.backends.local.home import make_private
from scenesearch.errors import InvalidRequest

OBJECTS = "/objects/"
"""Where the local HTTP server serves them."""


@dataclass(frozen=True, slots=True)
class SignedObject:
    """What a good link allows: this one object, for reading (with this `Content-Disposition`) or for writing with this content type."""

    bucket: str
    name: str
    content_type: str | None
    disposition: str | None = None


class UrlSigner:
    """Signs and checks links with a key of this machine's own, made when it is first needed and kept in `key_file`."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    def sign(
        self,
        bucket: str,
        name: str,
        *,
        expires: timedelta,
        method: str = "GET",
        content_type: str | None = None,
        disposition: str | None = None,
    ) -> str:
        """`/objects/BUCKET/NAME?expires=…&signature=…`: relative to wherever the server listens."""
        until = int(time.time() + expires.total_seconds())
        signature = self._signature(method, until, SignedObject(bucket, name, content_type, disposition))
        given = {"expires": str(until), "signature": signature, "content_type": content_type, "disposition": disposition}
        query = {key: value for key, value in given.items() if value is not None}
        return f"{OBJECTS}{quote(bucket, safe='')}/{quote(name, safe='')}?{urlencode(query)}"

    def verify(self, url: str, *, method: str = "GET") -> SignedObject:
        """What the link allows. `url` as the browser sent it, with or without the origin; a link to read is good for HEAD too.

        Raises:
            InvalidRequest: it was made for another method or object, was changed, or has expired.
        """
        parts = urlsplit(url)
        bucket, slash, name = parts.path.removeprefix(OBJECTS).partition("/")
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not parts.path.startswith(OBJECTS) or not slash or not (expires.isascii() and expires.isdecimal()):
            raise InvalidRequest("this is no link to an object: ask for a new one")
        found = SignedObject(unquote(bucket), unquote(name), query.get("content_type"), query.get("disposition"))
        method = "GET" if method == "HEAD" else method
        expected = self._signature(method, int(expires), found)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise InvalidRequest(f"this link does not allow to {method} the object: ask for a new one")
        if int(expires) < time.time():
            raise InvalidRequest("this link has expired: ask for a new one")
        return found

    def _signature(self, method: str, until: int, what: SignedObject) -> str:
        parts = (method, what.bucket, what.name, str(until), what.content_type or "", what.disposition or "")
        said = "\n".join(quote(part, safe="") for part in parts)
        return hmac.new(self._key(), said.encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        try:
            return self._key_file.read_bytes()
        except FileNotFoundError:
            make_private(self._key_file.parent)
            fresh = self._key_file.with_name(f".{self._key_file.name}-{secrets.token_hex(8)}")
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
            try:
                os.link(fresh, self._key_file)  # the first of several processes wins
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
            return self._key_file.read_bytes()

"""A package index on this machine: the locked packages as they will look once every one of them has released a newer version."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PINNED = re.compile(r"^(?P<requirement>[A-Za-z0-9].*?)\s*\\\n(?:\s+--hash=sha256:[0-9a-f]{64}(?:\s*\\)?\n?)+", re.MULTILINE)


@dataclass(frozen=True)
class Release:
    """A version of a package, as an empty wheel that requires what the installed package requires."""

    name: str
    version: str
    empty: bool = False
    """Whether it is made up: a version that requires nothing."""
    runs_on: str = "py3-none-any"
    """The tag of its wheel: which Pythons and systems it is for."""

    @property
    def newer(self) -> Iterator[Release]:
        """Two releases since then: one that every range around the locked version allows, and one far ahead."""
        locked = Version(self.version)
        near = f"{locked.base_version}.1" if not locked.pre else f"{locked.base_version}{locked.pre[0]}{locked.pre[1] + 1}"
        yield from (Release(self.name, version, empty=True, runs_on=self.runs_on) for version in (near, "9999"))

    @property
    def file(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-{self.runs_on}.whl"

    @cached_property
    def wheel(self) -> bytes:
        """The same bytes each time."""
        written, folder = io.BytesIO(), f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        metadata = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}", *self._requirements()]
        tags = ["Wheel-Version: 1.0", "Generator: tests", "Root-Is-Purelib: true", f"Tag: {self.runs_on}"]
        with zipfile.ZipFile(written, "w") as archive:
            for file, lines in {"METADATA": metadata, "WHEEL": tags, "RECORD": []}.items():
                archive.writestr(zipfile.ZipInfo(f"{folder}/{file}"), "".join(f"{line}\n" for line in lines))
        return written.getvalue()

    @cached_property
    def digest(self) -> str:
        """Its SHA-256, in hexadecimal."""
        return hashlib.sha256(self.wheel).hexdigest()

    def _requirements(self) -> Iterator[str]:
        if self.empty:
            return
        try:
            installed = distribution(self.name).metadata
        except PackageNotFoundError:  # locked for other systems
            return
        for field in ("Provides-Extra", "Requires-Dist"):
            yield from (f"{field}: {value}" for value in installed.get_all(field) or ())


def locked(lock: str) -> list[Requirement]:
    """Every requirement of a lock file's text."""
    return [Requirement(pinned["requirement"]) for pinned in PINNED.finditer(lock)]


def release(requirement: Requirement) -> Release:
    """The version that a locked requirement names."""
    (pin,) = requirement.specifier
    return Release(canonicalize_name(requirement.name), pin.version)


def with_made_hashes(lock: str) -> str:
    """The lock file, line by line, with the hashes of the empty wheels in place of the real ones."""

    def pin(found: re.Match[str]) -> str:
        return f"{found['requirement']} \\\n    --hash=sha256:{release(Requirement(found['requirement'])).digest}\n"

    return PINNED.sub(pin, lock)


@contextmanager
def serving(releases: Iterable[Release]) -> Iterator[str]:
    """The address of a simple index that has these releases, and a newer and empty one of each package."""
    pages: dict[str, set[str]] = {}
    files: dict[str, bytes] = {}
    for known in releases:
        for one in (known, *known.newer):
            pages.setdefault(f"/simple/{one.name}/", set()).add(one.file)
            files[f"/files/{one.file}"] = one.wheel

    class Index(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: apart, the second waits for an acknowledgement of the first (40 ms)

        def do_GET(self) -> None:
            body, kind = files.get(self.path), "application/octet-stream"
            if body is None and self.path in pages:
                links = (f'<a href="/files/{file}">{file}</a><br>' for file in sorted(pages[self.path]))
                body, kind = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html"
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        server.server_close()

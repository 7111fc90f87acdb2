"""Run with a disk of 4 MB and a large file elsewhere: fills the disk through the object store and says what became of it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import BinaryIO

from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.errors import StorageFull


def main(disk: Path, large: BinaryIO) -> None:
    store = FolderObjectStore(disk / "bucket", "bucket", signer=UrlSigner(disk / "key"))
    store.create("kept", io.BytesIO(b"x" * 3_000_000), content_type="video/mp4")
    for write, name, source in (
        (store.create, "a", io.BytesIO(b"y" * 2_000_000)),
        (store.replace, "kept", io.BytesIO(b"y" * 2_000_000)),
        (store.create, "b", large),
    ):
        try:
            write(name, source, content_type="video/mp4")
        except StorageFull as error:
            sys.stdout.write(f"{type(error).__name__}\n")
    sys.stdout.writelines(f"{info.name} {info.size_bytes}\n" for info in store.list())
    left = sum(path.is_file() and path.parent.name != "locks" for path in (disk / "bucket").rglob("*"))
    sys.stdout.write(f"files {left}\n")


with Path(sys.argv[2]).open("rb") as large_file:
    main(Path(sys.argv[1]), large_file)

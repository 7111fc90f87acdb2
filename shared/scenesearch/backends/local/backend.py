"""The one-machine backend in one folder: `SCENESEARCH_HOME`."""

from __future__ import annotations

from functools import partial

from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.index import LocalIndex
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.messages import Topic
from scenesearch.ports import Embedder, Ports


def local_ports(settings: Settings, embedder: Embedder, *, queue: LocalQueue | None = None) -> Ports:
    """The ports over the folder `settings.home`. Nothing is made there before it is needed."""
    home = settings.home
    database = Database(home / "catalog.sqlite")
    queue = queue or LocalQueue(database, deliver_twice=settings.deliver_twice)
    signer = UrlSigner(home / "signing.key")
    return Ports(
        uploads=FolderObjectStore(
            home / settings.uploads_bucket, settings.uploads_bucket, signer=signer, on_change=partial(queue.publish, Topic.OBJECTS)
        ),
        work=FolderObjectStore(home / settings.work_bucket, settings.work_bucket, signer=signer),
        publisher=queue,
        catalog=LocalCatalog(database),
        index=LocalIndex(home / "index.sqlite", embedder.name, embedder.dimension),
        embedder=embedder,
    )

"""The one-machine backend in one folder: `SCENESEARCH_HOME`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.home import network_file_system
from scenesearch.backends.local.index import LocalIndex
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.runtime import Runtime
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.messages import Topic
from scenesearch.ports import Embedder, HandlerFactory, SceneIndex

_log = logging.getLogger(__name__)


class LocalBackend:
    """The `Backend` port over the folder `settings.home`. Nothing is made there before it is needed."""

    link_origins = ()
    takes_uploads = False
    stays_up = True

    def __init__(self, settings: Settings) -> None:
        home, self._settings = settings.home, settings
        database, signer = Database(home / "catalog.sqlite"), UrlSigner(home / "signing.key")
        self.publisher = LocalQueue(database, deliver_twice=settings.deliver_twice)
        self.catalog = LocalCatalog(database)
        self.uploads = FolderObjectStore(
            home / settings.uploads_bucket, settings.uploads_bucket, signer=signer, on_change=partial(self.publisher.publish, Topic.OBJECTS)
        )
        self.work = FolderObjectStore(home / settings.work_bucket, settings.work_bucket, signer=signer)

    def index(self, embedder: Embedder) -> SceneIndex:
        """The embedded index, a file of its own."""
        return LocalIndex(self._settings.home / "index.sqlite", embedder.name, embedder.dimension)

    def runner(self, factory: HandlerFactory, tick: Callable[[], None]) -> Runtime:
        """Worker processes of this machine. A warning says when its folder lies where SQLite is not safe."""
        if kind := network_file_system(self._settings.home):
            _log.warning("%s lies on a network file system (%s): set SCENESEARCH_HOME to a disk of this machine", self._settings.home, kind)
        return Runtime(self.publisher, factory, workers=self._settings.workers, tick=tick)

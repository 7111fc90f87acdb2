"""The one place that knows which backend, which index and which models run. Each is imported and made when it is first used."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from threading import RLock
from typing import TYPE_CHECKING

from scenesearch import config
from scenesearch.config import Settings
from scenesearch.messages import Subscription
from scenesearch.observability.logs import configure_logging
from scenesearch.once import once
from scenesearch.ports import Backend, Catalog, Embedder, Handler, Models, ObjectStore, Ports, Publisher, Runner, SceneIndex, SceneWatcher

if TYPE_CHECKING:
    from scenesearch.backends.gcp.backend import CloudBackend
    from scenesearch.search.search import Limits, Search


class Application:
    """Everything that runs, made on first use and once a process."""

    def __init__(self, settings: Settings, *, limits: Limits | None = None) -> None:
        self.settings = settings
        self.making = RLock()
        self._limits = limits

    # what the settings choose

    @once
    def models(self) -> Models:
        """What reads clips, embeds, summarises, reads and watches scenes."""
        if self.settings.models is config.Models.VERTEXAI:
            from scenesearch.models.vertexai.vertexai_models import VertexModels

            return VertexModels(self.settings)
        from scenesearch.models.local.local_models import LocalModels

        return LocalModels(self.settings)

    @once
    def backend(self) -> Backend:
        """Where objects, messages and state are."""
        if self.settings.backend is config.Backend.GCP:
            return self._cloud
        from scenesearch.backends.local.backend import LocalBackend

        return LocalBackend(self.settings)

    @once
    def index(self) -> SceneIndex:
        """Where moments are found: the backend's own index, or the one that the settings name."""
        if self.settings.backend is config.Backend.GCP and self.settings.vertexai_search_data_store:
            from scenesearch.backends.vertexai_search.connect import connected_index

            return connected_index(self.settings, self._cloud, self.embedder)
        return self.backend.index(self.embedder)

    @once
    def _cloud(self) -> CloudBackend:
        from scenesearch.backends.gcp.backend import CloudBackend

        return CloudBackend(self.settings)

    # what is made of that

    @property
    def uploads(self) -> ObjectStore:
        """The bucket of uploaded videos."""
        return self.backend.uploads

    @property
    def work(self) -> ObjectStore:
        """The bucket of what is derived from them."""
        return self.backend.work

    @property
    def publisher(self) -> Publisher:
        """The topics."""
        return self.backend.publisher

    @property
    def catalog(self) -> Catalog:
        """The state of every video."""
        return self.backend.catalog

    @property
    def embedder(self) -> Embedder:
        """The vector space of the index."""
        return self.models.embedder

    @once
    def watcher(self) -> SceneWatcher | None:
        """What watches the clips of found scenes; None where no model can."""
        return self.models.watcher(self.catalog, self.work)

    @once
    def ports(self) -> Ports:
        """What the verbs of ingest work through."""
        return Ports.over(self.backend, self.index, self.embedder)

    @once
    def search(self) -> Search:
        """Both stages of asking."""
        from scenesearch.search.modes import cutoffs_of
        from scenesearch.search.search import Limits, Search

        limits = self._limits or Limits(cutoffs=cutoffs_of(self.settings))
        return Search(self.catalog, self.index, self.embedder, (self.models.reader, self.watcher), limits)

    @once
    def handlers(self) -> Mapping[Subscription, Handler]:
        """What each subscription's messages are given to."""
        from scenesearch.pipeline.handlers import handlers

        return handlers(self.ports, self.models, self.settings)

    def tick(self, stalled_for: timedelta | None = None) -> None:
        """Do what the timer does, for videos without progress for so long (as the settings say, if it is None).

        Batch jobs come first: what they answer must not wait for the buckets to be listed. Neither part keeps the other from its turn.
        """
        from scenesearch.pipeline.batch import tend_batches
        from scenesearch.pipeline.tick import tick

        stalled_for = timedelta(seconds=self.settings.stalled_seconds) if stalled_for is None else stalled_for
        hours = self.settings.unended_hours, self.settings.batch_hours
        try:
            tend_batches(self.models.batches, self.ports, self.settings)
        finally:
            tick(self.ports, stalled_for, unended_for=timedelta(hours=hours[0]), batch_for=timedelta(hours=hours[1]))

    def runner(self) -> Runner:
        """Who does the work of ingest."""
        level = logging.getLogger("scenesearch").getEffectiveLevel()
        return self.backend.runner(partial(_worker_handlers, self.settings, level), self.tick)


@cache
def application() -> Application:
    """The application of this process, with its settings from the environment."""
    return Application(Settings.load())


def _worker_handlers(settings: Settings, level: int) -> Mapping[Subscription, Handler]:
    """The handlers of a worker process of this machine, which writes its log beside the one of its starter."""
    configure_logging(as_json=False, level=level)
    return Application(settings).handlers

"""The one place that knows which backend and which models run. Adapters are imported and made when they are first used."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from scenesearch.config import Backend, Settings
from scenesearch.config import Models as ModelChoice
from scenesearch.errors import ConfigurationError
from scenesearch.messages import Message, Subscription
from scenesearch.observability.logs import configure_logging
from scenesearch.ports import Catalog, Embedder, Models, ObjectStore, Ports, Publisher, SceneIndex, SceneWatcher

if TYPE_CHECKING:
    from scenesearch.backends.local.runtime import Runtime
    from scenesearch.models.vertexai.vertexai_models import VertexModels
    from scenesearch.search.search import Patience, Search

LOOK_S = 2.0
"""How often the command line looks at what the cloud does."""

Handler = Callable[[Message], None]
T = TypeVar("T")


class once(cached_property[T]):  # noqa: N801 - stands where `cached_property` would
    """A property that is made once, whichever thread asks first."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        with instance.making:
            made: T = super().__get__(instance, owner)
            return made


class Application:
    """Everything that runs, made on first use and once a process."""

    def __init__(self, settings: Settings, *, patience: Patience | None = None) -> None:
        self.settings = settings
        self.making = RLock()
        self._patience = patience

    @once
    def models(self) -> Models:
        """What reads clips, embeds, summarises and reads scenes."""
        if self.settings.models is ModelChoice.VERTEXAI:
            return self._vertex_models
        from scenesearch.models.local.local_models import LocalModels

        return LocalModels(self.settings)

    @once
    def watcher(self) -> SceneWatcher | None:
        """What watches the clips of found scenes; None where no model can."""
        return self._vertex_models.watcher(self.catalog, self.work) if self.settings.models is ModelChoice.VERTEXAI else None

    @once
    def _vertex_models(self) -> VertexModels:
        from scenesearch.models.vertexai.vertexai_models import VertexModels

        return VertexModels(self.settings)

    @once
    def ports(self) -> Ports:
        """Objects, messages, state and moments."""
        if self.settings.backend is Backend.GCP:
            from scenesearch.backends.gcp.backend import cloud_ports

            return cloud_ports(self.settings, self.models.embedder)
        from scenesearch.backends.local.backend import local_ports

        return local_ports(self.settings, self.models.embedder)

    @property
    def uploads(self) -> ObjectStore:
        return self.ports.uploads

    @property
    def work(self) -> ObjectStore:
        return self.ports.work

    @property
    def publisher(self) -> Publisher:
        return self.ports.publisher

    @property
    def catalog(self) -> Catalog:
        return self.ports.catalog

    @property
    def index(self) -> SceneIndex:
        return self.ports.index

    @property
    def embedder(self) -> Embedder:
        return self.ports.embedder

    @once
    def search(self) -> Search:
        """Both stages of asking."""
        from scenesearch.search.search import Search

        return Search(self.catalog, self.index, self.embedder, self.models.reader, self.watcher, patience=self._patience)

    @once
    def handlers(self) -> Mapping[Subscription, Handler]:
        """What each subscription's messages are given to."""
        from scenesearch.pipeline.handlers import handlers

        return handlers(self.ports, self.models, self.settings)

    def tick(self, stalled_for: timedelta | None = None) -> None:
        """What the timer does."""
        from scenesearch.pipeline.tick import tick

        stalled_for = timedelta(seconds=self.settings.stalled_seconds) if stalled_for is None else stalled_for
        tick(self.ports, stalled_for, unended_for=timedelta(hours=self.settings.unended_hours))

    def runtime(self) -> Runtime:
        """One machine: the worker processes that serve the queue. A context for as long as `serve` runs."""
        from scenesearch.backends.local.queue import LocalQueue
        from scenesearch.backends.local.runtime import Runtime

        queue = self.publisher
        if not isinstance(queue, LocalQueue):
            raise ConfigurationError("SCENESEARCH_BACKEND=gcp: its functions do the work, there is nothing to run here")
        as_here = logging.getLogger("scenesearch").getEffectiveLevel()
        return Runtime(queue, partial(_worker, self.settings, as_here), workers=self.settings.workers, tick=self.tick)

    def settle(self, on_progress: Callable[[], None] = lambda: None, until: Callable[[], bool] | None = None) -> None:
        """One machine: work `until` this is true or nothing is left to do. The cloud: wait while it works, `until` this is true.

        Calls `on_progress` now and then. Without `until` one machine does everything there is, and the cloud is not waited for.
        """
        if self.settings.backend is Backend.LOCAL:
            self.runtime().run_until_idle(lambda _: on_progress(), until=until or (lambda: False))
            return
        while until and not until():
            on_progress()
            time.sleep(LOOK_S)
        on_progress()


@cache
def application() -> Application:
    """The application of this process, with its settings from the environment."""
    return Application(Settings.load())


def _worker(settings: Settings, level: int) -> Mapping[Subscription, Handler]:
    """The handlers of a worker process of this machine, which writes its log beside the one of its starter."""
    configure_logging(as_json=False, level=level)
    return Application(settings).handlers

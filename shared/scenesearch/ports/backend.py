"""Where everything is kept and who does the work: one machine, or a project of the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from scenesearch.messages import Subscription
from scenesearch.ports.catalog import Catalog
from scenesearch.ports.index import SceneIndex
from scenesearch.ports.messages import Handler, Publisher
from scenesearch.ports.models import Embedder
from scenesearch.ports.objects import ObjectStore

HandlerFactory = Callable[[], Mapping[Subscription, Handler]]
"""Makes the handlers in the process that runs them. It is pickled."""


class Runner(Protocol):
    """Who does the work of ingest: worker processes of this machine, or the functions of the cloud."""

    def __enter__(self) -> Self:
        """Work for the time of the context. Raises `ConfigurationError` where there is nothing to run on this machine."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def settle(self, on_progress: Callable[[], None] = lambda: None, until: Callable[[], bool] | None = None) -> None:
        """Return when `until` is true. One machine works meanwhile, and returns too when nothing is left; the cloud is waited for.

        Calls `on_progress` now and then. Without `until` one machine does everything there is, and the cloud is not waited for.
        """
        ...


class Backend(Protocol):
    """The stores and queues of one machine or of one project. Each connects when it is first used."""

    @property
    def uploads(self) -> ObjectStore:
        """The bucket of uploaded videos."""
        ...

    @property
    def work(self) -> ObjectStore:
        """The bucket of what is derived from them."""
        ...

    @property
    def publisher(self) -> Publisher:
        """The topics."""
        ...

    @property
    def catalog(self) -> Catalog:
        """The state of every video."""
        ...

    @property
    def link_origins(self) -> tuple[str, ...]:
        """Where signed URLs lead, as `https://host`. Empty: to this site itself, which then sends media without a redirect."""
        ...

    @property
    def takes_uploads(self) -> bool:
        """Whether browsers upload straight to the store. Else the site gathers the pieces in a folder of its own."""
        ...

    @property
    def stays_up(self) -> bool:
        """Whether one process serves the site for as long as it runs. Several functions share the requests, and none works between them."""
        ...

    def index(self, embedder: Embedder) -> SceneIndex:
        """The index that comes with this backend, for vectors of this embedder. Raises `ConfigurationError`."""
        ...

    def runner(self, factory: HandlerFactory, tick: Callable[[], None]) -> Runner:
        """Who works; `factory` makes the handlers of every worker, `tick` is what the timer does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The seams that the verbs of ingest work through, as `bootstrap` has chosen them."""

    uploads: ObjectStore
    work: ObjectStore
    publisher: Publisher
    catalog: Catalog
    index: SceneIndex
    embedder: Embedder

    @classmethod
    def over(cls, backend: Backend, index: SceneIndex, embedder: Embedder) -> Self:
        """The ports over this backend, with this index."""
        return cls(
            uploads=backend.uploads, work=backend.work, publisher=backend.publisher, catalog=backend.catalog, index=index, embedder=embedder
        )

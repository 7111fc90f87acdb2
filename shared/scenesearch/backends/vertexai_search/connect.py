"""The index over the data store of Vertex AI Search that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenesearch.backends.gcp.backend import CloudBackend
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.ports import Embedder, SceneIndex

if TYPE_CHECKING:
    from scenesearch.backends.vertexai_search.data_store import DataStore


def connected_index(settings: Settings, cloud: CloudBackend, embedder: Embedder) -> SceneIndex:
    """The index, with its ledger in the project's Firestore.

    What another index has indexed this one does not know: `scenesearch reindex` after a change.
    Raises `ConfigurationError` for vectors that it cannot hold, and when a package that it needs is not installed.
    """
    store = data_store(settings, cloud)
    from scenesearch.backends.vertexai_search.index import VertexSearchIndex
    from scenesearch.backends.vertexai_search.ledger import Ledger

    return VertexSearchIndex(store, Ledger(cloud.database, embedder.name, embedder.dimension), embedder.name, embedder.dimension)


def data_store(settings: Settings, cloud: CloudBackend) -> DataStore:
    """The data store itself. Raises `ConfigurationError` when a package is missing, or when `cloud` cannot connect."""
    try:
        from scenesearch.backends.vertexai_search.data_store import DataStore, full_name
    except ImportError as error:
        message = f"SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE is set, but a package is missing: install google-cloud-discoveryengine ({error})"
        raise ConfigurationError(message) from error
    name = full_name(settings.vertexai_search_data_store, cloud.project)
    return DataStore.connect(name, cloud.credentials, settings.vertexai_search_endpoint)

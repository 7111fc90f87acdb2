"""The cloud backend: one project's buckets, topics and database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials, Signing
from google.cloud import firestore, storage

from scenesearch.addresses import is_local
from scenesearch.backends.gcp.catalog import FirestoreCatalog
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.gcp.object_store import CloudObjectStore
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.backends.gcp.signing import EmulatorSigning, IamSigning
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.ports import Embedder, Ports, SceneIndex

if TYPE_CHECKING:
    from scenesearch.backends.vertexai_search.data_store import DataStore

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def cloud_ports(settings: Settings, embedder: Embedder) -> Ports:
    """The ports over Cloud Storage, Pub/Sub and Firestore, or over those of their emulators that the environment names.

    Raises `ConfigurationError` when there are no credentials, or when nothing says which project.
    """
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    project, credentials = _identity(settings, emulated=emulator is not None)
    signing: Signing = EmulatorSigning() if emulator else IamSigning(credentials, settings.gcp_signer)
    database = firestore.Client(project=project, credentials=credentials, database=settings.gcp_database)
    objects = storage.Client(project=project, credentials=credentials)
    reachable = emulator is None or is_local(urlsplit(settings.vertexai_base_url).netloc)
    uploads, work = (
        CloudObjectStore(objects, bucket, signing=signing, links_at=emulator, reachable=reachable)
        for bucket in (settings.uploads_bucket, settings.work_bucket)
    )
    return Ports(
        uploads=uploads,
        work=work,
        publisher=PubSubPublisher(project),
        catalog=FirestoreCatalog(database),
        index=_index(settings, database, project, credentials, embedder),
        embedder=embedder,
    )


def search_data_store(settings: Settings) -> DataStore:
    """The data store of Vertex AI Search that the settings name. Raises `ConfigurationError` as `cloud_ports`."""
    return _data_store(settings, *_identity(settings, emulated=bool(os.environ.get("STORAGE_EMULATOR_HOST"))))


def _index(settings: Settings, database: firestore.Client, project: str, credentials: Credentials, embedder: Embedder) -> SceneIndex:
    """The index that the settings choose. What one has indexed the other does not know: `scenesearch reindex` after a change.

    Raises `ConfigurationError` for vectors that it cannot hold, and when what Vertex AI Search needs is not installed.
    """
    name, dimension = embedder.name, embedder.dimension
    if not settings.vertexai_search_data_store:
        return FirestoreIndex(database, name, dimension, made_for=settings.firestore_index_moments)
    store = _data_store(settings, project, credentials)
    from scenesearch.backends.vertexai_search.index import VertexSearchIndex
    from scenesearch.backends.vertexai_search.ledger import Ledger

    return VertexSearchIndex(store, Ledger(database, name, dimension), name, dimension)


def _data_store(settings: Settings, project: str, credentials: Credentials) -> DataStore:
    try:
        from scenesearch.backends.vertexai_search.data_store import DataStore, full_name
    except ImportError as error:
        message = f"SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE is set, but a package is missing: install google-cloud-discoveryengine ({error})"
        raise ConfigurationError(message) from error
    return DataStore.connect(full_name(settings.vertexai_search_data_store, project), credentials, settings.vertexai_search_endpoint)


def _identity(settings: Settings, *, emulated: bool) -> tuple[str, Credentials]:
    """The project, and whom we act as: nobody in particular at the emulators."""
    credentials: Credentials = AnonymousCredentials()
    project = settings.gcp_project
    if not emulated:
        with translated("looking for Google's credentials"):
            credentials, own = google.auth.default(scopes=SCOPES)
            project = project or own or ""
    if not project:
        raise ConfigurationError("no project is set: set SCENESEARCH_GCP_PROJECT to the Google Cloud project of the deployment")
    return project, credentials

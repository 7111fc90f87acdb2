"""The cloud backend: one project's buckets, topics and database."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
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
from scenesearch.backends.gcp.runner import CloudRunner
from scenesearch.backends.gcp.signing import EmulatorSigning, IamSigning
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.ports import Embedder, HandlerFactory, SceneIndex

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

STORAGE = "https://storage.googleapis.com"
"""Where signed URLs lead, unless an emulator is named."""


class CloudBackend:
    """The `Backend` port over Cloud Storage, Pub/Sub and Firestore, or over those of their emulators that the environment names.

    Connecting raises `ConfigurationError` when there are no credentials, or when nothing says which project.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._emulator = os.environ.get("STORAGE_EMULATOR_HOST")

    @property
    def link_origins(self) -> tuple[str, ...]:
        """Cloud Storage, or its emulator."""
        return (self._emulator or STORAGE,)

    @property
    def stays_up(self) -> bool:
        """Not functions: another instance may answer the next request, and none has a processor between requests."""
        return False

    @property
    def takes_uploads(self) -> bool:
        """Not the emulator: it ends a session that is asked how far it is, and shows no `Range`."""
        return not self._emulator

    @cached_property
    def uploads(self) -> CloudObjectStore:
        """The bucket of uploaded videos."""
        return self._bucket(self._settings.uploads_bucket)

    @cached_property
    def work(self) -> CloudObjectStore:
        """The bucket of what is derived from them."""
        return self._bucket(self._settings.work_bucket)

    @cached_property
    def publisher(self) -> PubSubPublisher:
        """The topics of the project."""
        return PubSubPublisher(self.project)

    @cached_property
    def catalog(self) -> FirestoreCatalog:
        """The state of every video."""
        return FirestoreCatalog(self.database)

    def index(self, embedder: Embedder) -> SceneIndex:
        """Firestore's own vectors, for libraries of moderate size."""
        return FirestoreIndex(self.database, embedder.name, embedder.dimension, made_for=self._settings.firestore_index_moments)

    def runner(self, factory: HandlerFactory, tick: Callable[[], None]) -> CloudRunner:
        """The functions do the work: they make their own handlers."""
        return CloudRunner()

    @property
    def project(self) -> str:
        """The project's id."""
        return self._identity[0]

    @property
    def credentials(self) -> Credentials:
        """Whom we act as: nobody in particular at the emulators."""
        return self._identity[1]

    @cached_property
    def database(self) -> firestore.Client:
        """Firestore, which holds the catalog."""
        return firestore.Client(project=self.project, credentials=self.credentials, database=self._settings.gcp_database)

    def _bucket(self, name: str) -> CloudObjectStore:
        reachable = self._emulator is None or is_local(urlsplit(self._settings.vertexai_base_url).netloc)
        return CloudObjectStore(self._storage, name, signing=self._signing, links_at=self._emulator, reachable=reachable)

    @cached_property
    def _storage(self) -> storage.Client:
        return storage.Client(project=self.project, credentials=self.credentials)

    @cached_property
    def _signing(self) -> Signing:
        return EmulatorSigning() if self._emulator else IamSigning(self.credentials, self._settings.gcp_signer)

    @cached_property
    def _identity(self) -> tuple[str, Credentials]:
        credentials: Credentials = AnonymousCredentials()
        project = self._settings.gcp_project
        if self._emulator is None:
            with translated("looking for Google's credentials"):
                credentials, own = google.auth.default(scopes=SCOPES)
                project = project or own or ""
        if not project:
            raise ConfigurationError("no project is set: set SCENESEARCH_GCP_PROJECT to the Google Cloud project of the deployment")
        return project, credentials

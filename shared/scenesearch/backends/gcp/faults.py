"""Errors of Google's clients, translated at the edge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption

from scenesearch.errors import ConfigurationError, NotFound, Permanent, SceneSearchError, TooLarge, Unavailable

TEMPORARY = (
    google.TooManyRequests,
    google.ServerError,  # deadlines exceeded among them
    google.Aborted,
    google.Cancelled,
    google.RetryError,
    requests.ConnectionError,
    requests.Timeout,
    auth.TransportError,
    auth.RefreshError,
    DataCorruption,
    TimeoutError,
)
"""What may work when it is tried again: the clients have tried for a while already."""

_TOO_LARGE = ("exceeds the maximum allowed size", "too big", "larger than", "payload size exceeds")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise what Google's clients raise as an error of ours that says `what` was tried.

    A missing permission is `Unavailable`: work waits until somebody grants it, instead of ending as failed.
    """
    try:
        yield
    except SceneSearchError:
        raise
    except google.NotFound as error:
        raise NotFound(f"{what}: not found: {error.message}") from error
    except (google.Unauthorized, google.Forbidden) as error:
        raise Unavailable(f"{what}: this account is not allowed to: grant it the role it lacks: {error.message}") from error
    except auth.DefaultCredentialsError as error:
        raise ConfigurationError(f"{what}: there are no credentials: run `gcloud auth application-default login`: {error}") from error
    except TEMPORARY as error:
        raise Unavailable(f"{what}: {type(error).__name__}: {error}") from error
    except google.GoogleAPICallError as error:
        message = str(error.message)
        kind = TooLarge if any(words in message.lower() for words in _TOO_LARGE) else Permanent
        raise kind(f"{what}: {message}") from error

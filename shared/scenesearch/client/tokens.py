"""Who asks: a Google ID token for servers in the cloud, nobody for the server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from urllib.parse import urlsplit

import httpx2

from scenesearch.addresses import is_local
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, InvalidRequest

CLOUD_RUN_HEADER = "X-Serverless-Authorization"


def base(url: str) -> str:
    """The address without a slash at its end. Raises `InvalidRequest` when it is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidRequest(f"{url!r} is no server's address: write it as in http://localhost:8000")
    return url.rstrip("/")


class SignedIn(httpx2.Auth):
    """Sends a token with every request, in both headers: Cloud Run checks its own and strips the signature of the other without it.

    Raises `ConfigurationError` for an address that would carry the token in the clear.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        if urlsplit(url).scheme != "https" and not is_local(urlsplit(url).netloc):
            raise ConfigurationError(f"{url} would carry your token unencrypted: use https")
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """One request, with the token."""
        bearer = f"Bearer {self._token()}"
        request.headers["Authorization"] = bearer
        request.headers[CLOUD_RUN_HEADER] = bearer
        yield request


def token_for(url: str, settings: Settings) -> Callable[[], str] | None:
    """How to get a token for this server: the one in `SCENESEARCH_SERVER_TOKEN`, else one of the Google credentials of this machine.

    None: a server on this machine, and no token is set.
    """
    if settings.server_token:
        return lambda: settings.server_token
    return None if is_local(urlsplit(url).netloc) else GoogleIdToken(settings.server_audience or _origin(url))


class GoogleIdToken:
    """ID tokens of the service account that this runs as, made again before they expire."""

    def __init__(self, audience: str) -> None:
        self._audience = audience
        self._lock = threading.Lock()
        self._credentials: object | None = None

    def __call__(self) -> str:
        """A token that is valid now. Raises `ConfigurationError` when there are no credentials that can make one."""
        try:
            from google.auth.exceptions import GoogleAuthError
            from google.auth.transport.requests import Request
            from google.oauth2 import id_token
        except ImportError as error:
            raise ConfigurationError(
                "google-auth is not installed, so no token can be made: install it, or set SCENESEARCH_SERVER_TOKEN"
            ) from error
        with self._lock:
            try:
                made: object = self._credentials or id_token.fetch_id_token_credentials(self._audience)
                if not made.valid:  # type: ignore[attr-defined]
                    made.refresh(Request())  # type: ignore[attr-defined]
                self._credentials = made
                return str(made.token)  # type: ignore[attr-defined]
            except GoogleAuthError as error:
                raise ConfigurationError(
                    f"no ID token can be made here for {self._audience}: run as a service account (GOOGLE_APPLICATION_CREDENTIALS),"
                    " or set SCENESEARCH_SERVER_TOKEN to one that `gcloud auth print-identity-token` gives"
                ) from error


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

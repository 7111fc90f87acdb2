"""Who is calling, and what they may read and write."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scenesearch.config import Auth, Settings
from scenesearch.errors import ConfigurationError, NotAllowed, NotSignedIn, Unavailable, VideoNotFound
from scenesearch.ports import Catalog
from scenesearch.video import DEFAULT_COLLECTION, Collection, Video, VideoState

IAP_HEADER = "x-goog-iap-jwt-assertion"
_GOOGLE = frozenset({"accounts.google.com", "https://accounts.google.com"})
_IAP = frozenset({"https://cloud.google.com/iap"})
_KEYS_AGE_S = 3600
"""Seconds after which keys are fetched again; Google changes them about once a day."""
_KEYS_KEPT_S = 86_400
"""Seconds for which keys go on while their URL does not answer."""
_KEYS_REFETCH_S = 30
"""Seconds between two fetches at least, however many tokens name unknown keys."""
_CLOCK_SKEW_S = 10
"""Seconds that the clocks of issuer and server may differ."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody that was let in. `name` is an e-mail address, or `local`."""

    name: str
    admin: bool

    def is_among(self, listed: frozenset[str]) -> bool:
        """Whether a list of addresses, `domain:…` and `*` means this caller."""
        domain = "domain:" + self.name.rpartition("@")[2]
        return bool(listed & {self.name, domain, "*"})


class Doorkeeper(Protocol):
    """Finds out who is calling."""

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """Raises `NotSignedIn`; `Unavailable` when the keys cannot be fetched."""
        ...


class OneMachine:
    """`SCENESEARCH_AUTH=none`: whoever reaches the loopback address is the owner of the machine."""

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """The owner of the machine, who may do everything."""
        return Caller("local", admin=True)


class GoogleSignIn:
    """People come with the signed header of Identity-Aware Proxy, services with a Google ID token."""

    def __init__(self, settings: Settings) -> None:
        self._audiences = _listed(settings.auth_audience)
        self._iap_audience = settings.iap_audience
        if not self._audiences and not self._iap_audience:
            raise ConfigurationError(
                "SCENESEARCH_AUTH=google needs SCENESEARCH_AUTH_AUDIENCE (services), SCENESEARCH_IAP_AUDIENCE (people), or both"
            )
        self._admins = frozenset(_listed(settings.admins.lower()))
        self._keys = KeySet(settings.auth_keys_url)
        self._iap_keys = KeySet(settings.iap_keys_url)

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """Whom the token of the request names. Raises `NotSignedIn`, `Unavailable`."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if self._iap_audience and (assertion := headers.get(IAP_HEADER)):
            claims = self._iap_keys.verified(assertion, [self._iap_audience], _IAP)
        elif self._audiences and scheme.lower() == "bearer" and bearer:
            claims = self._keys.verified(bearer.strip(), self._audiences, _GOOGLE)
            if claims.get("email_verified") is not True:
                raise NotSignedIn("the ID token names no verified e-mail address: ask for one that includes it")
        else:
            raise NotSignedIn
        email = claims.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise NotSignedIn("the token names no e-mail address: ask for one that includes it")
        caller = Caller(email.lower(), admin=False)
        return Caller(caller.name, admin=caller.is_among(self._admins))


class KeySet:
    """Public keys by id, fetched from a URL and kept for an hour; fetched again when a token names another.

    While the URL does not answer, keys of the last day go on, and it is asked again every half minute.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys: Mapping[str, str] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fault: Unavailable | None = None

    def verified(self, token: str, audiences: list[str], issuers: frozenset[str]) -> Mapping[str, Any]:
        """The claims of a token with a good signature, in its time, for one of us, from one of them. Raises `NotSignedIn`."""
        from google.auth import exceptions, jwt

        decode_header: Any = jwt.decode_header
        decode: Any = jwt.decode
        try:
            certs = self._with(decode_header(token).get("kid"))
            claims: dict[str, Any] = decode(token, certs=certs, audience=audiences, clock_skew_in_seconds=_CLOCK_SKEW_S)
        except (ValueError, KeyError, TypeError, exceptions.GoogleAuthError) as error:
            raise NotSignedIn("the token cannot be verified: sign in again") from error
        if str(claims.get("iss")) not in issuers:
            raise NotSignedIn("the token was issued by somebody else: sign in again")
        return claims

    def _with(self, key_id: object) -> Mapping[str, str]:
        with self._lock:
            at = time.monotonic()
            wanted = at - self._fetched_at > _KEYS_AGE_S or key_id not in self._keys
            if wanted and at - self._tried_at > _KEYS_REFETCH_S:
                self._tried_at = at
                try:
                    self._keys, self._fetched_at = self._fetched(), at
                except Unavailable as error:
                    self._fault = error
            if at - self._fetched_at > _KEYS_KEPT_S:
                raise Unavailable(str(self._fault))
            return self._keys

    def _fetched(self) -> Mapping[str, str]:
        import json

        from google.auth import exceptions
        from google.auth.transport.requests import Request

        try:
            response = Request()(self._url, method="GET", timeout=10)
            keys = json.loads(response.data)
        except (exceptions.TransportError, ValueError) as error:
            raise Unavailable(f"the keys that sign tokens cannot be fetched from {self._url}: try again") from error
        if response.status != 200 or not isinstance(keys, dict):
            raise Unavailable(f"the keys that sign tokens cannot be fetched from {self._url} (status {response.status}): try again")
        return {str(k): str(v) for k, v in keys.items()}


def doorkeeper(settings: Settings) -> Doorkeeper:
    """The one that the settings ask for. Raises `ConfigurationError`."""
    return OneMachine() if settings.auth is Auth.NONE else GoogleSignIn(settings)


def readable(caller: Caller, catalog: Catalog) -> frozenset[str] | None:
    """The collections whose videos the caller may see; None: all."""
    return None if caller.admin else frozenset(c.name for c in catalog.collections() if _may_read(caller, c))


def writable(caller: Caller, catalog: Catalog) -> frozenset[str] | None:
    """The collections that the caller may change; None: all, new ones too."""
    return None if caller.admin else frozenset(c.name for c in catalog.collections() if caller.is_among(c.writers))


def video_to_read(video_id: str, caller: Caller, catalog: Catalog) -> Video:
    """The live video. Raises `VideoNotFound`, also for one that is being removed or that the caller may not see.

    As much is looked up for a video that is not there as for one that may not be seen: the time tells nothing either.
    """
    video = catalog.video(video_id)
    collection = catalog.collection(video.collection if video is not None else DEFAULT_COLLECTION)
    seen = caller.admin or (collection is not None and _may_read(caller, collection))
    if video is not None and video.state is not VideoState.REMOVING and seen:
        return video
    raise VideoNotFound(f"there is no video {video_id!r}")


def video_to_change(video_id: str, caller: Caller, catalog: Catalog) -> Video:
    """The live video. Raises `VideoNotFound` as above, `NotAllowed` for one that the caller may only see."""
    video = video_to_read(video_id, caller, catalog)
    if (allowed := writable(caller, catalog)) is not None and video.collection not in allowed:
        raise NotAllowed(f"you may look at the collection {video.collection!r} but not change it: ask one of its writers")
    return video


def _may_read(caller: Caller, collection: Collection) -> bool:
    return caller.is_among(collection.readers | collection.writers)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]

"""What a server says when it refuses, and what the network says in its place, as our own errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2
from pydantic import BaseModel, ValidationError

from scenesearch import errors
from scenesearch.errors import SceneSearchError, Unavailable

KINDS: Mapping[int, type[SceneSearchError]] = {
    400: errors.InvalidRequest,
    401: errors.NotSignedIn,
    403: errors.NotAllowed,
    404: errors.NotFound,
    409: errors.Busy,
    410: errors.Gone,
    413: errors.TooLarge,
    422: errors.InvalidRequest,
    507: errors.StorageFull,
}
"""Any other refusal below 500 is an `InvalidRequest`, any other from there on `Unavailable`."""


class _Problem(BaseModel):
    detail: str
    instance: str = ""


def fault(response: httpx2.Response, url: str) -> SceneSearchError:
    """The error that an unsuccessful response (already read) stands for."""
    status = response.status_code
    if response.is_redirect:  # nothing of ours redirects: a sign-in page stands before it
        return errors.NotSignedIn(f"{url} sends to a page to sign in: that address is for browsers, give the one of the search endpoint")
    kind = KINDS.get(status, Unavailable if status >= 500 else errors.InvalidRequest)
    try:
        problem = _Problem.model_validate_json(response.text)
    except ValidationError:  # something between us and the server
        return kind(f"{url} refuses with status {status} ({response.reason_phrase or 'no reason given'})")
    if status == 500:
        return kind(f"{problem.detail} ({problem.instance} at {url})")
    return kind(problem.detail)


def strange(url: str) -> Unavailable:
    """The error for an answer that is not ours."""
    return Unavailable(f"{url} does not answer as scenesearch {_version()} does: check the address and which version is served there")


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Raises `Unavailable` for whatever the network does."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Unavailable(f"{url} does not answer in time: try again") from error
    except httpx2.SSEError as error:
        raise strange(url) from error
    except httpx2.HTTPError as error:
        raise Unavailable(f"{url} cannot be reached ({error}): is scenesearch served there?") from error


def _version() -> str:
    from scenesearch import __version__

    return __version__

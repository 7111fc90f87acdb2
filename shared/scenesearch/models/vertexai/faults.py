"""Faults of Vertex AI: which of them a retry may solve, and which of our errors the others become."""

from __future__ import annotations

from scenesearch.errors import ConfigurationError, InvalidRequest, Outage

PASSING_CODES = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP status codes after which the same request may succeed."""

OUTAGE_CODES = frozenset({429, 503})
"""The codes that are not about the request: no quota, or the model takes no requests."""

MOST_QUOTED = 300
"""The most characters of the service's own words in our messages."""


def passing() -> tuple[type[Exception], ...]:
    """Return the errors that google-genai, its HTTP client and google-auth raise for a request; `judged` distinguishes them."""
    import httpx2
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError

    # ValueError: the service said 200 and then something that is no answer (UnknownApiResponseError, JSONDecodeError).
    return (APIError, httpx2.HTTPError, GoogleAuthError, TimeoutError, ValueError)


def judged(error: Exception, model: str) -> tuple[str, float]:
    """Return why the request failed and how many seconds the service asks us to wait, when a retry makes sense.

    Raises:
        Outage: later maybe, but not within seconds: no permission (yet), or the project is not set up (yet).
        ConfigurationError: there is no such model, or there are no credentials.
        InvalidRequest: the service does not understand us.
    """
    from google.auth.exceptions import DefaultCredentialsError
    from google.genai.errors import APIError

    if isinstance(error, DefaultCredentialsError):
        raise ConfigurationError(f"no credentials for Vertex AI: run `gcloud auth application-default login` ({error})") from error
    if isinstance(error, TimeoutError):
        return "no answer within the time of one request", 0.0
    if isinstance(error, ValueError):
        return f"a response that cannot be read ({type(error).__name__})", 0.0  # its own message would quote the answer
    if not isinstance(error, APIError):
        return f"{type(error).__name__}: {error}"[:MOST_QUOTED], 0.0
    said = f"HTTP {error.code} {error.status or ''}: {error.message or ''}"[:MOST_QUOTED]
    if error.code in PASSING_CODES:
        return said, _asked_to_wait(error)
    if error.code in (401, 403):
        raise Outage(
            f"Vertex AI refused us: {said}. In a deployment, apply the data stack: it grants the roles scenesearch_models and"
            " scenesearch_batch_jobs; elsewhere, give your account the role aiplatform.user"
        ) from error
    if error.status == "FAILED_PRECONDITION":
        raise Outage(f"Vertex AI is not ready for this project: {said}") from error
    if error.code == 404:
        raise ConfigurationError(f"Vertex AI has no {model} here: {said}. Set SCENESEARCH_VERTEXAI_…_MODEL or _LOCATION") from error
    raise InvalidRequest(f"Vertex AI did not understand the request to {model}: {said}") from error


def is_outage(error: Exception) -> bool:
    """Return whether a lasting fault is the service's, not one of the request."""
    from google.genai.errors import APIError

    return isinstance(error, APIError) and error.code in OUTAGE_CODES


def _asked_to_wait(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0

"""What can go wrong between us and Vertex AI: which faults pass by themselves, and what the others are called here."""

from __future__ import annotations

from scenesearch.errors import ConfigurationError, InvalidRequest, Outage

PASSING_CODES = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP answers after which the same request may work."""

OUTAGE_CODES = frozenset({429, 503})
"""Those that say nothing about the request: no quota is left, or the model takes no requests."""

MOST_QUOTED = 300
"""How many characters of a service's own words go into our messages."""


def passing() -> tuple[type[Exception], ...]:
    """The errors that google-genai, its HTTP client and google-auth raise for a request; `judged` tells them apart."""
    import httpx2
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError

    # ValueError: the service said 200 and then something that is no answer (UnknownApiResponseError, JSONDecodeError).
    return (APIError, httpx2.HTTPError, GoogleAuthError, TimeoutError, ValueError)


def judged(error: Exception, model: str) -> tuple[str, float]:
    """Why the request failed, and how many seconds the service asks us to wait, when trying again at once makes sense.

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
    """Whether a fault that has lasted is the service's, and no fault of what it was asked."""
    from google.genai.errors import APIError

    return isinstance(error, APIError) and error.code in OUTAGE_CODES


def _asked_to_wait(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0

"""Check whether Gemini can be used from here, without a request, which would cost money."""

from __future__ import annotations

from urllib.parse import urlsplit

from scenesearch.addresses import is_local
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.packages import is_installed


def gemini_fault(settings: Settings) -> tuple[str, str] | None:
    """Return what is wrong and what to do about it; None when nothing is."""
    if not is_installed("google.genai"):
        return "the package google-genai is missing", "run: pip install --require-hashes -r requirements/cloud.txt"
    from scenesearch.models.vertexai.vertexai_models import VertexModels

    try:
        _ = VertexModels(settings).embedder
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

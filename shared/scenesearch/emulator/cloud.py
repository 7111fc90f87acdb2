"""The emulated cloud: services, buckets, topics, subscriptions and functions, wired as the infrastructure wires them."""

from __future__ import annotations

import json
import os
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from scenesearch.config import Backend, Models
from scenesearch.emulator.functions import HTTP_FUNCTIONS, Functions
from scenesearch.emulator.processes import Programs
from scenesearch.emulator.services import Services, start_services
from scenesearch.emulator.wiring import Delivery, create_subscriptions, create_topics
from scenesearch.messages import EVENT_FUNCTIONS, WIRING

PROJECT = "emulated"
UPLOADS, WORK = "emulated-uploads", "emulated-work"

TICK = {"subscription": "timer", "message": {"messageId": "timer", "data": "", "attributes": {"type": "tick"}}}
"""What the timer posts to `recover`: it looks like a push."""

EXTRACTORS = frozenset(route.function for route in WIRING.values() if route.section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may differ from cloud to cloud. `settings` are variables that every function gets; `through` is the URL of somebody who
    gets the pushes in place of the functions, with the function's own URL as `?to=`.
    """

    models: Models = Models.LOCAL
    delivery: Delivery = field(default_factory=Delivery)
    settings: Mapping[str, str] = field(default_factory=dict)
    through: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where everything is: what the ready file says."""

    storage: str
    bucket: str
    pubsub: str
    firestore: str
    project: str
    search: str
    library: str


class EmulatedCloud:
    """Everything, from entering the context until leaving it. Nothing is left behind, also when this process is killed."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._folder = tempfile.TemporaryDirectory(prefix="scenesearch-emulate-")
        self._programs: Programs | None = None

    @property
    def logs(self) -> Path:
        """One file a program."""
        return Path(self._folder.name) / "logs"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every program."""
        if self._programs is not None:
            self._programs.close()
        self._folder.cleanup()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables with which another program (the command line) works on this cloud: the models' own settings among them."""
        models = {name: value for name, value in os.environ.items() if name.startswith("SCENESEARCH_VERTEXAI_")}
        return {
            **self.services.environment,
            **(models if self._options.models is Models.VERTEXAI else {}),
            "SCENESEARCH_BACKEND": Backend.GCP,
            "SCENESEARCH_MODELS": self._options.models,
            "SCENESEARCH_AUTH": "none",
            "SCENESEARCH_GCP_PROJECT": PROJECT,
            "SCENESEARCH_UPLOADS_BUCKET": UPLOADS,
            "SCENESEARCH_WORK_BUCKET": WORK,
            "SCENESEARCH_STALLED_SECONDS": "120",  # messages that the emulator loses are not missed for an hour
            **self._options.settings,
        }

    @property
    def ready(self) -> Ready:
        """Where everything is, once it answers."""
        services, running = self.services, self.functions.running
        return Ready(services.storage, UPLOADS, services.pubsub, services.firestore, PROJECT, running["search"].url, running["library"].url)

    def subscribe(self, delivery: Delivery) -> None:
        """Make the subscriptions that are not there."""
        urls = {one: self._push_url(name) for name, subscriptions in EVENT_FUNCTIONS.items() for one in subscriptions}
        create_subscriptions(self.services.pubsub, PROJECT, delivery, urls)

    def write_ready(self, file: Path) -> None:
        """The ready file, whole or not at all."""
        fresh = file.with_name(f".{file.name}.new")
        fresh.write_text(json.dumps(asdict(self.ready), indent=2) + "\n")
        fresh.rename(file)

    def restart(self, name: str, settings: Mapping[str, str] | None = None) -> None:
        """End a function at once, whatever it does, and start it again where it was, with these settings over those of all."""
        self.functions.restart(name, self._threads(name), settings)

    def restart_ended(self) -> list[str]:
        """Start functions again that have ended by themselves; their names."""
        ended = [name for name, function in self.functions.running.items() if function.program.process.poll() is not None]
        for name in ended:
            self.restart(name)
        return ended

    def tick(self) -> None:
        """Do what the timer does; in silence when `recover` does not answer just now: the next tick comes."""
        url = self.functions.running["recover"].url
        request = urllib.request.Request(url, json.dumps(TICK).encode(), {"Content-Type": "application/json"})  # noqa: S310
        with suppress(OSError), urllib.request.urlopen(request, timeout=600):  # noqa: S310 (our own address)
            pass

    def _start(self) -> None:
        self._programs = Programs(self.logs)
        self.services: Services = start_services(self._programs, Path(self._folder.name), PROJECT, announced_bucket=UPLOADS)
        _create_buckets(self.services.storage)
        create_topics(self.services.pubsub, PROJECT)
        self.functions = Functions(self._programs, self.environment)
        for name in (*EVENT_FUNCTIONS, *HTTP_FUNCTIONS):
            self.functions.start(name, self._threads(name))
        self.subscribe(self._options.delivery)
        self.functions.wait()

    def _push_url(self, name: str) -> str:
        url, through = self.functions.running[name].url, self._options.through
        return f"{through}/?to={urllib.parse.quote(url, safe='')}" if through else url

    def _threads(self, name: str) -> int:
        """Requests at once: as in the cloud, but a local model works on one clip at a time."""
        if name == "split" or (name in EXTRACTORS and self._options.models is Models.LOCAL):
            return 1
        return 4


def _create_buckets(storage: str) -> None:
    for bucket in (UPLOADS, WORK):
        body = json.dumps({"name": bucket}).encode()
        url = f"{storage}/storage/v1/b?project={PROJECT}"
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=30):  # noqa: S310
            pass

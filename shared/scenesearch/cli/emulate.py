"""`emulate`: the whole cloud pipeline on this machine."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from scenesearch.cli.output import say
from scenesearch.config import Models

app = typer.Typer()

LOOK_S = 0.5
"""Seconds between two looks whether every function still runs."""
TICK_S = 30.0
"""Seconds between two ticks of the timer, which the cloud gives every few minutes."""


@app.command()
def emulate(
    ready_file: Annotated[Path | None, typer.Option(help="Write where everything is to this file (JSON), once everything answers.")] = None,
    models: Annotated[Models | None, typer.Option(help="Which models the functions use; else as set in the environment.")] = None,
) -> None:
    """The whole cloud pipeline on this machine: Google's emulators and one process a function. Ends with Ctrl-C, keeps nothing."""
    from scenesearch.config import Settings
    from scenesearch.emulator.needs import check

    settings = Settings.load()
    settings = settings.model_copy(update={"models": models or settings.models})
    check(settings)
    from scenesearch.emulator.cloud import EmulatedCloud, Options

    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored by default in a shell's background
        signal.signal(number, _stop)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    say("starting Pub/Sub, Firestore, Cloud Storage and the functions …", "dim")
    with EmulatedCloud(Options(models=settings.models)) as cloud:
        if ready_file is not None:
            cloud.write_ready(ready_file)
        say(f"library {cloud.ready.library}\nsearch  {cloud.ready.search}\nlogs    {cloud.logs}", "bold")
        say("for the command line in another terminal:", "dim")
        for name, value in cloud.environment.items():
            say(f"export {name}={value}")
        try:
            _watch(cloud)
        except KeyboardInterrupt:
            say("stopping …", "dim")
        finally:
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)


def _watch(cloud: Any) -> None:
    """As the cloud does: start again what has ended, and let the timer tick."""
    ticked = time.monotonic()
    while True:
        time.sleep(LOOK_S)
        for name in cloud.restart_ended():
            say(f"{name} ended and was started again; its log says why", "yellow")
        if time.monotonic() > ticked + TICK_S:
            cloud.tick()
            ticked = time.monotonic()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt

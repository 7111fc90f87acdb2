"""Handlers for the runtime's tests. They say what they did in a file, one line a call, for whichever process looks."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from scenesearch.backends.local.database import Database
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.runtime import Runtime
from scenesearch.errors import Busy, ConfigurationError, Gone, InvalidMessage, ModelError, Permanent, Unavailable
from scenesearch.messages import SUBSCRIPTIONS, ChunkWork, DeadLetter, Message, Subscription

Handler = Callable[[Message], None]


def note(diary: Path, line: str) -> None:
    """Add one line, whole, whoever else writes."""
    with diary.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def lines(diary: Path) -> list[str]:
    return diary.read_text(encoding="utf-8").splitlines() if diary.exists() else []


def behaving(diary: Path, first_time: str = "", *, always: str = "") -> Mapping[Subscription, Handler]:
    """Every handler notes "subscription number process"; before that it does what `first_time` (or `always`) says."""

    def handle(subscription: Subscription, message: Message) -> None:
        if isinstance(message, DeadLetter):
            note(diary, f"dead {message.subscription} {message.reason}")
            return
        number = message.chunk if isinstance(message, ChunkWork) else 0
        seen = f"begun {subscription} {number}"
        first = seen not in lines(diary)
        note(diary, seen)
        misbehave(always or (first_time if first else ""))
        note(diary, f"done {subscription} {number} {os.getpid()}")

    return {subscription: partial(handle, subscription) for subscription in SUBSCRIPTIONS}


def misbehave(how: str) -> None:
    """Whatever can go wrong in a handler."""
    match how:
        case "":
            return
        case "retryable":
            raise ModelError("the model was down")
        case "unavailable":
            raise Unavailable("no answer")
        case "busy":
            raise Busy("somebody else is at it")
        case "permanent":
            raise Permanent("not a video")
        case "invalid":
            raise InvalidMessage("no such kind of message")
        case "gone":
            raise Gone
        case "unexpected":
            raise ZeroDivisionError("a bug")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crashes":
            ctypes.string_at(0)
        case "slow":
            time.sleep(1.5)
        case "hangs":
            signal.pause()
        case _:
            raise AssertionError(how)


def not_set_up() -> Mapping[Subscription, Handler]:
    raise ConfigurationError("there is no speech model: run `scenesearch doctor`")


def dying() -> Mapping[Subscription, Handler]:
    os._exit(3)


def run(folder: str, first_time: str, always: str) -> None:
    """A runtime in a process of its own, over the queue in `folder`, until it is idle; the workers' ids go to its file `workers`."""
    home = Path(folder)
    queue = LocalQueue(Database(home / "catalog.db"))
    runtime = Runtime(queue, partial(behaving, home / "diary", first_time, always=always), workers=2)

    def tell(_: object) -> None:
        fresh = home / "workers.new"
        fresh.write_text(" ".join(str(pid) for pid in runtime.processes))
        fresh.replace(home / "workers")

    try:
        runtime.run_until_idle(tell)
    except KeyboardInterrupt:
        note(home / "diary", "interrupted")
    finally:
        note(home / "diary", f"left {len(multiprocessing.active_children())}")

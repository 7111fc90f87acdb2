"""Run with a disk of 4 MB, a diary elsewhere and the moment at which the disk fills: a runtime over it, before and after space was made."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from contract.runtime_handlers import Handler, note
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.runtime import Runtime
from scenesearch.errors import Permanent, StorageFull
from scenesearch.messages import SUBSCRIPTIONS, Message, SplitWork, Subscription, Topic


def fill(disk: Path) -> None:
    """Leave no space, not a byte."""
    for size in (100_000, 1):
        with suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
            while file.write(b"x" * size):
                pass


def handlers(disk: Path, diary: Path, moment: str) -> Mapping[Subscription, Handler]:
    def handle(subscription: Subscription, _: Message) -> None:
        note(diary, f"{subscription}")
        if subscription is Subscription.SPLIT_SPLITS and moment != "claim":
            if not (disk / "cleared").exists():
                fill(disk)
            if moment == "dead-letter":
                raise Permanent("not a video")

    return {subscription: partial(handle, subscription) for subscription in SUBSCRIPTIONS}


def main(disk: Path, diary: Path, moment: str) -> None:
    queue = LocalQueue(Database(disk / "catalog.db"))
    queue.publish(Topic.SPLITS, SplitWork(video_id="v1", generation=1))
    if moment == "claim":
        fill(disk)
    runtime = Runtime(queue, partial(handlers, disk, diary, moment), workers=1)
    pids: set[int] = set()
    try:
        runtime.run_until_idle(lambda _: pids.update(runtime.processes))
    except StorageFull as error:
        note(diary, f"{error} ({len(pids)} worker)")
    (disk / "filler").unlink()
    (disk / "cleared").mkdir()
    runtime.run_until_idle()
    note(diary, f"idle {queue.status().idle}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

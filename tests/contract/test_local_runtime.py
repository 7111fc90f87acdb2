"""The one-machine runtime: real worker processes that fail, crash, hang and are killed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from contract.runtime_handlers import behaving, dying, lines, not_set_up
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.queue import LocalQueue, QueueStatus
from scenesearch.backends.local.runtime import Runtime
from scenesearch.backends.local.worker import WorkerOptions
from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.messages import ChunkWork, SplitWork, Subscription, Topic
from waiting import eventually

pytestmark = pytest.mark.slow

SPLIT = SplitWork(video_id="v1", generation=1)


@pytest.fixture
def queue(home: Path) -> LocalQueue:
    return LocalQueue(Database(home / "catalog.db"), max_deliveries=3, backoff=timedelta(milliseconds=10))


@pytest.fixture
def diary(home: Path) -> Path:
    home.mkdir(exist_ok=True)
    return home / "diary"


def gone(pid: int) -> bool:
    """Whether the process has ended (one that only waits to be collected by its parent has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path("/proc").is_dir()


def done(diary: Path) -> Counter[str]:
    return Counter(" ".join(line.split()[1:3]) for line in lines(diary) if line.startswith("done"))


def test_everything_is_done_once_by_several_processes_and_none_is_left(queue: LocalQueue, diary: Path) -> None:
    for number in range(6):
        queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))
    progress: list[QueueStatus] = []
    runtime = Runtime(queue, partial(behaving, diary, always="slow"), workers=3)
    pids: set[int] = set()

    def look(status: QueueStatus) -> None:
        progress.append(status)
        pids.update(runtime.processes)

    runtime.run_until_idle(look)
    kinds = ("extract-visual-info", "extract-transcription", "extract-texts")
    assert done(diary) == {f"{kind} {number}": 1 for kind in kinds for number in range(6)}
    assert len({line.split()[-1] for line in lines(diary) if line.startswith("done")}) == 3
    assert sum(progress[0].waiting.values()) + sum(progress[0].working.values()) == 18
    assert progress[-1].idle
    assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_what_may_work_later_is_tried_again(queue: LocalQueue, diary: Path) -> None:
    for how in ("retryable", "unavailable", "busy", "unexpected"):
        diary.unlink(missing_ok=True)
        queue.publish(Topic.SPLITS, SPLIT)
        Runtime(queue, partial(behaving, diary, how), workers=1).run_until_idle()
        assert lines(diary)[:2] == ["begun split-splits 0"] * 2
        assert done(diary) == {"split-splits 0": 1}


@pytest.mark.parametrize(("how", "reason"), [("permanent", "not a video"), ("invalid", "no such kind of message")])
def test_what_can_never_work_becomes_a_dead_letter_with_its_reason(queue: LocalQueue, diary: Path, how: str, reason: str) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    Runtime(queue, partial(behaving, diary, always=how), workers=1).run_until_idle()
    assert lines(diary) == ["begun split-splits 0", f"dead split-splits {reason}"]


def test_what_never_works_is_given_up_with_its_last_reason(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    Runtime(queue, partial(behaving, diary, always="unexpected"), workers=1).run_until_idle()
    assert lines(diary) == ["begun split-splits 0"] * 3 + ["dead split-splits ZeroDivisionError: a bug"]
    assert queue.status().counts["rejected split-splits"] == 3
    assert queue.status().counts["dead-lettered split-splits"] == 1


def test_work_on_what_is_gone_is_dropped(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    Runtime(queue, partial(behaving, diary, always="gone"), workers=1).run_until_idle()
    assert lines(diary) == ["begun split-splits 0"]


@pytest.mark.parametrize("how", ["killed", "crashes"])
def test_a_worker_that_dies_is_replaced_and_its_work_comes_back(queue: LocalQueue, diary: Path, how: str) -> None:
    for number in range(2):
        queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))
    Runtime(queue, partial(behaving, diary, how), workers=2).run_until_idle()
    assert set(done(diary).values()) == {1}
    assert len(done(diary)) == 6


def test_work_that_always_kills_its_worker_is_given_up(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    Runtime(queue, partial(behaving, diary, always="killed"), workers=1).run_until_idle()
    assert lines(diary)[:3] == ["begun split-splits 0"] * 3
    assert lines(diary)[3] == "dead split-splits the worker died every time this was delivered"


def test_a_claim_is_held_as_long_as_its_handler_works(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    brief = WorkerOptions(lease=timedelta(milliseconds=300))
    Runtime(queue, partial(behaving, diary, always="slow"), workers=2, options=brief).run_until_idle()
    assert done(diary) == {"split-splits 0": 1}
    assert lines(diary).count("begun split-splits 0") == 1


def test_a_handler_that_hangs_is_ended_and_its_message_comes_again(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    strict = WorkerOptions(lease=timedelta(milliseconds=300), patience=timedelta(milliseconds=500))
    Runtime(queue, partial(behaving, diary, "hangs"), workers=1, options=strict).run_until_idle()
    assert done(diary) == {"split-splits 0": 1}


def test_delivered_twice_everything_is_handled_twice(home: Path, diary: Path) -> None:
    queue = LocalQueue(Database(home / "catalog.db"), deliver_twice=True)
    queue.publish(Topic.SPLITS, SPLIT)
    Runtime(queue, partial(behaving, diary), workers=2).run_until_idle()
    assert done(diary) == {"split-splits 0": 2}


def test_workers_that_are_not_set_up_say_why(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    with pytest.raises(ConfigurationError, match="there is no speech model"):
        Runtime(queue, not_set_up).run_until_idle()


def test_workers_that_cannot_start_are_not_started_for_ever(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    with pytest.raises(ConfigurationError, match="exit code 3"):
        Runtime(queue, dying, workers=1).run_until_idle()


@pytest.mark.parametrize("error", [OSError(11, "Resource temporarily unavailable"), RuntimeError("can't start new thread")])
def test_a_process_that_the_system_refuses_ends_the_work_with_an_error(
    queue: LocalQueue, diary: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    queue.publish(Topic.SPLITS, SPLIT)
    waited = iter(range(100))

    def impatient(_: QueueStatus) -> None:
        assert next(waited, None) is not None, "it waits for ever"

    with pytest.raises(ConfigurationError, match=r"cannot be kept running .*(unavailable|new thread).*SCENESEARCH_WORKERS"):
        Runtime(queue, partial(behaving, diary)).run_until_idle(impatient)


@pytest.mark.parametrize(
    ("moment", "handled"),
    [
        ("claim", ["split-splits"]),
        ("acknowledge", ["split-splits"] * 2),
        ("dead-letter", ["split-splits"] * 2 + ["recover-dead-letters"]),
    ],
)
def test_a_full_disk_ends_the_work_with_one_clear_error_and_it_goes_on_when_there_is_space(
    tmp_path: Path, diary: Path, moment: str, handled: list[str]
) -> None:
    """On a real file system of 4 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=4m tmpfs {disk} && exec {sys.executable} -m contract.full_disk_runtime {disk} {diary} {moment}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if shutil.which("unshare") is None or subprocess.run([*command[:-1], "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    full = f"no space left for {disk}/catalog.db: free some, then run `scenesearch retry` (1 worker)"
    said = lines(diary)
    assert full in said, done.stderr
    assert [line for line in said if line != full] == [*handled, "idle True"]
    assert "Traceback" not in done.stderr


def test_the_work_ends_when_what_was_wanted_is_done_and_leaves_the_rest(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    for number in range(20):
        queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))
    asked: list[float] = []

    def wanted() -> bool:
        asked.append(time.monotonic())
        return "split-splits 0" in done(diary)

    Runtime(queue, partial(behaving, diary, always="slow"), workers=1).run_until_idle(until=wanted)
    assert not queue.status().idle
    assert not queue.status().working
    assert "split-splits 0" in done(diary)
    assert all(after - before > 0.9 for before, after in pairwise(asked))


def test_settling_on_one_machine_ends_when_what_was_wanted_is_done(queue: LocalQueue, diary: Path) -> None:
    class WithSlowHandlers(Application):
        def runner(self) -> Runtime:
            return Runtime(queue, partial(behaving, diary, always="slow"), workers=1)

    for _ in range(3):
        queue.publish(Topic.SPLITS, SPLIT)
    application = WithSlowHandlers(Settings.load())
    application.runner().settle(until=lambda: bool(done(diary)))
    assert not queue.status().idle
    application.runner().settle()
    assert queue.status().idle
    assert done(diary) == {"split-splits 0": 3}


def test_the_workers_do_not_wait_for_the_first_round_of_the_timer(queue: LocalQueue, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    up: list[int] = []

    def long_round() -> None:
        up.extend(runtime.processes)
        eventually(lambda: done(diary), within_s=30)

    runtime = Runtime(queue, partial(behaving, diary), workers=2, tick=long_round)
    runtime.run_until_idle()
    assert up
    assert done(diary) == {"split-splits 0": 1}


def test_what_the_first_round_of_the_timer_finds_is_done_before_the_work_is_called_done(queue: LocalQueue, diary: Path) -> None:
    Runtime(queue, partial(behaving, diary), workers=1, tick=lambda: queue.publish(Topic.SPLITS, SPLIT)).run_until_idle()
    assert done(diary) == {"split-splits 0": 1}


def test_a_stop_does_not_wait_for_a_long_round_of_the_timer(queue: LocalQueue, diary: Path) -> None:
    begun, released = threading.Event(), threading.Event()

    def endless_round() -> None:
        begun.set()
        released.wait(60)

    try:
        brief = timedelta(milliseconds=100)
        with Runtime(queue, partial(behaving, diary), workers=1, tick=endless_round, grace=brief) as runtime:
            assert begun.wait(30)
            stopped_at = time.monotonic()
            runtime.stop()
        assert time.monotonic() - stopped_at < 20
    finally:
        released.set()


def test_the_timer_ticks_at_the_start_and_again_whatever_it_meets(queue: LocalQueue, diary: Path) -> None:
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 1:
            queue.publish(Topic.SPLITS, SPLIT)
        raise ZeroDivisionError("a round that fails")

    with Runtime(queue, partial(behaving, diary), workers=1, tick=tick, tick_every=timedelta(milliseconds=50)):
        eventually(lambda: len(ticks) >= 3)
        eventually(lambda: done(diary), within_s=30)


def test_an_idle_runtime_serves_at_once_and_costs_next_to_nothing(queue: LocalQueue, diary: Path) -> None:
    with Runtime(queue, partial(behaving, diary), workers=2) as runtime:
        queue.publish(Topic.SPLITS, SPLIT)
        eventually(lambda: done(diary), within_s=30)
        begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        workers_used = {pid: cpu_seconds(pid) for pid in runtime.processes}
        eventually(lambda: time.monotonic() > begun + 3)
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        assert spent < 0.3
        assert all(cpu_seconds(pid) - before < 0.3 for pid, before in workers_used.items())
        waits = []
        for number in range(5):
            published = time.monotonic()
            queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))
            eventually(partial(begun_texts, diary, number), every_s=0.001)
            waits.append(time.monotonic() - published)
        assert sorted(waits)[2] < 0.5


def begun_texts(diary: Path, number: int) -> bool:
    return f"begun extract-texts {number}" in lines(diary)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# the whole runtime ends


def a_running_runtime(home: Path, first_time: str = "", always: str = "") -> subprocess.Popen[bytes]:
    """A runtime in a process group of its own, once it has begun to work."""
    script = f"from contract.runtime_handlers import run; run({str(home)!r}, {first_time!r}, {always!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    eventually(lambda: any(line.startswith("begun") for line in lines(home / "diary")), within_s=30)
    return process


def workers_of(home: Path) -> list[int]:
    return [int(pid) for pid in eventually(lambda: (home / "workers").read_text().split())]


def test_after_a_kill_of_everything_the_work_goes_on_at_once_and_no_attempt_is_counted(queue: LocalQueue, home: Path, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    process = a_running_runtime(home, first_time="hangs")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    begun = time.monotonic()
    claim = eventually(lambda: queue.reclaim() and queue.claim((Subscription.SPLIT_SPLITS,), timedelta(minutes=1)), within_s=5)
    assert claim
    assert claim.attempt == 1
    queue.reject(claim, "only looking", delay=timedelta(0))
    Runtime(queue, partial(behaving, diary), workers=1).run_until_idle()
    assert done(diary) == {"split-splits 0": 1}
    assert time.monotonic() - begun < 30


def test_workers_do_not_outlive_a_killed_runtime(queue: LocalQueue, home: Path, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    process = a_running_runtime(home, always="hangs")
    workers = workers_of(home)
    process.kill()
    process.wait()
    eventually(lambda: all(gone(pid) for pid in workers))


@pytest.mark.parametrize(("sent", "to_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_stop_lets_the_message_in_hand_end_and_leaves_no_process(
    queue: LocalQueue, home: Path, diary: Path, sent: signal.Signals, to_group: bool
) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    process = a_running_runtime(home, always="slow")
    workers = workers_of(home)
    (os.killpg if to_group else os.kill)(process.pid, sent)
    assert process.wait(30) == (143 if sent is signal.SIGTERM else 0)
    assert all(gone(pid) for pid in workers)
    assert done(diary) == {"split-splits 0": 1}
    assert lines(diary)[-1] == "left 0"
    assert queue.status().idle


def test_a_stop_does_not_wait_for_ever_and_counts_no_attempt(queue: LocalQueue, home: Path, diary: Path) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    process = a_running_runtime(home, always="hangs")
    workers = workers_of(home)
    process.terminate()
    assert process.wait(30) == 143
    assert all(gone(pid) for pid in workers)
    claim = queue.claim((Subscription.SPLIT_SPLITS,), timedelta(minutes=1))
    assert claim is not None
    assert claim.attempt == 1

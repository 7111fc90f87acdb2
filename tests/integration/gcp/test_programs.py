"""Programs of the emulated cloud: none outlives whoever started it, however that went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenesearch.emulator.processes import Programs, answers, free_port, wait_for
from scenesearch.errors import Unavailable
from waiting import eventually

FAMILY = "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); time.sleep(600)"
"""A program with a child of its own, whose id it prints."""

STARTER = f"""
import signal, sys, time
from pathlib import Path
from scenesearch.emulator.processes import Programs
signal.signal(signal.SIGINT, signal.default_int_handler)  # who is started in the background is deaf to it
programs = Programs(Path(sys.argv[1]))
print(programs.start("family", [sys.executable, "-c", {FAMILY!r}]).process.pid, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def child_in(log: Path) -> int:
    return int(eventually(lambda: log.exists() and log.read_text().strip()))


def test_closing_ends_programs_and_their_children(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        family = programs.start("family", [sys.executable, "-c", FAMILY])
        child = child_in(family.log)
    assert family.process.poll() is not None
    assert not is_running(child)


def test_a_program_that_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with Programs(tmp_path) as programs:
        program = programs.start("deaf", [sys.executable, "-c", deaf])
        child_in(program.log)
        begun = time.monotonic()
    assert program.process.poll() == -signal.SIGKILL
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    program = int(starter.stdout.readline())
    child = child_in(tmp_path / "family.log")
    assert is_running(program)
    starter.send_signal(how)
    starter.wait()
    eventually(lambda: not is_running(program) and not is_running(child), within_s=20)


def test_one_program_can_be_ended_without_the_others(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        one, other = (programs.start(name, ["sleep", "600"]) for name in ("one", "other"))
        programs.kill(one)
        assert one.process.poll() == -signal.SIGKILL
        assert other.process.poll() is None


def test_a_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        program = programs.start("broken", [sys.executable, "-c", "raise SystemExit('no such component')"])
        with pytest.raises(Unavailable, match=r"(?s)broken ended with exit code 1.*no such component"):
            wait_for(program, lambda: answers(free_port()))


def test_a_machine_without_emulators_is_told_what_to_install(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("scenesearch")), "emulate"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "gcloud components install" in done.stderr
    assert "Traceback" not in done.stderr

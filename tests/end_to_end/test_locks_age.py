"""The lock files install on every later day: with old and new pip, after each locked package has released newer versions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from end_to_end.package_index import locked, release, serving, with_made_hashes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_DEPENDENCIES = ROOT / "requirements" / "weights.txt"
"""Packages of which only a file is used; what they require is not wanted, so it is not locked."""
LOCKS = sorted({*ROOT.glob("requirements/*.txt"), *ROOT.glob("functions/*/requirements.txt")} - {WITHOUT_DEPENDENCIES})
DISTINCT = {path.read_text(): path for path in LOCKS}
"""Several functions have the same list: one of each is enough."""

PIPS = {
    # comes with Python 3.11.7 and 3.12.1; from 23.3 on pip looks up a package with and without extras together
    "23.2.1": "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
    # the newest when this was written
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
PLAIN_LINE = re.compile(r"^([\w.-]+)==.*\n(?:    --hash.*\n)+(?=\1\[)", re.MULTILINE)
"""A package's line without extras, where one with extras follows."""

Installers = Mapping[str, list[str]]


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Installers:
    """By its name the command of each program that may install our locks: pips, and the uv of newer builders of Google's."""
    folder = tmp_path_factory.mktemp("installers")
    venv.create(folder / "empty", symlinks=True)
    python = str(folder / "empty" / "bin" / "python")
    commands = {"uv": [sys.executable, "-m", "uv", "pip", "install", "--no-config", "--python", python]}
    for version, digest in PIPS.items():
        (folder / "pip.txt").write_text(f"pip=={version} --hash=sha256:{digest}\n")
        download = [*(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"), "--dest", str(folder)]
        subprocess.run([*download, "--requirement", str(folder / "pip.txt")], check=True)
        with zipfile.ZipFile(folder / f"pip-{version}-py3-none-any.whl") as wheel:
            wheel.extractall(folder / version)
        commands[version] = [python, str(folder / version / "pip"), "install", "--quiet", "--force-reinstall", "--upgrade"]
    return commands


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with serving({release(requirement) for path in LOCKS for requirement in locked(path.read_text())}) as address:
        yield address


def refusal(installer: list[str], lock: str, index: str, folder: Path) -> str:
    """What the installer says against a lock file; empty when it would install it."""
    file = folder / "requirements.txt"
    file.write_text(with_made_hashes(lock))
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    ran = subprocess.run(
        [*installer, "--dry-run", "--no-cache-dir", "--index-url", index, "--requirement", str(file)],
        env={**settings, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr if ran.returncode else ""


@pytest.mark.parametrize("path", DISTINCT.values(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_installs_after_every_package_has_released_newer_versions(
    path: Path, installers: Installers, index: str, tmp_path: Path
) -> None:
    def ask(name: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        return refusal(installers[name], path.read_text(), index, folder)

    with ThreadPoolExecutor(max_workers=2) as pool:  # as many as the smallest machine has cores
        refusals = dict(zip(installers, pool.map(ask, installers), strict=True))
    assert not any(refusals.values()), refusals


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_python_gets_the_same_versions(path: Path) -> None:
    """Tests run with one Python: a version that only another one gets would be untested there."""
    pins: dict[str, set[str]] = {}
    for requirement in locked(path.read_text()):
        pins.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_old_pip_refuses_a_lock_that_names_a_package_only_with_its_extras(installers: Installers, index: str, tmp_path: Path) -> None:
    """What the line without extras is for; it also shows that the index has aged."""
    only_extras, dropped = PLAIN_LINE.subn("", (ROOT / "functions" / "search" / "requirements.txt").read_text())
    assert dropped
    assert "must have their versions pinned with ==" in refusal(installers["23.2.1"], only_extras, index, tmp_path)

"""One synth of every environment, shared by all tests: the construct library takes longer to import than to run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.archives import Archive, build_all
from infra.config import Environment, Function
from infra.main import synth
from tests.infra.deployment import Deployment
from tests.infra.environments import ENVIRONMENTS

collect_ignore = [] if shutil.which("terraform") else ["test_terraform.py"]


@dataclass(frozen=True)
class Workshop:
    """A folder like the repository's `build`: archives, and what is synthesised from them."""

    folder: Path
    archives: Mapping[str, Archive]

    def synth(self, env: Environment) -> Mapping[str, Path]:
        return synth(env, self.archives, self.folder / "infra" / env.name)

    def deployment(self, env: Environment) -> Deployment:
        return Deployment(self.synth(env), env.project)


def workshop(folder: Path) -> Workshop:
    """Archives of nine tiny functions and a tiny package: what they do does not matter here."""
    package = folder / "scenesearch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for function in Function:
        source = folder / "sources" / function.value
        source.mkdir(parents=True)
        (source / "main.py").write_text(f"def handle(event): return {function.value!r}\n")
        (source / "requirements.txt").write_text("")
    return Workshop(folder, build_all(folder / "functions", folder / "sources", package))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return workshop(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def deployments(shop: Workshop) -> Mapping[str, Deployment]:
    return {name: shop.deployment(env) for name, env in ENVIRONMENTS.items()}


@pytest.fixture(params=list(ENVIRONMENTS))
def env(request: pytest.FixtureRequest) -> Environment:
    return ENVIRONMENTS[request.param]


@pytest.fixture
def deployment(env: Environment, deployments: Mapping[str, Deployment]) -> Deployment:
    return deployments[env.name]

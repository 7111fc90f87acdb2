"""The environments of the repository, as they are in its files."""

from __future__ import annotations

from collections.abc import Mapping

from infra.config import Environment
from infra.environments import FOLDER, NAMES, load

ENVIRONMENTS: Mapping[str, Environment] = {name: load(FOLDER / f"{name}.toml") for name in NAMES}
DEV, STAGING, PROD = (ENVIRONMENTS[name] for name in ("dev", "staging", "prod"))

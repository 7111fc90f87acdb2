"""`make synth ENV=dev`: write the Terraform JSON of one environment's two stacks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from cdktn import App

from infra.archives import ROOT, Archive, built
from infra.config import Environment
from infra.environments import chosen
from infra.stacks.data import DataStack
from infra.stacks.functions import FunctionsStack
from scenesearch.errors import ConfigurationError


def synth(env: Environment, archives: Mapping[str, Archive], to: Path) -> dict[str, Path]:
    """Write both stacks below `to`; returns the folder of each, by its short name."""
    to.parent.mkdir(parents=True, exist_ok=True)
    app = App(outdir=str(to))
    folders = {name: to / "stacks" / f"{env.name}-{name}" for name in ("data", "functions")}
    DataStack(app, env)
    FunctionsStack(app, env, archives, root=folders["functions"])
    app.synth()
    return folders


def main(arguments: list[str]) -> int:
    """Synthesise the environment named by the one argument."""
    try:
        env, archives = chosen(arguments), built()
    except (ConfigurationError, FileNotFoundError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    for name, folder in synth(env, archives, ROOT / "build" / "infra" / env.name).items():
        print(f"{name}: {folder}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

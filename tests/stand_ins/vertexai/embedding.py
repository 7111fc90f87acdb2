"""Vectors without a model: a text is the bag of its words and letter runs, hashed, so that texts which share some are near."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

_TASKS = re.compile(r"^(task: [^|]*\| query: |title: [^|]*\| text: )")
_WORD = re.compile(r"[a-z0-9\u00c0-\u024f]+|[^\W_]", re.UNICODE)


def vector(text: str, dimension: int) -> list[float]:
    """The vector of `text` without its task; not of unit length, as truncated vectors of the real model may not be."""
    found = np.zeros(dimension)
    for feature, weight in _features(_TASKS.sub("", text).casefold()):
        digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
        found[int.from_bytes(digest[:4]) % dimension] += weight if digest[4] & 1 else -weight
    if not found.any():
        found[0] = 1.0
    return [float(v) for v in np.round(found, 4)]


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = _WORD.findall(text)
    for word in words:
        yield word, 1.0
        if len(word) > 4:
            yield from ((f"~{word[at : at + 4]}", 0.3) for at in range(len(word) - 3))
    for left, right in pairwise(words):
        if len(left) == len(right) == 1:
            yield left + right, 1.0

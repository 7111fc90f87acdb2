"""On-screen text of one picture, by RapidOCR: where lines are (detector) and what they say (recogniser)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import one_line

Picture = NDArray[np.uint8]
"""RGB pixels: shape (height, width, 3)."""

_ROUNDING = 1e-6
"""The difference of edges, as a fraction of the screen, that is taken for rounding."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the screen, in fractions of its width and height."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return self.top + self.height

    @property
    def center(self) -> tuple[float, float]:
        """The centre, as (x, y)."""
        return self.left + self.width / 2, self.top + self.height / 2

    def iou(self, other: Box) -> float:
        """Return the intersection over union of both, 0 to 1."""
        shared = self.shared(other)
        return shared / (self.width * self.height + other.width * other.height - shared) if shared else 0.0

    def shared(self, other: Box) -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def holds(self, other: Box) -> bool:
        """Return whether the other lies wholly inside."""
        return (
            self.left <= other.left + _ROUNDING
            and self.top <= other.top + _ROUNDING
            and other.right <= self.right + _ROUNDING
            and other.bottom <= self.bottom + _ROUNDING
        )

    def grown(self, by: float) -> Box:
        """Return this box enlarged by a fraction of the screen on each side, within the screen."""
        left, top = max(0.0, self.left - by), max(0.0, self.top - by)
        return Box(left, top, min(1.0, self.right + by) - left, min(1.0, self.bottom + by) - top)

    def hull(self, other: Box) -> Box:
        """Return the smallest box around both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        return Box(left, top, max(self.right, other.right) - left, max(self.bottom, other.bottom) - top)

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the pixels of `image` inside this box, at least one."""
        height, width = image.shape[:2]
        top, left = min(height - 1, max(0, int(self.top * height))), min(width - 1, max(0, int(self.left * width)))
        return image[top : max(top + 1, round(self.bottom * height)), left : max(left + 1, round(self.right * width))]


@dataclass(frozen=True, slots=True)
class Place:
    """A line that the detector found: its four corners in pixels (4, 2), and the upright box around them."""

    corners: NDArray[np.float32]
    box: Box
    vertical: bool

    @classmethod
    def upright(cls, box: Box, picture: Picture) -> Place:
        """Return the place of a horizontal line whose box is known."""
        height, width = picture.shape[:2]
        left, top, right, bottom = box.left * width, box.top * height, box.right * width, box.bottom * height
        return cls(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float32), box, vertical=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says, and how sure the recogniser is (0 to 1)."""

    text: str
    score: float


class TextReader:
    """RapidOCR's detector and recogniser, loaded on first use."""

    name = "rapidocr PP-OCRv6"

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._engine: Any = None

    def places(self, picture: Picture, side: int, within: Box | None = None) -> list[Place]:
        """Find lines of text in the picture, or in its part `within`, scaled down to `side` pixels along the longer side.

        Parts that are narrower or lower than 8 pixels hold no lines.
        """
        import cv2
        from rapidocr.main import RapidOCRError

        height, width = picture.shape[:2]
        part = within.cut(picture) if within else picture
        top, left = (int(within.top * height), int(within.left * width)) if within else (0, 0)
        if min(part.shape[:2]) < 8:
            return []
        scale = min(1.0, side / max(part.shape[:2]))
        size = max(8, round(part.shape[1] * scale)), max(8, round(part.shape[0] * scale))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if scale < 1 else part
        try:
            _, found = self._loaded().detect_and_crop(np.ascontiguousarray(small[..., ::-1]), {})
        except RapidOCRError:
            return []
        factor = np.array([part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]], dtype=np.float32)
        return [_place(np.asarray(corners, dtype=np.float32) * factor + (left, top), width, height) for corners in found.boxes]

    def read(self, picture: Picture, places: Sequence[Place]) -> list[Reading]:
        """Return what each line says, in the order of `places`."""
        from rapidocr.utils.process_img import get_rotate_crop_image

        if not places:
            return []
        bgr = np.ascontiguousarray(picture[..., ::-1])
        crops = [get_rotate_crop_image(bgr, place.corners.copy()) for place in places]
        result = self._loaded().recognize_txt(crops)
        return [Reading(_cleaned(text), float(score)) for text, score in zip(result.txts, result.scores, strict=True)]

    def _loaded(self) -> Any:
        if self._engine is None:
            from rapidocr import RapidOCR

            self._engine = RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.use_vertical_padding": False,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": 4096,  # pixels; pictures are scaled before, so this never bounds them
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
        return self._engine


def _place(corners: NDArray[np.float32], width: int, height: int) -> Place:
    low, high = corners.min(axis=0), corners.max(axis=0)
    left, top = max(0.0, float(low[0]) / width), max(0.0, float(low[1]) / height)
    box = Box(left, top, min(1.0, float(high[0]) / width) - left, min(1.0, float(high[1]) / height) - top)
    across, down = np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[0] - corners[3])
    # as for RapidOCR, a line at least 1.5 times as high as wide is vertical
    return Place(corners.astype(np.float32), box, bool(down >= 1.5 * across))


def _cleaned(text: str) -> str:
    """Return the text on one line, with full-width Latin and half-width kana in their usual forms."""
    return one_line(unicodedata.normalize("NFKC", text))

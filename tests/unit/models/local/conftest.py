"""Clips for the local extractors: real files, and small ones made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from real_videos import ABSENT, FOLDER
from scenesearch.config import Settings
from scenesearch.metadata import Entry
from scenesearch.ports import ClipInput, Extraction, SectionExtractor
from scenesearch.video import Clip, Profile, now

REPOSITORY = Path(__file__).parents[4]
SAMPLE = REPOSITORY / "samples" / "harbour_day.mp4"
FONT = next(Path("/usr/share/fonts").rglob("DejaVuSans-Bold.ttf"), None)


class Folder:
    """What an extractor needs of an object store: objects that are files already."""

    @contextmanager
    def as_file(self, name: str, generation: int | None = None) -> Iterator[Path]:
        yield Path(name)


NO_PROFILE = Profile()


def clip(path: Path, profile: Profile = NO_PROFILE, language: str | None = None) -> ClipInput:
    """The whole file as one clip."""
    with av.open(str(path)) as container:
        duration_ms = (container.duration or 0) // 1000
    whole = Clip(str(path), "video/mp4", 0, duration_ms, path.stat().st_size)
    return ClipInput(clip=whole, store=Folder(), profile=profile, language=language)  # type: ignore[arg-type]


def extract(extractor: SectionExtractor, given: ClipInput) -> Extraction:
    return extractor.extract(given, deadline=now() + timedelta(minutes=4))


def standing(entries: Sequence[Entry], words: str) -> list[tuple[float, float]]:
    """When the entries whose text holds these words stand, in seconds."""
    return [(e.span.start_s, e.span.end_s) for e in entries if words.casefold() in e.text.casefold()]


@pytest.fixture
def settings() -> Settings:
    return Settings(offline=True)


@pytest.fixture
def shared_video() -> Callable[[str], Path]:
    """A real video by name; skips where the shared folder is missing."""

    def find(name: str) -> Path:
        path = FOLDER / name
        if not path.exists():
            pytest.skip(f"{name} {ABSENT}")
        return path

    return find


Painter = Callable[[float, ImageDraw.ImageDraw], None]


@pytest.fixture
def painted(tmp_path: Path) -> Callable[..., Path]:
    """Makes a silent video out of a function that paints the picture at a time."""

    def make(seconds: float, paint: Painter, *, fps: int = 10, size: tuple[int, int] = (640, 360), ground: str = "navy") -> Path:
        path = tmp_path / "painted.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18", "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for number in range(round(seconds * fps)):
                image = Image.new("RGB", size, ground)
                paint(number / fps, ImageDraw.Draw(image))
                out.mux(stream.encode(av.VideoFrame.from_image(image)))
            out.mux(stream.encode(None))
        return path

    return make


def font(size: int) -> ImageFont.FreeTypeFont:
    if FONT is None:
        pytest.skip("no font on this machine")
    return ImageFont.truetype(str(FONT), size)


def sound(path: Path, samples: NDArray[np.float32], rate: int = 16_000) -> Path:
    """A sound file of these samples."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le" if path.suffix == ".wav" else "aac", rate=rate, layout="mono")
        for start in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray((samples[None, start : start + 1024] * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path

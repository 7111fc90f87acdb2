"""The product with models that cost nothing but really read the clips: the frame numbers and tones of `media_files`."""

from __future__ import annotations

import hashlib
import mimetypes
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from media_files import read_number
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.runtime import Runtime
from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.errors import ModelError
from scenesearch.media.frames import frames
from scenesearch.messages import Subscription
from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.models.local.audio import decode_audio
from scenesearch.models.local.digest import telling_lines
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.ports import (
    Catalog,
    ClipInput,
    Embedder,
    Extraction,
    Handler,
    Models,
    ObjectStore,
    SceneReader,
    ScoreScale,
    SectionExtractor,
    Summarizer,
    Vectors,
)
from scenesearch.timeline import Span
from scenesearch.video import Usage

DIMENSION = 64
SAMPLES_A_SECOND = 16_000


class LightEmbedder:
    """Texts as hashed runs of three letters."""

    name = "three letters"
    dimension = DIMENSION
    scale = ScoreScale(mean=0.1, std=0.1)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.passages(texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), DIMENSION), 1e-6, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for start in range(len(text)):
                row[int.from_bytes(hashlib.blake2b(text[start : start + 3].encode(), digest_size=2).digest()) % DIMENSION] += 1
        unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit


class LightExtractor:
    """Half-second pictures as numbers (seen or written), seconds of sound as pitches."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.wants_audio = section is Section.TRANSCRIPTION

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        with given.store.as_file(given.clip.object_name) as path:
            found = self._heard(path) if self.wants_audio else self._seen(path)
        if not found:
            raise ModelError(f"{given.clip.object_name} holds nothing")
        return Extraction(entries=tuple(found), digest=telling_lines(found), model="light 1", usage=Usage(compute_s=0.1))

    def _seen(self, path: Path) -> list[Entry]:
        found = []
        with path.open("rb") as source:
            for frame in frames(source, interval_ms=500):
                span, number = Span(max(0, frame.at_ms), max(0, frame.at_ms) + 500), read_number(frame.image)
                if self.section is Section.VISUAL_INFO:
                    found.append(Entry(section=self.section, span=span, text=f"blocks that say {number}", subject_scale=0.5))
                else:
                    layout = Layout("top center", (0, 0, 1, 0.5))
                    text = f"FRAME {number:05}"
                    found.append(Entry(section=self.section, span=span, text=text, lines=(text,), layout=layout, kind=TextKind.TEXT))
        return found

    def _heard(self, path: Path) -> list[Entry]:
        samples = decode_audio(path)
        found = []
        for second in range(len(samples) // SAMPLES_A_SECOND):
            wave = samples[second * SAMPLES_A_SECOND : (second + 1) * SAMPLES_A_SECOND]
            pitch = int(np.abs(np.fft.rfft(wave)).argmax())
            found.append(
                Entry(section=self.section, span=Span.of_seconds(second, second + 1), text=f"A tone of {pitch} Hz.", speaker="Tone")
            )
        return found


class LightModels:
    @cached_property
    def embedder(self) -> Embedder:
        return LightEmbedder()

    @cached_property
    def summarizer(self) -> Summarizer:
        return ExtractiveSummarizer(self.embedder)

    @property
    def reader(self) -> SceneReader:
        raise ModelError("nobody asks here")

    @property
    def reads_premises(self) -> bool:
        return False

    def watcher(self, catalog: Catalog, work: ObjectStore) -> None:
        return None

    @property
    def batches(self) -> None:
        """No service, no batch jobs."""
        return None

    def extractor(self, section: Section) -> SectionExtractor:
        return LightExtractor(section)


class LightApplication(Application):
    @cached_property
    def models(self) -> Models:
        return LightModels()


def light_handlers(settings: Settings) -> Mapping[Subscription, Handler]:
    return LightApplication(settings).handlers


def ingest(files: Sequence[Path]) -> None:
    """Take these files in (unless they are there) and work until nothing is left to do."""
    app = LightApplication(Settings.load())
    for file in files:
        with file.open("rb") as source:
            kind = mimetypes.guess_type(file.name)[0] or ""
            app.uploads.create(f"default/{file.name}", source, content_type=kind, metadata={"title": file.stem})
    queue = app.publisher
    assert isinstance(queue, LocalQueue)
    Runtime(queue, partial(light_handlers, app.settings), workers=app.settings.workers, tick=app.tick).run_until_idle()


def main(run: Callable[[Sequence[Path]], None] = ingest) -> None:
    run([Path(argument) for argument in sys.argv[1:]])

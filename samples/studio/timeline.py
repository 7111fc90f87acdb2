"""Put the scenes on one clock and the spoken sentences with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from studio.music import background
from studio.script import FPS, Line, Scene
from studio.voice import RATE, Samples, speak

FADE = 0.6
PEAK = 0.8


@dataclass(frozen=True)
class Spoken:
    """A sentence with its exact place in the film, in seconds."""

    scene: str
    line: Line
    start: float
    end: float
    audio: Samples


@dataclass(frozen=True)
class Timeline:
    """Scenes with their starts, and everything that is said, in order."""

    scenes: tuple[Scene, ...]
    starts: tuple[float, ...]
    seconds: float
    spoken: tuple[Spoken, ...]

    def speaker_at(self, t: float) -> str | None:
        return next((s.line.speaker for s in self.spoken if s.start <= t < s.end), None)

    @property
    def cuts(self) -> list[float]:
        """Where one picture follows another without a fade."""
        return [start for scene, start in zip(self.scenes[1:], self.starts[1:], strict=True) if scene.begins == "cut"]

    @property
    def fades(self) -> list[tuple[float, float]]:
        """From where to where the picture goes to black and comes back."""
        return [
            (round(start - FADE, 2), round(start + FADE, 2))
            for scene, start in zip(self.scenes, self.starts, strict=True)
            if scene.begins == "fade"
        ]

    def soundtrack(self) -> Samples:
        """Return everything that is heard, mono at 24 kHz."""
        track = np.concatenate([background(scene) for scene in self.scenes])
        for sentence in self.spoken:
            start = round(sentence.start * RATE)
            track[start : start + len(sentence.audio)] += sentence.audio
        return np.asarray(np.clip(track, -0.98, 0.98), np.float32)


def lay_out(scenes: Sequence[Scene]) -> Timeline:
    """Return the film's timeline; refuse scenes off the frame grid and voices that overlap."""
    for scene in scenes:
        if abs(scene.seconds * FPS - round(scene.seconds * FPS)) > 1e-6:
            raise ValueError(f"scene {scene.name!r}: {scene.seconds} s is not a whole frame")
    ends = [round(end, 2) for end in accumulate(scene.seconds for scene in scenes)]
    starts = (0.0, *ends[:-1])
    spoken = [_say(scene.name, line, start + line.at) for scene, start in zip(scenes, starts, strict=True) for line in scene.lines]
    for before, after in pairwise(spoken):
        if after.start < before.end + 0.15:
            raise ValueError(f"{after.line.words!r} begins at {after.start} before {before.end}")
    return Timeline(tuple(scenes), starts, ends[-1], tuple(spoken))


def _say(scene: str, line: Line, start: float) -> Spoken:
    audio = speak(line.speaker, line.words)
    audio = (audio / np.abs(audio).max() * PEAK).astype(np.float32)
    return Spoken(scene, line, round(start, 3), round(start + len(audio) / RATE, 3), audio)

"""Sounds other than speech: the sea, rain, the chase's music, the explosion, fireworks, chimes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from studio.pictures.chase import IMPACT
from studio.pictures.harbour import BURSTS
from studio.script import Scene
from studio.voice import RATE, Samples

Sound = npt.NDArray[np.floating[Any]]

BASS = (45, 45, 48, 45, 50, 48, 43, 43)
LEAD = (69, 72, 76, 72, 74, 72, 69, 67, 69, 76, 79, 76, 74, 72, 71, 67)
CHIMES = ((0.3, 76), (0.8, 79), (1.3, 84), (6.0, 84), (6.5, 79), (7.0, 76), (7.5, 72))


def background(scene: Scene) -> Samples:
    """Return the scene's sounds without its speech."""
    make = {"harbour": _sea, "bridge": _rain, "chase": _chase, "explosion": _explosion,
            "fireworks": _fireworks}.get(scene.name)  # fmt: skip
    length = round(scene.seconds * RATE)
    silence = np.zeros(length, np.float32)
    return silence if make is None else make(scene.seconds)[:length].astype(np.float32)


def _clock(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE), dtype=np.float32) / RATE


def _hiss(seconds: float, seed: int, smooth: int) -> Sound:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE) + smooth)
    mean = np.convolve(noise, np.ones(smooth) / np.sqrt(smooth), "valid")
    return mean[: round(seconds * RATE)].astype(np.float32)


def _sea(seconds: float) -> Sound:
    t = _clock(seconds)
    swell: Sound = 0.006 + 0.005 * np.sin(t * 1.6)
    return _hiss(seconds, 1, 24) * swell


def _rain(seconds: float) -> Sound:
    return _hiss(seconds, 2, 3) * 0.006


def _note(pitch: int, seconds: float, decay: float) -> Sound:
    t = _clock(seconds)
    tone = 440.0 * 2 ** ((pitch - 69) / 12) * 2 * np.pi * t
    wave = np.sin(tone) + 0.4 * np.sin(2 * tone) + 0.2 * np.sin(3 * tone)
    plucked: Sound = wave * np.exp(-t * decay) * np.minimum(1, t * 200)
    return plucked


def _chase(seconds: float) -> Sound:
    sound = np.zeros(round(seconds * RATE), np.float32)
    beat = 60 / 150 / 2
    for step in range(int(seconds / beat)):
        at = step * beat
        _mix(sound, at, 0.16 * _note(BASS[step // 2 % len(BASS)], beat, 5))
        _mix(sound, at, 0.07 * _note(LEAD[step % len(LEAD)], beat * 1.6, 7))
        click = _hiss(0.06, step, 1) * np.exp(-_clock(0.06) * 70)
        _mix(sound, at, (0.05 if step % 2 else 0.02) * click)
        if step % 4 == 0:
            t = _clock(0.2)
            _mix(sound, at, 0.3 * np.sin(2 * np.pi * 55 * t * np.exp(-t * 4)) * np.exp(-t * 18))
    return sound * _fades(seconds, 0.05, 0.4)


def _explosion(seconds: float) -> Sound:
    sound = np.zeros(round(seconds * RATE), np.float32)
    brakes = _clock(IMPACT)
    squeal = np.sin(2 * np.pi * (900 - 120 * brakes) * brakes) * 0.03 * np.minimum(1, brakes)
    _mix(sound, 0.0, squeal.astype(np.float32))
    t = _clock(3.0)
    _mix(sound, IMPACT, _hiss(3.0, 3, 40) * np.exp(-t * 2.6) * 0.32)
    _mix(sound, IMPACT, _hiss(3.0, 4, 2) * np.exp(-t * 14) * 0.2)
    return sound


def _fireworks(seconds: float) -> Sound:
    sound = np.zeros(round(seconds * RATE), np.float32)
    t = _clock(1.2)
    for number, (start, *_rest) in enumerate(BURSTS):
        _mix(sound, start, _hiss(1.2, 30 + number, 60) * np.exp(-t * 6) * 0.035)
    for at, pitch in CHIMES:
        _mix(sound, at, 0.035 * _note(pitch, 1.4, 3))
    return sound * _fades(seconds, 0.02, 0.8)


def _fades(seconds: float, rise: float, fall: float) -> Sound:
    t = _clock(seconds)
    curve: Sound = np.minimum(1, np.minimum(t / rise, (seconds - t) / fall))
    return curve


def _mix(track: Sound, at: float, sound: Sound) -> None:
    start = round(at * RATE)
    end = min(len(track), start + len(sound))
    track[start:end] += sound[: end - start]

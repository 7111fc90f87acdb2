"""Videos that say who and when they are: in blocks on every frame, and in the pitch of their sound. Whoever has a clip can tell."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BLOCK, BITS = 8, 32
WIDTH, HEIGHT = BLOCK * BITS, 96
MAGIC = 0b1010
TICK_MS = 10
MOST_SECONDS = 300
"""Longer, and the rising tone reaches the tones of the numbers."""

RATE = 44_100
BASE_HZ, RISE_HZ = 400.0, 15.0
"""Second t sounds at BASE_HZ + t * RISE_HZ."""

NUMBER_HZ, NUMBER_STEP_HZ = 6000.0, 60.0
WINDOW = 1 << 14


@dataclass(frozen=True, slots=True)
class Seen:
    """What a clip shows: which coded video, from which second of it on, for how long."""

    number: int
    start_s: float


def make(path: Path, number: int, seconds: float, *, fps: int = 10, gop: int = 10, audio: bool = True) -> Path:
    """Write coded video `number` (0 to 63) to `path` (MP4) and return it. Keyframes every `gop` frames."""
    if not 0 <= number < 64 or seconds > MOST_SECONDS:
        raise ValueError(f"coded videos have numbers 0 to 63 and at most {MOST_SECONDS} s: not {number}, {seconds} s")
    with av.open(path, "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "28", "sc_threshold": "0", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = gop
        sound = out.add_stream("aac", rate=RATE, layout="mono") if audio else None
        tones = _tones(number, seconds)
        heard = 0.0
        for place in range(round(seconds * fps)):
            if sound is not None:
                while heard <= place / fps and (tone := next(tones, None)) is not None:
                    out.mux(sound.encode(tone))
                    heard += tone.samples / RATE
            frame = av.VideoFrame.from_ndarray(_drawn(number, round(place / fps * 1000)), format="rgb24")
            frame.pts, frame.time_base = place, Fraction(1, fps)
            out.mux(video.encode(frame))
        if sound is not None:
            for tone in tones:
                out.mux(sound.encode(tone))
            out.mux(sound.encode(None))
        out.mux(video.encode(None))
    return path


def seen_in(content: bytes) -> tuple[Seen | None, float]:
    """Which coded video a clip is of (None: of none), and how many seconds it lasts."""
    with av.open(io.BytesIO(content), "r") as clip:
        zero = (clip.start_time or 0) / 1_000_000
        seconds = (clip.duration or 0) / 1_000_000
        if clip.streams.video:
            return _looked_at(clip, zero), seconds
        return (_listened_to(clip, zero) if clip.streams.audio else None), seconds


def _drawn(number: int, at_ms: int) -> NDArray[np.uint8]:
    word = number << 16 | at_ms // TICK_MS
    word = MAGIC << 28 | word << 4 | _checksum(word)
    image = np.full((HEIGHT, WIDTH, 3), (40 + number * 3, 96, 200 - number * 2), np.uint8)
    for bit in range(BITS):
        image[: HEIGHT // 2, bit * BLOCK : (bit + 1) * BLOCK] = 235 if word >> (BITS - 1 - bit) & 1 else 16
    return image


def _checksum(word: int) -> int:
    return (word ^ word >> 4 ^ word >> 8 ^ word >> 12 ^ word >> 16 ^ word >> 20) & 0b1111


def _looked_at(clip: av.container.InputContainer, zero: float) -> Seen | None:
    frame = next(clip.decode(video=0), None)
    if frame is None or frame.time is None:
        return None
    strip = frame.to_ndarray(format="gray")[HEIGHT // 8 : HEIGHT * 3 // 8].mean(axis=0)
    if len(strip) < WIDTH:
        return None
    bits = [strip[bit * BLOCK + 2 : (bit + 1) * BLOCK - 2].mean() > 126 for bit in range(BITS)]
    code = int("".join("1" if b else "0" for b in bits), 2)
    word = code >> 4 & 0xFF_FFFF
    if code >> 28 != MAGIC or code & 0b1111 != _checksum(word):
        return None
    return Seen(word >> 16, max(0.0, round((word & 0xFFFF) * TICK_MS / 1000 - (frame.time - zero), 3)))


def _tones(number: int, seconds: float) -> Iterator[av.AudioFrame]:
    for first in range(0, round(seconds * RATE), 1024):
        at = np.arange(first, first + 1024) / RATE
        wave = 0.35 * np.sin(2 * np.pi * (BASE_HZ * at + RISE_HZ / 2 * at * at))
        wave += 0.25 * np.sin(2 * np.pi * (NUMBER_HZ + NUMBER_STEP_HZ * number) * at)
        frame = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), first
        yield frame


def _listened_to(clip: av.container.InputContainer, zero: float) -> Seen | None:
    """The pitch over a window tells the second in its middle; the first packets are left out: a decoder starts up in them."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    samples: list[NDArray[np.float32]] = []
    first_at: float | None = None
    for place, frame in enumerate(clip.decode(audio=0)):
        if place < 4 or frame.time is None:
            continue
        first_at = frame.time - zero if first_at is None else first_at
        samples += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        if sum(map(len, samples)) >= WINDOW:
            break
    if first_at is None or sum(map(len, samples)) < WINDOW:
        return None
    power = np.abs(np.fft.rfft(np.concatenate(samples)[:WINDOW] * np.hanning(WINDOW)))
    border = round((NUMBER_HZ - 500) * WINDOW / RATE)
    number = (_peak_hz(power, border, len(power) - 1) - NUMBER_HZ) / NUMBER_STEP_HZ
    if abs(number - round(number)) > 0.2 or not 0 <= round(number) < 64:
        return None
    middle = (_peak_hz(power, 1, border) - BASE_HZ) / RISE_HZ
    return Seen(round(number), max(0.0, round(middle - WINDOW / 2 / RATE - first_at, 3)))


def _peak_hz(power: NDArray[np.float64], low: int, high: int) -> float:
    at = low + int(np.argmax(power[low:high]))
    left, top, right = np.log(power[at - 1 : at + 2] + 1e-12)
    return float(at + 0.5 * (left - right) / (left - 2 * top + right)) * RATE / WINDOW

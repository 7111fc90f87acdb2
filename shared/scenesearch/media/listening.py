"""Which sound track people would listen to, and whether its channels can be mixed: heard at a few places of the file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from scenesearch.media.clock import RESTARTING
from scenesearch.media.mixing import CANCELLED, samples_of
from scenesearch.media.source import OpenVideo, sound_tracks

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet

PLACES, LISTEN_S = 8, 2.0
"""At how many places tracks are listened to where one has to be chosen, and how long (in seconds): long enough for a few syllables."""

ONE_PLACES, ONE_LISTEN_S, ONE_HEARD = 6, 0.2, 2
"""The same where there is only one, which may be lost by mixing, and at how many places something must have been heard.

A place costs about 450 KB of an MP4 of 2.5 Mbit/s (measured): two of them, 0.4% of fifteen minutes.
"""

MAX_PACKETS = 2_000
"""The most packets that are read in one place: tracks may begin much later than others."""

SILENT = 1e-3
"""Root mean square, of a full scale of 1, below which nothing is heard (-60 dBFS: the noise of a muted microphone is less)."""

SPOKEN = 0.12
"""A track whose loudness changes with the pace of syllables by at least this share is spoken on. Measured on the project's sample and on
tones, noise and water: speech 0.18 to 0.38, nature up to 0.13, tones below 0.01."""

CLEARLY = 2.0
"""Another track than the default one is heard when it sounds this many times more like speech: two dubbings of a film differ by less."""

SYLLABLES_HZ = (2.0, 10.0)
"""How fast loudness changes in speech (Houtgast and Steeneken 1985: the modulation spectrum of speech peaks at 4 Hz)."""

PATIENCE_S = 20.0
"""The seconds after which no further place is listened to."""


@dataclass
class Heard:
    """What one track sounds like, place by place."""

    levels: list[float] = field(default_factory=list)
    paces: list[float] = field(default_factory=list)
    lost_by_mixing: bool = False

    def add(self, samples: NDArray[np.float32], rate: int) -> None:
        """One more place. `samples`: shape (channels, samples), -1 to 1; at each place there may be another number of channels."""
        powers = np.square(samples, dtype=np.float64).mean(axis=1)
        loudest = int(np.argmax(powers))
        level = float(np.sqrt(powers[loudest]))
        self.levels.append(level)
        if level <= SILENT:
            self.paces.append(0.0)
            return
        self.paces.append(syllables(samples[loudest], rate))
        mixed = float(np.sqrt(np.square(samples.mean(axis=0), dtype=np.float64).mean()))
        self.lost_by_mixing = self.lost_by_mixing or (len(samples) > 1 and mixed < CANCELLED * level)

    @property
    def level(self) -> float:
        """Root mean square of the loudest channel where it is loudest, of a full scale of 1."""
        return max(self.levels, default=0.0)

    @property
    def spoken(self) -> float:
        """How much it sounds like speech, where it sounds like it most: the mean of the better half of the places."""
        best = sorted(self.paces, reverse=True)[: max(1, len(self.paces) // 2)]
        return sum(best) / len(best) if best else 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The track to be heard (None: there is none), whether mixing its channels loses it, and what is said of tracks by their number."""

    track: AudioStream | None
    lost_by_mixing: bool = False
    said: dict[int, str] = field(default_factory=dict)


def choose_sound(video: OpenVideo, duration_ms: int, *, wished: bool) -> Choice:
    """The track that is spoken on: the default one, unless another is and it is not. `wished`: somebody has chosen `video.audio`."""
    tracks = sound_tracks(video.container)
    steady = video.container_name not in RESTARTING  # in others a track that begins in mono may go on in stereo
    if video.audio is None or (steady and len(tracks) == 1 and (tracks[0].codec_context.channels or 1) < 2):
        return Choice(video.audio)
    asked = [video.audio] if wished or len(tracks) == 1 else tracks
    heard = listened(video, asked, duration_ms)
    said = {number: "nothing is heard on it" for number, each in heard.items() if each.level <= SILENT}
    chosen = video.audio
    usual = heard[chosen.index]
    best = max(asked, key=lambda track: (heard[track.index].spoken, track.index == chosen.index, -track.index))
    if best is not chosen and heard[best.index].spoken >= max(SPOKEN, CLEARLY * usual.spoken):
        chosen = best
    elif usual.level <= SILENT:
        chosen = max(asked, key=lambda track: (heard[track.index].level, track.index == chosen.index))
    return Choice(chosen, heard[chosen.index].lost_by_mixing, said)


def listened(video: OpenVideo, tracks: Sequence[AudioStream], duration_ms: int) -> dict[int, Heard]:
    """What each track sounds like, by its number."""
    heard = {track.index: Heard() for track in tracks}
    places, listen_s = (PLACES, LISTEN_S) if len(tracks) > 1 else (ONE_PLACES, ONE_LISTEN_S)
    until = time.monotonic() + PATIENCE_S
    for place in range(places):
        enough = len(tracks) == 1 and sum(level > SILENT for level in heard[tracks[0].index].levels) >= ONE_HEARD
        if not enough and time.monotonic() < until:
            video.seek(duration_ms * (2 * place + 1) // (2 * places) if place else 0)
            for track, pieces in _decoded(video, tracks, listen_s).items():
                rate, samples = pieces
                heard[track].add(samples, rate)
    return heard


def _decoded(video: OpenVideo, tracks: Sequence[AudioStream], listen_s: float) -> dict[int, tuple[int, NDArray[np.float32]]]:
    """The sound of every track from here on, `listen_s` long: rate and samples (channels, samples)."""
    import av

    pieces: dict[int, list[NDArray[np.float32]]] = {}
    rates: dict[int, int] = {}
    open_ = {track.index for track in tracks}
    for number, packet in enumerate(video.packets(*tracks)):
        if number > MAX_PACKETS or not open_:
            break
        if packet.stream_index not in open_ or not packet.size:
            continue
        try:
            frames = cast("Packet[AudioStream]", packet).decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            of = pieces.setdefault(packet.stream_index, [])
            samples = samples_of(frame)
            if of and of[0].shape[0] != samples.shape[0]:
                continue
            rates[packet.stream_index] = frame.sample_rate
            of.append(samples)
            if sum(piece.shape[1] for piece in of) >= listen_s * frame.sample_rate:
                open_.discard(packet.stream_index)
    return {track: (rates[track], np.concatenate(of, axis=1)) for track, of in pieces.items() if of}


def syllables(samples: NDArray[np.float32], rate: int) -> float:
    """Return how much of the loudness of this piece changes at the pace of syllables: 0 to about 0.6."""
    # loudness 50 times a second, of at least half a second: two syllables at 4 Hz
    frame = max(1, rate // 50)
    count = len(samples) // frame
    if count < 25:
        return 0.0
    loudness = np.sqrt(np.square(samples[: count * frame].reshape(count, frame), dtype=np.float64).mean(axis=1))
    spectrum = np.abs(np.fft.rfft(loudness)) ** 2
    pace = np.fft.rfftfreq(count, frame / rate)
    within = (pace >= SYLLABLES_HZ[0]) & (pace <= SYLLABLES_HZ[1])
    return float(2 * spectrum[within].sum() / (spectrum[0] + 2 * spectrum[1:].sum() + 1e-12))

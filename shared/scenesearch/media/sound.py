"""The sound of one chunk on its way into both of its clips: copied, or encoded once for both."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from scenesearch.media.clip_writer import ClipWriter
from scenesearch.media.mixing import Mixer, samples_of
from scenesearch.media.parameters import CodingChanged, SteadyStream
from scenesearch.media.source import OpenVideo, stamp_of, time_base

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.stream import Stream

ENCODED_RATE = 48_000
"""Samples a second of sound that is encoded anew: what AAC and Opus are made for."""

BITS_PER_CHANNEL = 96_000
"""Bits a second for each channel of it (FFmpeg's AAC encoder: 128 kbit/s for stereo is the least it recommends; this is more)."""

HOLE_S = 0.05
"""A pause between two frames, in seconds, that is kept as one; less is rounding, and the sound goes on without a click."""


class Sound:
    """Takes the audio packets of the source. `alone` gets those of `[from_ms, to_ms)`, `beside` (the pictures' clip) its own share.

    `until_ms` is where the chunk ends, `to_ms` where its sound clip ends; None where both go on to the end of the file.
    `encoder` makes the sound anew (into `alone`); None copies it.
    """

    def __init__(
        self,
        video: OpenVideo,
        audio: AudioStream,
        *,
        until_ms: int | None,
        to_ms: int | None,
        beside: ClipWriter,
        alone: ClipWriter,
        encoder: SoundEncoder | None,
    ) -> None:
        self.done = False
        self._encoder, self._steady = encoder, SteadyStream(audio)
        alone_zero, beside_zero = (video.zero + Fraction(clip.zero_ms, 1000) for clip in (alone, beside))
        if encoder:
            base = Fraction(1, ENCODED_RATE)
            self._alone = alone.encoded(encoder.stream, alone_zero)
            self._beside = beside.copied(encoder.stream, beside_zero)
        else:
            base = time_base(audio)
            self._alone, self._beside = alone.copied(audio, alone_zero), beside.copied(audio, beside_zero)
        self._base = base
        self._rebased = True  # until it is seen that the clip keeps the time base of what is written into it
        self._from, self._start = video.first_tick(alone.zero_ms, base), video.first_tick(beside.zero_ms, base)
        self._until = None if until_ms is None else video.first_tick(until_ms + 1, base) - 1
        self._to = None if to_ms is None else video.first_tick(to_ms, base)

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """`stamp`: when it is heard, None for an empty packet. The packet is changed. Raises `CodingChanged`."""
        if self._encoder:
            if not self.done:
                self._put_all(self._encoder.encode(packet))
        elif stamp is not None and not self.done:
            if stamp >= self._from and self._steady.changed(packet):
                raise CodingChanged
            self._put(packet, stamp)

    def finish(self) -> None:
        """Write the packets that are still pending."""
        if self._encoder:
            self._put_all(self._encoder.rest())

    def _put_all(self, encoded: Iterator[Packet[Stream]]) -> None:
        for packet in encoded:
            if (stamp := stamp_of(packet)) is not None:
                self._put(packet, stamp)

    def _put(self, packet: Packet[Stream], stamp: int) -> None:
        if stamp < self._from:
            return
        if self._to is not None and stamp >= self._to:
            self.done = True
            return
        dts, duration = packet.dts, packet.duration or 0
        if stamp >= self._start and (self._until is None or stamp + duration <= self._until):
            self._beside.write(packet, stamp, dts, duration)
            if self._rebased:
                self._rebased = dts is None or packet.time_base != self._base
                packet.duration, packet.time_base = duration, self._base
        self._alone.write(packet, stamp, dts, duration)


class SoundEncoder:
    """Decodes packets and encodes them again, as one stream of `clip`, in mono or stereo; times stay those of the source.

    Rate, format and channels of the source may change on the way. `mixed`: its channels lose what is said when they are just added up.
    """

    def __init__(self, audio: AudioStream, clip: ClipWriter, *, mixed: bool = False) -> None:
        self._channels = 1 if mixed or audio.codec_context.channels == 1 else 2
        self._mixer = Mixer(ENCODED_RATE) if mixed else None
        stream = cast("AudioStream", clip.container.add_stream(clip.wrapper.audio_encoder, rate=ENCODED_RATE))
        stream.codec_context.layout = self._layout
        stream.codec_context.format = "flt" if clip.wrapper.audio_encoder == "libopus" else "fltp"
        stream.codec_context.bit_rate = BITS_PER_CHANNEL * self._channels
        clip.container.start_encoding()
        self.stream = stream
        self._resampler: AudioResampler | None = None
        self._like: object = None
        self._held: NDArray[np.float32] = np.zeros((self._channels, 0), np.float32)
        self._held_from: int | None = None

    @property
    def _layout(self) -> str:
        return "mono" if self._channels == 1 else "stereo"

    def encode(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """What comes out for one packet of the source; nothing for one that cannot be decoded."""
        import av

        try:
            heard = cast("Packet[AudioStream]", packet).decode()
        except av.FFmpegError:
            return
        for frame in heard:
            yield from self._frame(frame)

    def rest(self) -> Iterator[Packet[Stream]]:
        """What the encoder still holds."""
        self._hold(self._drained())
        yield from self._encoded(whole=True)
        yield from self.stream.encode(None)

    def _frame(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        like = (frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate)
        if like != self._like:
            self._hold(self._drained())
            self._resampler, self._like = None, like
        if frame.pts is not None and frame.time_base:
            at = round(frame.pts * frame.time_base * ENCODED_RATE)
            due = None if self._held_from is None else self._held_from + self._held.shape[1]
            if due is None or abs(at - due) > HOLE_S * ENCODED_RATE:
                yield from self._encoded(whole=True)
                self._held_from = max(at, self._held_from or at)
        frame.pts = None
        if self._resampler is None:
            self._resampler = self._resampler_for(frame)
        for piece in self._resampler.resample(frame):
            self._hold(self._downmixed(samples_of(piece)))
        yield from self._encoded()

    def _resampler_for(self, frame: AudioFrame) -> AudioResampler:
        from av.audio.resampler import AudioResampler

        return AudioResampler("fltp", frame.layout if self._mixer else self._layout, ENCODED_RATE)

    def _drained(self) -> NDArray[np.float32]:
        """What the resampler still holds."""
        pieces = [self._downmixed(samples_of(piece)) for piece in self._resampler.resample(None)] if self._resampler else []
        self._resampler = None
        return np.concatenate([self._held[:, :0], *pieces], axis=1)

    def _downmixed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._mixer.mono(samples)[None] if self._mixer else samples

    def _hold(self, samples: NDArray[np.float32]) -> None:
        self._held = np.concatenate([self._held, samples], axis=1)

    def _encoded(self, *, whole: bool = False) -> Iterator[Packet[Stream]]:
        """Packets of what is held, in frames of the encoder's size; with `whole` all of it, the last frame filled up with silence."""
        from av.audio.frame import AudioFrame

        size = self.stream.codec_context.frame_size or 1024
        while self._held.shape[1] >= size or (whole and self._held.shape[1]):
            samples, self._held = self._held[:, :size], self._held[:, size:]
            samples = np.pad(samples, ((0, 0), (0, size - samples.shape[1])))
            planar = self.stream.codec_context.format.is_planar
            pixels = np.ascontiguousarray(samples if planar else samples.T.reshape(1, -1))
            frame = AudioFrame.from_ndarray(pixels, format=self.stream.codec_context.format.name, layout=self._layout)
            frame.sample_rate, frame.time_base = ENCODED_RATE, Fraction(1, ENCODED_RATE)
            frame.pts = self._held_from or 0
            self._held_from = frame.pts + size
            yield from self.stream.encode(frame)

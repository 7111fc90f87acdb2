"""The sound of one chunk on its way into both of its clips: copied, or encoded once for both."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from scenesearch.media.clip_writer import ClipWriter
from scenesearch.media.codecs import COPYABLE_AUDIO
from scenesearch.media.source import OpenVideo, stamp_of, time_base

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.stream import Stream

ENCODED_RATE = 48_000
BITS_PER_CHANNEL = 96_000


class Sound:
    """Takes the audio packets of the source. `alone` gets those of `[from_ms, to_ms)`, `beside` (the pictures' clip) its own share.

    `until_ms` is where the chunk ends, `to_ms` where its sound clip ends; None where both go on to the end of the file.
    """

    def __init__(
        self, video: OpenVideo, audio: AudioStream, *, until_ms: int | None, to_ms: int | None, beside: ClipWriter, alone: ClipWriter
    ) -> None:
        self.done = False
        self._encoder = None if audio.codec.canonical_name in COPYABLE_AUDIO else SoundEncoder(audio, alone)
        alone_zero, beside_zero = (video.zero + Fraction(clip.zero_ms, 1000) for clip in (alone, beside))
        if self._encoder:
            base = Fraction(1, ENCODED_RATE)
            self._alone = alone.encoded(self._encoder.stream, alone_zero)
            self._beside = beside.copied(self._encoder.stream, beside_zero)
        else:
            base = time_base(audio)
            self._alone, self._beside = alone.copied(audio, alone_zero), beside.copied(audio, beside_zero)
        self._base = base
        self._rebased = True  # until it is seen that the clip keeps the time base of what is written into it
        self._from, self._start = video.first_tick(alone.zero_ms, base), video.first_tick(beside.zero_ms, base)
        self._until = None if until_ms is None else video.first_tick(until_ms + 1, base) - 1
        self._to = None if to_ms is None else video.first_tick(to_ms, base)

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """`stamp`: when it is heard, None for an empty packet. The packet is changed."""
        if self._encoder:
            if not self.done:
                self._put_all(self._encoder.encode(packet))
        elif stamp is not None and not self.done:
            self._put(packet, stamp)

    def finish(self) -> None:
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
    """Decodes packets and encodes them again, as one stream of `clip`, in mono or stereo; times stay those of the source."""

    def __init__(self, audio: AudioStream, clip: ClipWriter) -> None:
        from av.audio.resampler import AudioResampler

        self._layout = "mono" if audio.codec_context.channels == 1 else "stereo"
        stream = cast("AudioStream", clip.container.add_stream(clip.wrapper.audio_encoder, rate=ENCODED_RATE))
        stream.codec_context.layout = self._layout
        stream.codec_context.bit_rate = BITS_PER_CHANNEL * (1 if self._layout == "mono" else 2)
        clip.container.start_encoding()
        self.stream = stream
        self._resampler: AudioResampler | None = None

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
        yield from self._through(None)
        yield from self.stream.encode(None)

    def _frame(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        try:
            yield from self._through(frame)
        except ValueError:  # the sound changed its format on the way
            yield from self._through(None)
            self._resampler = None
            yield from self._through(frame)

    def _through(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        from av.audio.resampler import AudioResampler

        if self._resampler is None:
            if frame is None:
                return
            context = self.stream.codec_context
            self._resampler = AudioResampler(context.format, self._layout, ENCODED_RATE, frame_size=context.frame_size or None)
        for piece in self._resampler.resample(frame):
            yield from self.stream.encode(piece)

"""The sound of a span, to the sample: decoded, brought to one format whatever changes on the way, encoded as AAC."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from scenesearch.media.clip_writer import ClipWriter
from scenesearch.media.source import OpenVideo, time_base
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.stream import Stream
    from numpy.typing import NDArray

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Samples a second that are kept; sound in any other becomes 48 kHz."""

JITTER_SECONDS = Fraction(1, 50)
"""Times that are off by less are rounding, and the resampler's delay: no gap."""


class ExactSound:
    """One AAC track of `clip` that begins at the span's start and lasts as long as it does. What is not there is silent."""

    def __init__(self, video: OpenVideo, source: AudioStream, span: Span, clip: ClipWriter) -> None:
        self.done = False
        self._video, self._source, self._start = video, source, Fraction(span.start_ms, 1000)
        rate = source.codec_context.sample_rate
        self._rate = rate if rate in RATES else 48_000
        self._layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self._encoder = clip.container.add_stream("aac", rate=self._rate, layout=self._layout)
        self._track = clip.encoded(self._encoder, Fraction(0))
        self._resampler: AudioResampler | None = None
        self._like: object = None
        self._written, self._total = 0, span.duration_ms * self._rate // 1000

    def take(self, packet: Packet[Stream]) -> None:
        """Add what this packet holds of the span; one that cannot be decoded is left out."""
        import av

        try:
            frames = cast("list[AudioFrame]", packet.decode())
        except av.FFmpegError:
            return
        for frame in frames:
            if frame.pts is not None:
                frame.time_base = time_base(self._source)
                self._resample(frame)

    def finish(self) -> None:
        """Add silence to the end of the span, and empty the encoder."""
        self._resample(None)
        channels = 1 if self._layout == "mono" else 2
        while self._written < self._total:
            self._encode(np.zeros((channels, min(self._rate, self._total - self._written)), np.float32))
        self._track.write_all(self._encoder.encode(None))

    def _resample(self, frame: AudioFrame | None) -> None:
        from av.audio.resampler import AudioResampler

        like = (frame.format.name, frame.layout.name, frame.sample_rate) if frame is not None else None
        if self._resampler is not None and like != self._like:
            self._place(self._resampler.resample(None))
            self._resampler = None
        if frame is not None:
            if self._resampler is None:
                self._resampler, self._like = AudioResampler("fltp", self._layout, self._rate), like
            self._place(self._resampler.resample(frame))

    def _place(self, pieces: list[AudioFrame]) -> None:
        """Put each where its time says; what lies outside the span is left out."""
        for piece in pieces:
            if piece.pts is None:
                continue
            at = piece.pts * (piece.time_base or Fraction(1, self._rate)) - self._video.zero - self._start
            samples = cast("NDArray[np.float32]", piece.to_ndarray())
            gap = round(at * self._rate) - self._written
            if abs(gap) < JITTER_SECONDS * self._rate:
                gap = 0
            while gap > 0 and self._written < self._total:
                silence = np.zeros((len(samples), min(gap, self._rate, self._total - self._written)), np.float32)
                gap -= silence.shape[1]
                self._encode(silence)
            self._encode(samples[:, max(0, -gap) :])
            self.done = self._written >= self._total

    def _encode(self, samples: NDArray[np.float32]) -> None:
        import av

        samples = np.ascontiguousarray(samples[:, : self._total - self._written])
        if samples.shape[1]:
            piece = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            piece.sample_rate, piece.time_base, piece.pts = self._rate, Fraction(1, self._rate), self._written
            self._written += samples.shape[1]
            self._track.write_all(self._encoder.encode(piece))

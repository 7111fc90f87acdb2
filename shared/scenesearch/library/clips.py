"""Cut a span out of a video as an MP4: frame-accurate and encoded anew, or copied packet by packet from a keyframe."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from scenesearch.errors import InvalidRequest, UnreadableMedia
from scenesearch.media.codecs import COPYABLE_AUDIO, COPYABLE_VIDEO
from scenesearch.media.frames import decoded
from scenesearch.media.source import OpenVideo, opened, time_base
from scenesearch.timeline import Span

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

_SEEK_BACKS_MS = (0, 2_000, 30_000)
_TICKS = 90_000
"""Ticks a second of the pictures in an encoded clip: fine enough for every frame rate."""

_AUDIO_TAIL_MS = 1_000
"""How far past the span's end packets are read for the stream that lies later in the file."""


def encode_clip(source: BinaryIO, span: Span, to: Path) -> Span:
    """H.264 and AAC of exactly the span: the frame on screen at its start comes first, none that appears at its end or later.

    Raises `UnreadableMedia`.
    """
    import av

    with opened(source) as video, av.open(to, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        _seek_before(video, span.start_ms)
        first = next((frame for _, frame in decoded(video)), None)
        if first is None:
            raise UnreadableMedia(f"no picture can be read in {span}")
        pictures = _Pictures(video, span, out, first)
        sound = _Sound(video, video.audio, span, out) if video.audio is not None else None
        _seek_before(video, span.start_ms)
        for packet in _packets(video, span):
            if packet.stream is video.video:
                pictures.take(packet)
            elif sound is not None:
                sound.take(packet)
        pictures.finish()
        if sound is not None:
            sound.finish()
        return span


def copy_clip(source: BinaryIO, span: Span, to: Path) -> Span:
    """The packets of the span as they are, from the keyframe at or before its start; returns what they cover.

    Raises:
        InvalidRequest: an MP4 cannot hold the video's codec as it is.
        UnreadableMedia: there is nothing to read.
    """
    import av

    with opened(source) as video:
        codec = video.video.codec.canonical_name
        if codec not in COPYABLE_VIDEO:
            raise InvalidRequest(f"an MP4 cannot hold {codec} as it is: export a frame-accurate clip instead")
        audio = video.audio if video.audio is not None and video.audio.codec.canonical_name in COPYABLE_AUDIO else None
        start_ms = _seek_before(video, span.start_ms)
        with av.open(to, "w", format="mp4", options={"movflags": "+faststart"}) as out:
            targets = {stream.index: out.add_stream_from_template(stream) for stream in (video.video, audio) if stream is not None}
            for packet in _packets(video, span):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is None or packet.dts is None or packet.stream.index not in targets:
                    continue
                if not start_ms <= video.at_ms(stamp, packet.stream) < span.end_ms:
                    continue
                offset = round((Fraction(start_ms, 1000) + video.zero) / time_base(packet.stream))
                packet.pts, packet.dts = stamp - offset, packet.dts - offset
                packet.stream = targets[packet.stream.index]
                out.mux(packet)
        return Span(start_ms, span.end_ms)


def _seek_before(video: OpenVideo, at_ms: int) -> int:
    """Land on a keyframe at or before `at_ms` and return its time. Raises `UnreadableMedia`."""
    earliest: int | None = None
    for back_ms in (*_SEEK_BACKS_MS, at_ms):
        target = max(0, at_ms - back_ms)
        video.seek(target)
        earliest = next((video.at_ms(p.pts, p.stream) for p in video.packets(video.video) if p.is_keyframe and p.pts is not None), None)
        if earliest is not None and (earliest <= at_ms or target == 0):
            video.seek(target)
            return max(0, earliest)
    raise UnreadableMedia(f"no picture can be read at {at_ms / 1000:.1f} s")


def _packets(video: OpenVideo, span: Span) -> Iterator[Packet[Stream]]:
    """Packets from here until every stream is past the span's end."""
    streams: list[Stream] = [video.video, *([video.audio] if video.audio is not None else [])]
    behind = {stream.index for stream in streams}
    for packet in video.packets(*streams):
        at_ms = video.at_ms(packet.dts, packet.stream) if packet.dts is not None else None
        if at_ms is not None and at_ms >= span.end_ms + _AUDIO_TAIL_MS:
            behind.discard(packet.stream.index)
            if not behind or at_ms >= span.end_ms + 10 * _AUDIO_TAIL_MS:
                return
        if packet.size:
            yield packet


class _Pictures:
    """Decoded frames of the span, encoded as H.264."""

    def __init__(self, video: OpenVideo, span: Span, out: OutputContainer, like: VideoFrame) -> None:
        """`like`: any frame of the video; it says how large the pictures are and how they are turned."""
        rate = video.video.average_rate or video.video.guessed_rate or Fraction(30)
        self._video, self._span, self._out = video, span, out
        self._target = out.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        self._target.codec_context.time_base = Fraction(1, _TICKS)
        self._target.width, self._target.height = like.width // 2 * 2, like.height // 2 * 2
        self._target.pix_fmt = "yuv420p"
        if like.rotation:
            self._target.set_display_rotation(like.rotation)
        if video.pixel_ratio != 1:
            self._target.codec_context.sample_aspect_ratio = video.pixel_ratio
        self._held: VideoFrame | None = None
        self._last = -1

    def take(self, packet: Packet[Stream] | None) -> None:
        import av

        try:
            frames = cast("list[VideoFrame]", packet.decode() if packet else self._video.video.codec_context.decode(None))
        except av.FFmpegError:
            return  # a broken frame: the one before stands a little longer
        for frame in frames:
            if frame.pts is None:
                continue
            at = frame.pts * time_base(self._video.video) - self._video.zero
            at_ms = self._video.at_ms(frame.pts, self._video.video)
            if at_ms <= self._span.start_ms:
                self._held = frame  # on screen when the span starts, unless another comes in time
            elif at_ms < self._span.end_ms:
                self._flush_held()
                self._encode(frame, at - Fraction(self._span.start_ms, 1000))

    def finish(self) -> None:
        """Encode what is left. Raises `UnreadableMedia` when there was no picture."""
        self.take(None)
        self._flush_held()
        if self._last < 0:
            raise UnreadableMedia(f"no picture can be read in {self._span}")
        self._out.mux(self._target.encode(None))

    def _flush_held(self) -> None:
        if self._held is not None:
            self._encode(self._held, Fraction(0))
            self._held = None

    def _encode(self, frame: VideoFrame, at: Fraction) -> None:
        picture = frame.reformat(width=self._target.width, height=self._target.height, format="yuv420p")
        picture.pict_type = 0
        picture.time_base = Fraction(1, _TICKS)
        self._last = picture.pts = max(self._last + 1, round(at * _TICKS))
        self._out.mux(self._target.encode(picture))


class _Sound:
    """Decoded sound of the span, trimmed to the sample, encoded as AAC."""

    def __init__(self, video: OpenVideo, source: AudioStream, span: Span, out: OutputContainer) -> None:
        import av

        self._video, self._source, self._span, self._out = video, source, span, out
        self._rate = source.codec_context.sample_rate
        self._rate = self._rate if self._rate in (44_100, 48_000, 32_000, 24_000, 22_050, 16_000) else 48_000
        layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self._target = out.add_stream("aac", rate=self._rate, layout=layout)
        self._resampler = av.AudioResampler("fltp", layout, self._rate)
        self._written = 0

    def take(self, packet: Packet[Stream]) -> None:
        import av

        try:
            frames = cast("list[av.AudioFrame]", packet.decode())
        except av.FFmpegError:
            return
        for frame in frames:
            if frame.pts is None:
                continue
            at = frame.pts * time_base(self._source) - self._video.zero - Fraction(self._span.start_ms, 1000)
            frame.pts = None
            for resampled in self._resampler.resample(frame):
                self._encode(resampled, round(at * self._rate))

    def finish(self) -> None:
        self._out.mux(self._target.encode(None))

    def _encode(self, frame: av.AudioFrame, first: int) -> None:
        """`first`: where the frame's first sample stands in the clip; samples outside the clip are left out, gaps are silence."""
        import av
        import numpy as np

        samples = cast("NDArray[np.float32]", frame.to_ndarray())
        total = self._span.duration_ms * self._rate // 1000
        gap = first - self._written
        if abs(gap) < self._rate // 50:
            gap = 0  # rounding and the resampler's delay, not a gap
        if gap < 0:
            samples = samples[:, -gap:]
        elif gap > 0:
            samples = np.concatenate([np.zeros((len(samples), min(gap, total)), np.float32), samples], axis=1)
        samples = np.ascontiguousarray(samples[:, : max(0, total - self._written)])
        if samples.shape[1]:
            piece = av.AudioFrame.from_ndarray(samples, format="fltp", layout=frame.layout.name)
            piece.sample_rate, piece.time_base, piece.pts = self._rate, Fraction(1, self._rate), self._written
            self._written += samples.shape[1]
            self._out.mux(self._target.encode(piece))

"""Cut one chunk out of a video: a clip with pictures and sound, and one with sound alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO, Self, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.clip_writer import ClipWriter, WrittenClip
from scenesearch.media.codecs import COPYABLE_AUDIO, MP4, audio_wrapper, video_wrapper
from scenesearch.media.encode import PictureEncoder
from scenesearch.media.parameters import CodingChanged
from scenesearch.media.pictures import CopiedPictures, EncodedPictures, Pictures, model_quality, shape_of
from scenesearch.media.sound import Sound, SoundEncoder
from scenesearch.media.source import OpenVideo, opened, stamp_of
from scenesearch.media.thumbnails import Thumbnails
from scenesearch.timeline import Span
from scenesearch.video import Chunk, MediaInfo

AUDIO_OVERLAP_MS = 5_000
"""How much sound two neighbouring audio clips share, half of it on either side of their border."""

READ_BYTES = 1 << 17
"""Nearly everything is read: in pieces that are large, but stay in the processor's cache."""

STRAGGLERS_MS = 10_000
"""How far the pictures may run ahead in the file before the sound is taken to be over, and the other way round."""


@dataclass(frozen=True, slots=True)
class CutChunk:
    """The files cut for a chunk. `sound` is None where there is nothing to hear, `thumbnails` when none were asked for."""

    pictures: WrittenClip
    sound: WrittenClip | None
    thumbnails: Thumbnails | None


class ChunkCutter:
    """Cuts chunks of one video, preferably in order: what the demuxer has learnt about the file helps with the next chunk.

    Use as a context manager; entering raises `UnreadableMedia`. The chunk that reaches the end of the video takes all that is left.
    """

    def __init__(self, source: BinaryIO, media: MediaInfo, *, clip_max_bytes: int, thumbnails_apart_ms: int | None = None) -> None:
        self._source, self._media, self._max_bytes, self._apart_ms = source, media, clip_max_bytes, thumbnails_apart_ms
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._video = self._resources.enter_context(opened(self._source, self._media, buffer_bytes=READ_BYTES))
        self._worker = self._resources.enter_context(ThreadPoolExecutor(1, thread_name_prefix="thumbnails"))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    @contextmanager
    def cut(self, chunk: Chunk) -> Iterator[CutChunk]:
        """Yield the clips of the chunk, in temporary files that end with the context. Memory does not grow with their length.

        Raises:
            UnreadableMedia: there is not one readable picture in the chunk.
            StorageFull: no space is left.
        """
        import av

        with ExitStack() as files:
            try:
                cut = None if self._video.lacks(chunk.span.start_ms) else self._cut(chunk, files)
            except av.FFmpegError as fault:
                raise UnreadableMedia(f"the part {chunk.span} of the file cannot be cut ({fault.strerror}): it is damaged there") from fault
            if cut is None:
                raise UnreadableMedia(
                    f"no picture of the part {chunk.span} can be read: "
                    "the file is damaged or ends there; upload it again if the original is whole"
                )
            yield cut

    def _cut(self, chunk: Chunk, files: ExitStack, *, copied: bool = True) -> CutChunk | None:
        """`copied`: copy what may be copied; once its coding turns out to change, it is encoded."""
        try:
            with ExitStack() as writers:
                thumbnails = self._thumbnails(chunk)
                work = _Cut(self._video, self._media, chunk, self._max_bytes, thumbnails, files, writers, copied=copied)
                work.run()
        except CodingChanged:
            files.close()
            return self._cut(replace(chunk, transcode=True), files, copied=False)
        pictures = work.beside.clip()
        if pictures is None or not work.pictures.any:
            return None
        return CutChunk(pictures, work.alone.clip() if work.alone else None, thumbnails)

    def _thumbnails(self, chunk: Chunk) -> Thumbnails | None:
        if self._apart_ms is None:
            return None
        return Thumbnails(self._video, chunk.span, apart_ms=self._apart_ms, rotation=self._media.rotation, worker=self._worker)


class _Cut:
    """Cuts one chunk: distributes packets to its pictures and its sound."""

    pictures: Pictures

    def __init__(
        self,
        video: OpenVideo,
        media: MediaInfo,
        chunk: Chunk,
        max_bytes: int,
        thumbnails: Thumbnails | None,
        files: ExitStack,
        writers: ExitStack,
        *,
        copied: bool,
    ) -> None:
        start_ms, end_ms = chunk.span.start_ms, chunk.span.end_ms
        last = end_ms >= media.duration_ms
        until_ms = None if last else end_ms
        audio = video.audio
        audio_codec = audio.codec.canonical_name if audio else None
        wrapper = MP4 if chunk.transcode else video_wrapper(video.video.codec.canonical_name, audio_codec)
        self._from_ms = max(0, start_ms - AUDIO_OVERLAP_MS // 2)
        self._video = video
        self._over = None if last else video.first_stamp(end_ms + AUDIO_OVERLAP_MS // 2 + STRAGGLERS_MS, video.video)
        self.beside = writers.enter_context(ClipWriter(files.enter_context(_scratch()), wrapper, start_ms))
        if chunk.transcode:
            self.pictures = self._encoded(chunk.span, media.rotation, max_bytes, thumbnails)
        else:
            self.pictures = CopiedPictures(video, start_ms, until_ms, self.beside, thumbnails)
        self.alone: ClipWriter | None = None
        self._sound: Sound | None = None
        if audio and audio_codec:
            encoded = audio_codec not in COPYABLE_AUDIO or not copied or media.sound_changes or media.lost_by_mixing
            heard = audio_wrapper(wrapper.audio_codec if encoded else audio_codec)
            self.alone = writers.enter_context(ClipWriter(files.enter_context(_scratch()), heard, self._from_ms))
            to_ms = None if last else end_ms + AUDIO_OVERLAP_MS // 2
            encoder = SoundEncoder(audio, self.alone, mixed=media.lost_by_mixing) if encoded else None
            self._sound = Sound(video, audio, until_ms=until_ms, to_ms=to_ms, beside=self.beside, alone=self.alone, encoder=encoder)

    def _encoded(self, span: Span, rotation: int, max_bytes: int, thumbnails: Thumbnails | None) -> EncodedPictures:
        quality = model_quality(max_bytes, span.duration_ms)
        encoder = PictureEncoder(
            self.beside.container,
            shape_of(self._video, rotation, quality),
            quality,
            Fraction(span.start_ms, 1000),
            source_pixel_ratio=self._video.pixel_ratio,
            seen=(lambda picture, at: thumbnails.see_picture(picture, round(at * 1000))) if thumbnails else None,
        )
        return EncodedPictures(self._video, span, encoder, self.beside.encoded(encoder.stream, Fraction(0)), lead=quality.min_gap)

    def run(self) -> None:
        """Distribute the packets until pictures and sound are complete."""
        shown, audio, over = self._video.video, self._video.audio, self._over
        pictures, sound = self.pictures, self._sound
        for packet in self._video.packets_from(self._from_ms, *((shown, audio) if audio else (shown,))):
            stamp = stamp_of(packet)
            if packet.stream is shown:
                pictures.take(packet, stamp)
                if over is not None and stamp is not None and stamp >= over:
                    break
            elif sound:
                sound.take(packet, stamp)
            if pictures.done and (sound is None or sound.done):
                break
        pictures.finish()
        if sound:
            sound.finish()


@contextmanager
def _scratch() -> Iterator[BinaryIO]:
    """Return a file without a name: nothing remains of it, however the process ends."""
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closing may fail
    try:
        yield file
    finally:
        with suppress(OSError):  # what a full disk could not take
            file.close()

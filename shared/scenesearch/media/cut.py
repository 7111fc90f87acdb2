"""Cut one chunk out of a video: a clip with pictures and sound, and one with sound alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.clip_writer import ClipWriter, WrittenClip
from scenesearch.media.codecs import COPYABLE_AUDIO, MP4, audio_wrapper, video_wrapper
from scenesearch.media.pictures import CopiedPictures, EncodedPictures, Pictures
from scenesearch.media.sound import Sound
from scenesearch.media.source import OpenVideo, opened, stamp_of
from scenesearch.video import Chunk, MediaInfo

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

AUDIO_OVERLAP_MS = 5_000
"""How much sound two neighbouring audio clips share: half of it on either side of their border."""

READ_BYTES = 1 << 19
"""Nearly everything is read, so in large pieces."""

STRAGGLERS_MS = 10_000
"""How far the pictures may run ahead in the file before the sound is taken to be over, and the other way round."""


@dataclass(frozen=True, slots=True)
class CutChunk:
    """The files cut for a chunk. `sound` is None where there is nothing to hear."""

    pictures: WrittenClip
    sound: WrittenClip | None


class ChunkCutter:
    """Cuts chunks of one video, best in order: what the demuxer has learnt of the file serves the next chunk.

    Use as a context manager; entering raises `UnreadableMedia`. The chunk that reaches the end of the video takes all that is left.
    """

    def __init__(self, source: BinaryIO, media: MediaInfo, *, clip_max_bytes: int) -> None:
        self._source, self._media, self._max_bytes = source, media, clip_max_bytes
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._video = self._resources.enter_context(opened(self._source, buffer_bytes=READ_BYTES))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    @contextmanager
    def cut(self, chunk: Chunk) -> Iterator[CutChunk]:
        """The chunk's clips, in temporary files that go away with the context. Memory does not grow with their length.

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

    def _cut(self, chunk: Chunk, files: ExitStack) -> CutChunk | None:
        with ExitStack() as writers:
            work = _Cut(self._video, self._media, chunk, self._max_bytes, files, writers)
            for packet in self._video.packets_from(work.from_ms, *work.streams):
                work.take(packet)
                if work.done:
                    break
            work.finish()
        pictures = work.beside.clip()
        if pictures is None or not work.pictures.any:
            return None
        return CutChunk(pictures, work.alone.clip() if work.alone else None)


class _Cut:
    """One chunk being cut: packets are dealt out to its pictures and its sound."""

    pictures: Pictures

    def __init__(self, video: OpenVideo, media: MediaInfo, chunk: Chunk, max_bytes: int, files: ExitStack, writers: ExitStack) -> None:
        start_ms, end_ms = chunk.span.start_ms, chunk.span.end_ms
        last = end_ms >= media.duration_ms
        until_ms = None if last else end_ms
        audio = video.audio
        audio_codec = audio.codec.canonical_name if audio else None
        wrapper = MP4 if chunk.transcode else video_wrapper(video.video.codec.canonical_name, audio_codec)
        self.from_ms = max(0, start_ms - AUDIO_OVERLAP_MS // 2)
        self.streams: tuple[Stream, ...] = (video.video, audio) if audio else (video.video,)
        self._video = video.video
        self._over = None if last else video.first_stamp(end_ms + AUDIO_OVERLAP_MS // 2 + STRAGGLERS_MS, video.video)
        self.beside = writers.enter_context(ClipWriter(files.enter_context(_scratch()), wrapper, start_ms))
        if chunk.transcode:
            self.pictures = EncodedPictures(video, start_ms, end_ms, self.beside, rotation=media.rotation, max_bytes=max_bytes)
        else:
            self.pictures = CopiedPictures(video, start_ms, until_ms, self.beside)
        self.alone: ClipWriter | None = None
        self._sound: Sound | None = None
        if audio and audio_codec:
            heard = audio_wrapper(audio_codec if audio_codec in COPYABLE_AUDIO else wrapper.audio_codec)
            self.alone = writers.enter_context(ClipWriter(files.enter_context(_scratch()), heard, self.from_ms))
            to_ms = None if last else end_ms + AUDIO_OVERLAP_MS // 2
            self._sound = Sound(video, audio, until_ms=until_ms, to_ms=to_ms, beside=self.beside, alone=self.alone)

    @property
    def done(self) -> bool:
        return self.pictures.done and (self._sound is None or self._sound.done)

    def take(self, packet: Packet[Stream]) -> None:
        stamp = stamp_of(packet)
        if packet.stream is not self._video:
            if self._sound:
                self._sound.take(packet, stamp)
            return
        self.pictures.take(packet, stamp)
        if self._over is not None and stamp is not None and stamp >= self._over:
            self.pictures.done = True
            if self._sound:
                self._sound.done = True

    def finish(self) -> None:
        self.pictures.finish()
        if self._sound:
            self._sound.finish()


@contextmanager
def _scratch() -> Iterator[BinaryIO]:
    """A file without a name: nothing stays behind, however the process ends."""
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closing may fail
    try:
        yield file
    finally:
        with suppress(OSError):  # what a full disk could not take
            file.close()

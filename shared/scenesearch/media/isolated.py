"""Everything that others do with untrusted media, each in a child process with limits: nobody else opens a file in their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media import cut, export, frames, plan, silent, subtitle_streams
from scenesearch.media.clip_writer import WrittenClip
from scenesearch.media.isolation import Limits, Reading, each_in_child, in_child, reading
from scenesearch.media.subtitles import Subtitles
from scenesearch.media.thumbnails import SpriteSheet
from scenesearch.timeline import Span
from scenesearch.video import Chunk, MediaInfo


def plan_of(source: BinaryIO, **wishes: Any) -> plan.Plan:
    """`media.plan.plan` in a child. Raises `UnreadableMedia`."""
    return cast("plan.Plan", in_child(source, Limits.load(), plan.plan, **wishes))


def frames_of(source: BinaryIO, **wishes: Any) -> Iterator[frames.Frame]:
    """`media.frames.frames` in a child. Raises `UnreadableMedia`."""
    return each_in_child(source, Limits.load(), frames.frames, **wishes)


def frame_at(source: BinaryIO, at_ms: int, max_width: int | None = None, *, media: MediaInfo | None = None) -> frames.Frame:
    """`media.frames.frame_at` in a child. Raises `UnreadableMedia`."""
    return cast("frames.Frame", in_child(source, Limits.load(), frames.frame_at, at_ms, max_width, media=media))


def frame_meant(source: BinaryIO, at_ms: int, media: MediaInfo | None = None) -> frames.Frame:
    """`media.frames.frame_meant` in a child. Raises `UnreadableMedia`."""
    return cast("frames.Frame", in_child(source, Limits.load(), frames.frame_meant, at_ms, media))


def exported_clip(
    source: BinaryIO, span: Span, to: Path, media: MediaInfo | None = None, *, exact: bool, progress: Callable[[float], object]
) -> Span:
    """`media.export.encoding` (or `copying`, unless it is to be `exact`) in a child. Returns what the clip covers.

    `progress` is told how far it is (0 to 1), about once for each second of the clip; what it raises ends the export.
    Raises `InvalidRequest`, `UnreadableMedia`, `StorageFull`.
    """
    with reading(source, Limits.load(), export.encoding if exact else export.copying, span, to, media) as job:
        share = job.next()
        while not job.over:
            progress(share)
            share = job.send(None)
        return cast("Span", job.answer)


def subtitles_inside(source: BinaryIO, span: Span, duration_ms: int) -> list[Subtitles]:
    """`media.subtitle_streams.subtitles_inside` in a child. Raises `UnreadableMedia`."""
    return cast("list[Subtitles]", in_child(source, Limits.load(), subtitle_streams.subtitles_inside, span, duration_ms))


@contextmanager
def without_sound(clip: WrittenClip) -> Iterator[WrittenClip]:
    """`media.silent.without_sound` in a child. Raises `UnreadableMedia`, `StorageFull`."""
    with reading(clip.file, Limits.load(), _silent, clip.wrapper, clip.start_ms, clip.duration_ms) as job:
        made = cast("WrittenClip", job.next())
        with made.file:
            yield made


@dataclass(frozen=True, slots=True)
class CutChunk:
    """The files cut for a chunk. `sound` is None where there is nothing to hear."""

    pictures: WrittenClip
    sound: WrittenClip | None
    thumbnails: LaterSheet | None


class LaterSheet:
    """Thumbnails that are still being made while the clips are put away."""

    def __init__(self, job: Reading) -> None:
        self._job, self.taken = job, False

    def sheet(self) -> SpriteSheet | None:
        """Wait for them; None when nothing could be decoded."""
        self.taken = True
        return cast("SpriteSheet | None", self._job.send(True))


class ChunkCutter:
    """`media.cut.ChunkCutter` in a child. One that ends on a chunk costs that chunk: the next begins with a new child."""

    def __init__(self, source: BinaryIO, media: MediaInfo, *, clip_max_bytes: int, thumbnails_apart_ms: int | None = None) -> None:
        self._source, self._media, self._clip_max_bytes, self._apart_ms = source, media, clip_max_bytes, thumbnails_apart_ms
        self._limits = Limits.load()
        self._child = ExitStack()
        self._job: Reading | None = None

    def __enter__(self) -> Self:
        self._job = self._started()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._child.close()

    @contextmanager
    def cut(self, chunk: Chunk) -> Iterator[CutChunk]:
        """The chunk's clips, in temporary files that go away with the context. Raises `UnreadableMedia`, `StorageFull`."""
        job = self._job or self._started()
        self._job = None
        made = job.send(chunk)
        if isinstance(made, str):
            self._job = job
            raise UnreadableMedia(made)
        pictures, sound = made
        later = LaterSheet(job) if self._apart_ms is not None else None
        with closing(pictures.file), closing(sound.file) if sound else ExitStack():
            try:
                yield CutChunk(pictures, sound, later)
            finally:
                if not job.busy and not job.over and not (later and later.taken):
                    job.send(False)
                self._job = None if job.busy or job.over else job

    def _started(self) -> Reading:
        self._child.close()
        job = self._child.enter_context(reading(self._source, self._limits, _cutting, self._media, self._clip_max_bytes, self._apart_ms))
        job.next()
        return job


# --- what the child does ---------------------------------------------------------------------------------------------


def _silent(source: BinaryIO, wrapper: Any, start_ms: int, duration_ms: int) -> Generator[WrittenClip]:
    with silent.without_sound(WrittenClip(source, wrapper, start_ms, duration_ms)) as made:
        yield made


def _cutting(source: BinaryIO, media: MediaInfo, clip_max_bytes: int, apart_ms: int | None) -> Generator[Any, Any]:
    """Cut each chunk that is sent: its files, then (where that is wanted) its thumbnails; or the reason why it cannot be cut."""
    with cut.ChunkCutter(source, media, clip_max_bytes=clip_max_bytes, thumbnails_apart_ms=apart_ms) as cutter:
        chunk = yield None
        while True:
            try:
                with cutter.cut(chunk) as made:
                    wanted = yield made.pictures, made.sound
                    chunk = yield made.thumbnails.sheet() if wanted and made.thumbnails else None
            except UnreadableMedia as error:
                chunk = yield str(error)

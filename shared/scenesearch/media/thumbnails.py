"""Small pictures of a video on sprite sheets, one sheet a chunk, and the WebVTT that says which part of which sheet is when."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from fractions import Fraction
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, cast

from scenesearch.media.frames import Due, Frame, pixels
from scenesearch.media.rendering import Renderer, Wanted
from scenesearch.media.source import OpenVideo
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

WIDTH = 160
"""The width of a thumbnail in pixels."""

COLUMNS = 10
"""The most thumbnails in a row of a sheet."""

MIN_INTERVAL_MS = 2_000
"""The shortest interval between two thumbnails in milliseconds."""

MAX_A_VIDEO = 120
"""The most thumbnails of a video: longer videos have longer intervals."""

QUALITY = 70
"""The JPEG quality of a sheet, 1 to 95."""

MAX_WAITING = 16
"""The most keyframes that wait to be decoded: it bounds the memory."""

DECODER_OPTIONS = {"skip_loop_filter": "all"}
"""Options of the decoder: what the loop filter smooths cannot be seen at this size."""


@dataclass(frozen=True, slots=True)
class Cue:
    """From when to when (milliseconds on the video's clock) which part of the sheet (pixels: x, y, width, height) stands."""

    start_ms: int
    end_ms: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class SpriteSheet:
    """The thumbnails of one chunk: a JPEG, and its cues in order of time."""

    jpeg: bytes
    cues: tuple[Cue, ...]


def interval_ms(duration_ms: int) -> int:
    """Return the interval between the thumbnails of a video in milliseconds: 2 s or more, and long enough for at most 120."""
    return max(MIN_INTERVAL_MS, -(-duration_ms // MAX_A_VIDEO))


class Thumbnails:
    """The thumbnails of one chunk, upright: the first keyframe in each interval of `apart_ms`.

    They are made in `worker` (of one thread), beside the cutting: give it what passes by, in order, then ask `sheet()`.
    """

    def __init__(self, video: OpenVideo, span: Span, *, apart_ms: int, rotation: int, worker: Executor) -> None:
        """`rotation`: degrees clockwise by which a player turns the picture."""
        self._video, self._span, self._worker = video, span, worker
        self._keyframes = Renderer(Wanted("rgb24", max_width=WIDTH), pixel_ratio=video.pixel_ratio, rotation=-rotation)
        self._pictures = Renderer(Wanted("rgb24", max_width=WIDTH), rotation=0)
        self._due = Due(0, apart_ms)
        self._room = BoundedSemaphore(MAX_WAITING)
        self._work: list[Future[None]] = []
        self._shots: list[Frame] = []
        self._decoder: VideoCodecContext | None = None

    def see_keyframe(self, packet: Packet[Stream], stamp: int) -> None:
        """`stamp`: when it is shown, in the time base of the source's video. The packet may be changed afterwards."""
        at_ms = self._video.at_ms(stamp, self._video.video) - self._span.start_ms
        if self._due.takes(at_ms):
            self._do(self._decode, _twin(packet, at_ms))

    def see_picture(self, picture: VideoFrame, at_ms: int) -> None:
        """An upright picture with square pixels, on the video's clock; it stays as it is."""
        if self._due.takes(at_ms - self._span.start_ms):
            self._do(self._draw, self._pictures, picture, at_ms - self._span.start_ms)

    def sheet(self) -> SpriteSheet | None:
        """All of them, once everything was seen; None when nothing could be decoded."""
        self._do(self._decode, None)
        for done in self._work:
            done.result()
        self._decoder = None  # it holds many pictures
        return self._worker.submit(self._pasted).result() if self._shots else None

    def _do(self, task: Callable[..., None], *what: object) -> None:
        self._room.acquire()
        work = self._worker.submit(task, *what)
        work.add_done_callback(lambda _: self._room.release())
        self._work.append(work)

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        import av

        if self._decoder is None:
            if packet is None:
                return
            self._decoder = _decoder(self._video.video)
        try:
            pictures = self._decoder.decode(packet)
        except av.FFmpegError:
            return
        for picture in pictures:
            if picture.pts is not None:
                self._draw(self._keyframes, picture, picture.pts)

    def _draw(self, renderer: Renderer, picture: VideoFrame, at_ms: int) -> None:
        if not self._shots or at_ms > self._shots[-1].at_ms:
            self._shots.append(Frame(at_ms, pixels(renderer.render(picture))))

    def _pasted(self) -> SpriteSheet:
        from PIL import Image

        shots = self._shots
        height, width = shots[0].image.shape[:2]
        sheet = Image.new("RGB", (width * min(COLUMNS, len(shots)), height * -(-len(shots) // COLUMNS)))
        boxes = [(number % COLUMNS * width, number // COLUMNS * height, width, height) for number in range(len(shots))]
        for shot, (x, y, _, _) in zip(shots, boxes, strict=True):
            picture = Image.fromarray(shot.image)
            sheet.paste(picture if picture.size == (width, height) else picture.resize((width, height)), (x, y))
        jpeg = io.BytesIO()
        sheet.save(jpeg, "JPEG", quality=QUALITY)
        return SpriteSheet(jpeg.getvalue(), tuple(_cues(shots, boxes, self._span)))


def vtt_cues(sheet: SpriteSheet, image_name: str) -> str:
    """The sheet's part of the WebVTT file; `image_name` is relative to it."""
    return "".join(
        f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}\n{image_name}#xywh={','.join(map(str, cue.box))}\n\n" for cue in sheet.cues
    )


def vtt(parts: Iterable[str]) -> str:
    """The whole WebVTT file of all sheets' parts, in order."""
    return "WEBVTT\n\n" + "".join(parts)


def _twin(packet: Packet[Stream], at_ms: int) -> Packet[VideoStream]:
    """The same bytes, not copied, with a time of its own."""
    from av.packet import Packet

    twin = cast("Callable[[Packet[Stream]], Packet[VideoStream]]", Packet)(packet)  # of a buffer, which a packet is
    twin.pts = twin.dts = at_ms
    twin.time_base = Fraction(1, 1000)
    return twin


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """A decoder of its own: the stream's may be at work on what is transcoded."""
    from av.codec import CodecContext

    decoder = cast("VideoCodecContext", CodecContext.create(stream.codec_context.codec, "r"))
    decoder.extradata = stream.codec_context.extradata
    decoder.thread_count, decoder.options = 1, DECODER_OPTIONS
    return decoder


def _cues(shots: list[Frame], boxes: list[tuple[int, int, int, int]], span: Span) -> Iterable[Cue]:
    starts = [span.start_ms, *(span.start_ms + shot.at_ms for shot in shots[1:])]
    for start, end, box in zip(starts, [*starts[1:], span.end_ms], boxes, strict=True):
        if start < end:
            yield Cue(start, end, box)


def _time(at_ms: int) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"

"""Draw every frame and write the film: H.264 and AAC in a plain MP4 that starts to play at once."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from studio.canvas import Canvas
from studio.lettering import lay_over
from studio.script import FPS, HEIGHT, WIDTH, Beat, Scene
from studio.timeline import FADE, Timeline
from studio.voice import RATE

X264 = {"preset": "slow", "crf": "27", "g": str(3 * FPS), "threads": "2", "tune": "animation"}


def write_film(timeline: Timeline, target: Path, title: str) -> None:
    """Encode pictures and sound into `target`."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(target), "w", format="mp4", options=options) as container:
        container.metadata["title"] = title
        picture = container.add_stream("libx264", FPS, options=X264)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.codec_context.time_base = Fraction(1, FPS)
        sound = container.add_stream("aac", RATE, layout="mono")
        sound.bit_rate = 64_000
        blocks = _sound_frames(timeline)
        for number, image in enumerate(frames(timeline)):
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
            for block in _until(blocks, (number + 1) / FPS):
                container.mux(sound.encode(block))
        for block in blocks:
            container.mux(sound.encode(block))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))


def frames(timeline: Timeline) -> Iterator[Image.Image]:
    """Yield every finished frame of the film."""
    for scene, start in zip(timeline.scenes, timeline.starts, strict=True):
        backdrop = painted(scene)
        for number in range(round(scene.seconds * FPS)):
            t = number / FPS
            image = drawn(scene, backdrop, Beat(t, timeline.speaker_at(start + t)))
            yield _dimmed(image, _brightness(timeline, start + t))


def painted(scene: Scene) -> Image.Image:
    """Return the scene's still background, at drawing size."""
    canvas = Canvas.blank(WIDTH, HEIGHT)
    scene.backdrop(canvas)
    return canvas.image


def drawn(scene: Scene, backdrop: Image.Image, beat: Beat) -> Image.Image:
    """Return one frame of the scene, with its texts."""
    canvas = Canvas.on(backdrop.copy())
    scene.action(canvas, beat)
    image = canvas.finished()
    lay_over(image, scene, beat.t)
    return image


def _brightness(timeline: Timeline, t: float) -> float:
    middles = [(start + end) / 2 for start, end in timeline.fades]
    return min([1.0, *(abs(t - middle) / FADE for middle in middles)])


def _dimmed(image: Image.Image, brightness: float) -> Image.Image:
    return image if brightness >= 1 else image.point(lambda value: round(value * brightness))


def _sound_frames(timeline: Timeline) -> Iterator[av.AudioFrame]:
    track = timeline.soundtrack()
    for first in range(0, len(track), 1024):
        frame = av.AudioFrame.from_ndarray(track[None, first : first + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts = RATE, first
        frame.time_base = Fraction(1, RATE)
        yield frame


def _until(blocks: Iterator[av.AudioFrame], seconds: float) -> Iterator[av.AudioFrame]:
    for block in blocks:
        yield block
        if (block.pts or 0) / RATE >= seconds:
            return

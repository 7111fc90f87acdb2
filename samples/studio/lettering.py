"""Set the on-screen texts: what stands where, when, and how it looks."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from studio.script import FPS, HEIGHT, WIDTH, Scene, Text

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
JAPANESE = 0  # the collection's first face
LEADING = 1.3

Box = tuple[int, int, int, int]


def lay_over(picture: Image.Image, scene: Scene, t: float) -> None:
    """Put every text that stands at `t` seconds into the scene onto the picture."""
    for text in scene.texts:
        if text.start <= t < (scene.seconds if text.end is None else text.end):
            layer = _layer(_as_written(text, t))
            left, top, right, bottom = layer.getbbox() or (0, 0, 0, 0)
            if text.write and t < text.start + text.write:
                right = left + round((right - left) * (t - text.start) / text.write)
            if right > left:
                written = layer.crop((left, top, right, bottom))
                picture.paste(written, (left, top), written)


def box_of(text: Text) -> Box:
    """Return left, top, right, bottom of the complete text in pixels."""
    return _layer(text).getbbox() or (0, 0, 0, 0)


def timecode(first: str, frames: int) -> str:
    """Return the timecode `frames` after `first` (HH:MM:SS:FF)."""
    hours, minutes, seconds, frame = (int(part) for part in first.split(":"))
    total = ((hours * 60 + minutes) * 60 + seconds) * FPS + frame + frames
    seconds, frame = divmod(total, FPS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}:{frame:02}"


def _as_written(text: Text, t: float) -> Text:
    if text.kind == "timecode":
        return replace(text, lines=(timecode(text.lines[0], round((t - text.start) * FPS)),))
    return text


@lru_cache(maxsize=16)
def _layer(text: Text) -> Image.Image:
    layer = Image.new("RGBA", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(layer)
    font = _font(text.size)
    if text.style in ("caption", "timecode"):
        _plate(pen, text, font)
    if text.vertical:
        for i, letter in enumerate("".join(text.lines)):
            y = text.y + (i - (len("".join(text.lines)) - 1) / 2) * text.size * 1.08
            pen.text((text.x, y), letter, text.colour, font, anchor="mm")
        return layer
    border = {"title": 5, "caption": 2}.get(text.style, 0)
    for line, y in zip(text.lines, _heights(text), strict=True):
        pen.text((text.x, y), line, text.colour, font, anchor="mm",
                 stroke_width=border, stroke_fill="#1b263b")  # fmt: skip
    return layer


def _heights(text: Text) -> list[float]:
    step = text.size * LEADING
    return [text.y + (i - (len(text.lines) - 1) / 2) * step for i in range(len(text.lines))]


def _plate(pen: ImageDraw.ImageDraw, text: Text, font: ImageFont.FreeTypeFont) -> None:
    half = font.getlength(text.lines[0]) / 2 + 18
    tall = text.size * 0.78
    pen.rounded_rectangle((text.x - half, text.y - tall, text.x + half, text.y + tall), 8, "#10131fc8")


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    if not FONT.exists():
        raise SystemExit(f"{FONT} is missing: apt-get install fonts-noto-cjk")
    return ImageFont.truetype(FONT, size, index=JAPANESE)

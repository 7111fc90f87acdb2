"""Which codecs are copied into clips as they are, and what holds them."""

from __future__ import annotations

from dataclasses import dataclass

COPYABLE_VIDEO = frozenset({"h264", "hevc", "vp9", "av1"})
"""Video codecs (as FFmpeg spells them) that are cut without touching a picture. Any other is transcoded to H.264."""

COPYABLE_AUDIO = frozenset({"aac", "mp3", "opus"})
"""Audio codecs that are copied. Any other is transcoded to what the clip's container prefers."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A file format for clips: FFmpeg's name, file suffix, MIME type, and what sound is encoded to that cannot be copied."""

    format: str
    suffix: str
    content_type: str
    audio_encoder: str = "aac"
    audio_codec: str = "aac"


MP4 = Wrapper("mp4", ".mp4", "video/mp4")
WEBM = Wrapper("webm", ".webm", "video/webm", "libopus", "opus")


def video_wrapper(video_codec: str, audio_codec: str | None) -> Wrapper:
    """What holds a copied video stream: WebM for VP9 and AV1 unless their sound does not fit in it, else MP4."""
    fits = audio_codec not in ("aac", "mp3")
    return WEBM if video_codec in ("vp9", "av1") and fits else MP4


def audio_wrapper(audio_codec: str) -> Wrapper:
    """What holds sound alone, of a codec that is copied or was just encoded."""
    if audio_codec == "mp3":
        return Wrapper("mp3", ".mp3", "audio/mpeg")
    if audio_codec == "opus":
        return Wrapper("webm", ".weba", "audio/webm", "libopus", "opus")
    return Wrapper("mp4", ".m4a", "audio/mp4")

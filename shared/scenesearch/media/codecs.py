"""The containers that videos come in, and which codecs are copied into clips as they are: each is named here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Container:
    """A file format of videos: FFmpeg's name of its demuxer, and the MIME type of each extension that it goes by."""

    demuxer: str
    content_types: dict[str, str]


CONTAINERS = (
    Container(
        "mov",
        {
            **dict.fromkeys((".mp4", ".m4v", ".f4v"), "video/mp4"),
            **dict.fromkeys((".mov", ".qt"), "video/quicktime"),
            **dict.fromkeys((".3gp", ".3gpp"), "video/3gpp"),
            **dict.fromkeys((".3g2",), "video/3gpp2"),
        },
    ),
    Container("matroska", {".mkv": "video/x-matroska", ".mk3d": "video/x-matroska", ".webm": "video/webm"}),
    Container("mpegts", dict.fromkeys((".ts", ".m2ts", ".mts", ".m2t", ".tp", ".trp", ".tod"), "video/mp2t")),
    Container("mpeg", dict.fromkeys((".mpg", ".mpeg", ".mpe", ".m2p", ".vob", ".mod"), "video/mpeg")),
    Container("avi", dict.fromkeys((".avi", ".divx"), "video/x-msvideo")),
    Container("flv", {".flv": "video/x-flv"}),
    Container("asf", dict.fromkeys((".wmv", ".asf"), "video/x-ms-wmv")),
    Container("ogg", dict.fromkeys((".ogv", ".ogm"), "video/ogg")),
    Container("mxf", {".mxf": "application/mxf"}),
    Container("dv", dict.fromkeys((".dv", ".dif"), "video/x-dv")),
    Container("mpegvideo", dict.fromkeys((".m2v", ".m1v"), "video/mpeg")),
    Container("h264", dict.fromkeys((".h264", ".264"), "video/h264")),
    Container("hevc", dict.fromkeys((".hevc", ".h265", ".265"), "video/h265")),
)
"""All containers that an upload may have. None of them opens other files: playlists (HLS, DASH, concat) are not here."""

VIDEO_FORMATS = tuple(container.demuxer for container in CONTAINERS)
"""Demuxers that an upload may choose."""

AUDIO_FORMATS = ("mp3", "wav", "w64", "flac", "aac", "aiff", "ac3", "amr", "caf")
"""Demuxers that are let in only to be able to say "this is sound without pictures"."""

CONTENT_TYPES = {extension: kind for container in CONTAINERS for extension, kind in container.content_types.items()}
"""The MIME type of every extension (in small letters, with its dot) that is taken for a video's."""

EXTENSIONS = frozenset(CONTENT_TYPES)
"""What the name of a video ends in: what a folder is searched for, and what the page and the API take when no type says `video/…`."""

COPYABLE_VIDEO = frozenset({"h264", "hevc", "vp9", "av1"})
"""Video codecs (as FFmpeg spells them) that are cut without touching a picture. Any other is transcoded to H.264."""

COPYABLE_AUDIO = frozenset({"aac", "mp3", "opus"})
"""Audio codecs that are copied. Any other is transcoded to what the clip's container prefers."""

MODEL_VIDEO = frozenset(f"video/{kind}" for kind in ("mp4", "mpeg", "mpg", "mov", "quicktime", "webm", "wmv", "x-flv", "3gpp"))
"""MIME types of pictures that Gemini reads: no Matroska, no AVI (Vertex AI's documentation on video understanding, November 2026)."""

MODEL_AUDIO = frozenset(f"audio/{kind}" for kind in ("mp4", "m4a", "mp3", "mpeg", "aac", "x-aac", "flac", "ogg", "wav", "webm", "pcm"))
"""MIME types of sound that Gemini reads (the same documentation)."""


def content_type_of(file_name: str) -> str | None:
    """Return the MIME type of a video with this name, or None when its extension is no video's."""
    return CONTENT_TYPES.get(PurePath(file_name).suffix.lower())


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

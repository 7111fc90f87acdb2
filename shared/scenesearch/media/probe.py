"""Probe a video file: what its header states, and what reading it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.codecs import COPYABLE_VIDEO
from scenesearch.media.listening import choose_sound
from scenesearch.media.source import ENCRYPTED, OpenVideo, is_encrypted, opened
from scenesearch.media.survey import Survey, streams_of, survey_of
from scenesearch.media.timecode import timecode_of
from scenesearch.video import MediaInfo, Track

FIRST_PACKETS = 120
"""The most packets that are read before the first picture."""


def probe(source: BinaryIO) -> MediaInfo:
    """The container's streams and duration, from as few bytes as it allows.

    Raises:
        UnreadableMedia: the file is no readable video; the message says why and what to do.
    """
    with opened(source) as video:
        return media_info(video, survey_of(video).keyframes.duration_ms)


def examined(video: OpenVideo, *, wished: bool = False) -> tuple[MediaInfo, Survey]:
    """Examine an open video before it is cut. `wished`: its sound track was chosen by the user.

    Raises `UnreadableMedia`.
    """
    first = next((packet.stream for packet in video.packets(*streams_of(video))), None)
    video = replace(video, first=first)
    survey = survey_of(video)
    choice = choose_sound(video, survey.keyframes.duration_ms, wished=wished)
    if choice.track is not video.audio:
        video = replace(video, audio=choice.track)
        survey = survey_of(video)
    media = replace(
        media_info(video, survey.keyframes.duration_ms),
        tracks=tuple(_tracks(video, choice.said)),
        video_track=video.video.index,
        audio_track=video.audio.index if video.audio else None,
        first_track=first.index if first else None,
        sound_changes=survey.sound_changes,
        lost_by_mixing=choice.lost_by_mixing,
        clock=survey.clock,
        missing=survey.missing,
        notes=survey.notes,
    )
    return media, survey


def _tracks(video: OpenVideo, said: Mapping[int, str]) -> Iterator[Track]:
    """All streams of the file, and which are used."""
    from av.stream import Disposition

    used, sounds = {stream.index for stream in streams_of(video)}, 0
    for stream in video.container.streams:
        note = said.get(stream.index, "")
        if stream.type == "audio":
            sounds += 1
            if stream.index not in used:
                note = f"{note or 'another sound track is heard'}; `ingest --audio-track {sounds}` takes this one"
        elif stream.type == "video" and stream.index not in used:
            note = "a still picture, such as a cover" if stream.disposition & Disposition.attached_pic else "another picture track is seen"
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
        yield Track(
            number=stream.index,
            kind=stream.type,
            codec=codec,
            language=stream.metadata.get("language", "").replace("und", ""),
            title=stream.metadata.get("title", ""),
            used=stream.index in used,
            note=note,
        )


def media_info(video: OpenVideo, duration_ms: int) -> MediaInfo:
    """The facts about an open video of this duration. Width and height are as shown: upright, before any scaling."""
    if duration_ms <= 0:
        raise UnreadableMedia("the video has no duration: nothing was recorded; upload another recording")
    stream, codec = video.video, video.video.codec.canonical_name
    if is_encrypted(video):
        raise UnreadableMedia(ENCRYPTED)
    rotation = _rotation(video)
    if rotation is None and codec not in COPYABLE_VIDEO:
        raise UnreadableMedia(f"no picture of this {codec} video can be decoded: convert it to H.264 and upload it again")
    width, height = stream.width, stream.height
    rate = stream.average_rate or stream.guessed_rate
    timecode = timecode_of(video)
    return MediaInfo(
        container=video.format.partition(",")[0],
        duration_ms=duration_ms,
        video_codec=codec,
        width=height if (rotation or 0) % 180 else width,
        height=width if (rotation or 0) % 180 else height,
        frame_rate=float(rate) if rate else 0.0,
        rotation=rotation or 0,
        audio_codec=video.audio.codec.canonical_name if video.audio else None,
        timecode=timecode.label if timecode else None,
        timecode_rate=float(timecode.rate) if timecode and timecode.rate else None,
    )


def _rotation(video: OpenVideo) -> int | None:
    """Degrees clockwise by which a player turns the picture; None when no picture comes out."""
    import av

    video.seek(0)
    for number, packet in enumerate(video.packets(video.video)):
        try:
            for picture in packet.decode():
                return -cast("av.VideoFrame", picture).rotation % 360
        except av.FFmpegError:
            pass
        if number > FIRST_PACKETS:
            break
    return None

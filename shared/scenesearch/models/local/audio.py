"""The sound of a clip as samples that speech models take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from scenesearch.errors import Skipped, UnreadableMedia
from scenesearch.media.codecs import AUDIO_FORMATS, VIDEO_FORMATS
from scenesearch.media.isolation import Limits, in_child

SAMPLE_RATE = 16_000
"""Samples a second that Whisper and the voice detector are trained on."""

LONGEST_S = 600
"""The latest time in seconds at which sound is used: clips last 5 minutes, and a later time would only add silence before it."""

_GAP_S = 0.05
"""The longest gap in seconds between two decoded pieces that is taken for jitter of timestamps; longer ones are filled with silence."""

_FULL_SCALE = 32768.0
"""Full scale of a signed 16-bit sample: dividing by it maps samples to -1 to 1."""

Samples = NDArray[np.float32]
"""Mono, 16 kHz, -1 to 1: shape (samples,)."""


def decode_audio(path: Path) -> Samples:
    """Decode the first audio stream of the clip; sample 0 is the start of the clip.

    Gaps in the stream become silence and damaged packets are skipped, so that times stay right. A clip lasts at most
    5 minutes: about 20 MB.

    Raises:
        Skipped: the clip has no audio stream, or nothing in it can be decoded.
        UnreadableMedia: the file is not a media file.
    """
    with path.open("rb") as source:
        return cast("Samples", in_child(source, Limits.load(), _samples, path.name))


def _samples(source: BinaryIO, name: str) -> Samples:
    """Decode in the child process."""
    pieces: list[NDArray[np.int16]] = []
    length = 0
    for at, piece in _pieces(source, name):
        if at > LONGEST_S:
            break
        hole = round(at * SAMPLE_RATE) - length
        if hole > _GAP_S * SAMPLE_RATE:
            pieces.append(np.zeros(hole, dtype=np.int16))
            length += hole
        pieces.append(piece)
        length += len(piece)
    if not pieces:
        raise Skipped("the audio stream holds nothing that can be decoded")
    return np.concatenate(pieces).astype(np.float32) / _FULL_SCALE


def _pieces(source: BinaryIO, name: str) -> Iterator[tuple[float, NDArray[np.int16]]]:
    """Yield runs of samples, each with its start in seconds from the start of the clip."""
    import av

    try:
        container = av.open(source, "r", container_options={"format_whitelist": ",".join(VIDEO_FORMATS + AUDIO_FORMATS)})
    except (av.FFmpegError, OSError) as error:
        raise UnreadableMedia(f"{name} cannot be read as media: {error.strerror}") from error
    with container:
        if not container.streams.audio:
            raise Skipped("there is no audio stream")
        stream = container.streams.audio[0]
        zero = (container.start_time or 0) / av.time_base
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        at = 0.0
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue
            for frame in decoded:
                at = frame.time - zero if frame.time is not None else at
                frame.pts = None
                for piece in resampler.resample(frame):
                    yield at, piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)

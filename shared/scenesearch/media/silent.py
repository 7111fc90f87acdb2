"""A clip without its sound: models bill a video with its sound unless the clip has none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import BinaryIO, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.clip_writer import ClipWriter, WrittenClip


@contextmanager
def without_sound(clip: WrittenClip) -> Iterator[WrittenClip]:
    """Yield a copy of the clip's video stream on the same clock, as a temporary file. No picture is encoded again.

    Raises:
        UnreadableMedia: the clip cannot be read back.
        StorageFull: no space is left.
    """
    import av

    with tempfile.TemporaryFile() as scratch:
        clip.file.seek(0)
        try:
            with av.open(clip.file, "r") as source, ClipWriter(cast("BinaryIO", scratch), clip.wrapper, clip.start_ms) as writer:
                track = writer.copied(source.streams.video[0], Fraction(source.start_time or 0, 1_000_000))
                track.write_all(packet for packet in source.demux(source.streams.video[0]) if packet.pts is not None)
        except av.FFmpegError as error:
            raise UnreadableMedia(f"the sound cannot be taken out of a clip: {error}") from error
        silent = writer.clip()
        if silent is None:
            raise UnreadableMedia("the sound cannot be taken out of a clip: it has no pictures")
        yield silent

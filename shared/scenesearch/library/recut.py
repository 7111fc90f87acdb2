"""Clips are kept for a month; who plays an older video has them cut again, one by one as they are reached."""

from __future__ import annotations

import threading

from scenesearch.errors import NotFound, ObjectNotFound
from scenesearch.ports import ObjectInfo, ObjectStore
from scenesearch.video import Chunk, Video

_ONE_AT_A_TIME = threading.Lock()
"""Some are encoded anew, which takes all there is of a machine."""


def clip_of(video: Video, chunk: Chunk, *, uploads: ObjectStore, work: ObjectStore, clip_max_bytes: int) -> ObjectInfo:
    """The chunk's clip with pictures and sound; cut again from the original when it is no longer there.

    Raises:
        NotFound: the chunk has no clip, or the video is gone.
        UnreadableMedia: the original cannot be cut (any more).
        StorageFull: no space is left.
    """
    clip = chunk.video_clip
    if clip is None or video.media is None:
        raise NotFound(f"the video has no clip {chunk.number}")
    try:
        return work.stat(clip.object_name)
    except ObjectNotFound:
        pass
    from scenesearch.media.isolated import ChunkCutter

    with _ONE_AT_A_TIME, uploads.open(video.name, video.ref.generation) as source:
        try:
            return work.stat(clip.object_name)  # somebody else was waiting for it too
        except ObjectNotFound:
            with ChunkCutter(source, video.media, clip_max_bytes=clip_max_bytes) as cutter, cutter.cut(chunk) as cut:
                return work.create(clip.object_name, cut.pictures.file, content_type=clip.content_type)

"""Tell the outside what became of a video."""

from __future__ import annotations

from scenesearch.messages import Topic, VideoEvent
from scenesearch.ports import Publisher
from scenesearch.video import Video, VideoRef, VideoState


def announce(video: Video, publisher: Publisher) -> None:
    """Publish that a video ended; nothing happens when it has not."""
    if video.state in (VideoState.READY, VideoState.FAILED):
        publisher.publish(Topic.VIDEO_EVENTS, VideoEvent.of(video.ref, state=video.state, title=video.title, error=video.error))


def announce_removed(ref: VideoRef, publisher: Publisher) -> None:
    """Publish that a generation of a video is gone."""
    publisher.publish(Topic.VIDEO_EVENTS, VideoEvent.of(ref, state="removed"))

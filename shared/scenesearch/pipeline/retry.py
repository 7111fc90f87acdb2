"""Set going again what failed or was lost."""

from __future__ import annotations

from scenesearch.errors import VideoNotFound
from scenesearch.messages import ChunkWork, ObjectChanged, SplitWork, Topic
from scenesearch.metadata import Section
from scenesearch.pipeline.advance import advance, advance_video
from scenesearch.pipeline.assembled import assemble_anew
from scenesearch.pipeline.batch import ask_online
from scenesearch.ports import Ports
from scenesearch.price import Price
from scenesearch.video import Chunk, SectionState, Video, VideoRef, VideoState

RETRIED = frozenset({SectionState.FAILED, SectionState.BLOCKED})


def retry(video_id: str, ports: Ports) -> VideoRef:
    """Do again what failed in the live generation: sections, chunks that could not be cut, the summary, or all of it.

    Raises `VideoNotFound`.
    """
    catalog, video = ports.catalog, ports.catalog.video(video_id)
    if video is None:
        raise VideoNotFound(f"there is no video {video_id!r}: `scenesearch videos` lists them")
    ref, chunks = video.ref, catalog.chunks(video.ref)
    if not chunks:
        catalog.move(ref, to=VideoState.SPLITTING, when=frozenset({VideoState.FAILED, VideoState.WAITING}))
        resume_split(video, ports)
        return ref
    assemble_anew(ref, ports.work)
    failed = [record.key for record in catalog.sections(ref) if record.state in RETRIED]
    for chunk in chunks:
        mine = [key for key in failed if key.chunk == chunk.number]
        if chunk.failure is None and not mine and chunk.number not in video.open_chunks:
            continue
        with catalog.atomic():  # reopened first: an open chunk whose work is lost is found again, a closed one is not
            catalog.reopen_chunk(ref, chunk.number)
            for key in mine:
                catalog.reset_section(key)
                if video.price is Price.BATCH:
                    ask_online(key, ports)  # somebody waits for it now
            if chunk.failure is not None:
                catalog.commit_clips(ref, chunk.number, video_clip=None, audio_clip=None)
            resume_chunk(ref, catalog.chunk(ref, chunk.number) or chunk, ports)
    if any(gap.section is Section.SUMMARY for gap in video.gaps):
        catalog.move(ref, to=VideoState.EXTRACTING, when=frozenset({VideoState.READY}))
    advance_video(ref, ports)
    return ref


def resume_split(video: Video, ports: Ports) -> None:
    """Split the video again from its upload."""
    news = ObjectChanged(event="OBJECT_FINALIZE", bucket=video.bucket, name=video.name, generation=video.ref.generation)
    ports.publisher.publish(Topic.OBJECTS, news)


def resume_chunk(ref: VideoRef, chunk: Chunk, ports: Ports) -> None:
    """Set going whatever this chunk lacks: its clips, its sections, or only its closing."""
    if chunk.failure is not None:
        advance(ref, chunk.number, ports)
    elif chunk.video_clip is None:
        ports.publisher.publish(Topic.SPLITS, SplitWork.of(ref))
    else:
        ports.publisher.publish(Topic.CHUNKS, ChunkWork.of(ref, chunk=chunk.number))

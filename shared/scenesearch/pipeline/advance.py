"""Derive what is due from state: called after every message, also for work that is already done.

Commit, then derive, then acknowledge: a crash between any two steps is healed by the redelivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scenesearch.errors import Gone
from scenesearch.messages import Extracted, Topic
from scenesearch.metadata import CHUNK_SECTIONS, Entry
from scenesearch.moments import Moment, lines_of, moments_of, with_line_vectors
from scenesearch.ports import Embedder, Ports, Vectors
from scenesearch.ranking.lines import quantised
from scenesearch.video import SectionRecord, SectionState, Video, VideoRef, VideoState


def advance(ref: VideoRef, number: int, ports: Ports) -> None:
    """Close the chunk when all its sections are terminal (its moments first), then see to the video.

    Raises `Gone` when this generation is no longer there.
    """
    catalog = ports.catalog
    video, chunk = catalog.generation(ref), catalog.chunk(ref, number)
    if video is None or chunk is None:
        raise Gone
    if number in video.open_chunks:
        records = catalog.sections(ref, number)
        if chunk.failure is None and not _complete(records):
            return
        index_sections(video, number, records, ports)
        catalog.close_chunk(ref, number)
    advance_video(ref, ports)


def advance_video(ref: VideoRef, ports: Ports) -> None:
    """Move the video to `ASSEMBLING` when no chunk is open, and ask for its assembly as long as it is there."""
    catalog = ports.catalog
    with catalog.atomic():
        catalog.move(ref, to=VideoState.ASSEMBLING, when=frozenset({VideoState.SPLITTING, VideoState.EXTRACTING}))
        video = catalog.generation(ref)
        if video is not None and video.state is VideoState.ASSEMBLING:
            ports.publisher.publish(Topic.EXTRACTED, Extracted.of(ref))


def index_sections(video: Video, number: int, records: Sequence[SectionRecord], ports: Ports) -> None:
    """Put the sections of a chunk into the index, found by the language that is heard in them, where one is."""
    heard = next((record.language for record in records if record.language), video.language)
    index_chunk(replace(video, language=heard), number, (entry for record in records for entry in record.entries), ports)


def index_chunk(video: Video, number: int, entries: Iterable[Entry], ports: Ports) -> None:
    """Put the chunk's moments, and only these, into the index; take them out again when the video went away meanwhile."""
    moments, vectors = embedded(moments_of(video, number, entries), ports.embedder)
    ports.index.replace(video.ref, number, moments, vectors)
    after = ports.catalog.generation(video.ref)
    if after is None or after.state is VideoState.REMOVING:  # `remove` says so before it empties the index
        ports.index.remove(video.ref.video_id, video.ref.generation)
        raise Gone


def embedded(moments: Sequence[Moment], embedder: Embedder) -> tuple[list[Moment], Vectors]:
    """The moments with the vectors of their lines, and a vector for each moment. A moment of one line is embedded once."""
    lines = lines_of(moments)
    texts = list(dict.fromkeys([*(moment.text for moment in moments), *lines]))
    vectors = embedder.passages(texts)
    place = {text: n for n, text in enumerate(texts)}
    of_lines = dict(zip(lines, quantised(vectors[[place[line] for line in lines]]), strict=True)) if lines else {}
    return with_line_vectors(moments, of_lines), vectors[[place[moment.text] for moment in moments]]


def _complete(records: list[SectionRecord]) -> bool:
    states = {record.key.section: record.state for record in records}
    return all(states.get(section, SectionState.PENDING).terminal for section in CHUNK_SECTIONS)

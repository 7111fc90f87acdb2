"""Build the index again from the catalog: after a change of embedder, or a lost index file."""

from __future__ import annotations

from scenesearch.errors import Gone
from scenesearch.pipeline.advance import index_sections
from scenesearch.ports import Ports


def reindex(ports: Ports) -> int:
    """Put every closed chunk of every live video into an emptied index; returns the number of videos."""
    ports.index.clear()
    count = 0
    for video in list(ports.catalog.videos()):
        records = ports.catalog.sections(video.ref)
        try:
            for number in sorted({r.key.chunk for r in records} - video.open_chunks):
                index_sections(video, number, [r for r in records if r.key.chunk == number], ports)
        except Gone:
            continue
        count += 1
    return count

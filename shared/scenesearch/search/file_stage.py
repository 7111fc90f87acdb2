"""The file stage: videos ranked by their strongest moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scenesearch.names import composed
from scenesearch.ports import Catalog, Filters, Hit, Probe, SceneIndex
from scenesearch.ranking.bm25 import Postings
from scenesearch.ranking.strength import TITLE, soft_sum
from scenesearch.ranking.words import words
from scenesearch.search.answer import SearchRequest
from scenesearch.video import Video, VideoRef, VideoState

MOMENTS = 300
"""The most moments that the ranking considers."""

PER_VIDEO = 5
"""The most of these of one video: a long one cannot crowd out the rest, and one strong moment beats many weak ones."""


@dataclass(frozen=True, slots=True)
class FileMatch:
    """A video that may hold the scene, with its strongest moments."""

    video: Video
    strength: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class FileRanking:
    """Files, strongest first. `truncated`: filters that the index cannot apply were applied to its results, so some may be missing."""

    files: tuple[FileMatch, ...]
    truncated: bool = False


def rank_files(probe: Probe, request: SearchRequest, filters: Filters, index: SceneIndex, catalog: Catalog, *, depth: int) -> FileRanking:
    """Rank the live, readable files that pass the filters of the request, and return the `depth` best."""
    hits = index.find(probe, filters, MOMENTS, PER_VIDEO)
    by_file: dict[VideoRef, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_file[hit.ref].append(hit)
    ranked = sorted(((soft_sum([hit.strength for hit in found]), ref) for ref, found in by_file.items()), reverse=True)
    videos = catalog.live([ref.video_id for _, ref in ranked[:depth]])
    live: list[tuple[Video, float]] = []
    for strength, ref in ranked[:depth]:
        video = videos.get(ref.video_id)
        if video is not None and video.ref == ref and video.state is not VideoState.REMOVING and admits(request, video):
            live.append((video, strength))
    named = _named(probe, [video for video, _ in live])
    files = [
        FileMatch(video, strength + TITLE * share, tuple(by_file[video.ref])) for (video, strength), share in zip(live, named, strict=True)
    ]
    files.sort(key=lambda match: (-match.strength, match.video.ref))
    filtered = any(choice is not None for choice in (request.tag, request.since, request.until))
    return FileRanking(tuple(files), truncated=filtered and (len(hits) == MOMENTS or len(ranked) > depth))


def admits(request: SearchRequest, video: Video) -> bool:
    """Return whether a video passes the filters that indexes leave to the catalog."""
    return (
        (request.tag is None or any(composed(tag) == composed(request.tag) for tag in video.tags))
        and (request.since is None or video.created_at >= request.since)
        and (request.until is None or video.created_at < request.until)
    )


def _named(probe: Probe, videos: Sequence[Video]) -> list[float]:
    """Return the share of the question that the words of each video's title and summary answer."""
    told = Postings.joined([_told(f"{video.title} {video.summary}") for video in videos])
    shares: list[float] = told.scores(probe.words.shares, probe.words.average_length, 0, len(videos)).tolist()
    return shares


@lru_cache(maxsize=10_000)
def _told(text: str) -> Postings:
    return Postings.of([words(text)])

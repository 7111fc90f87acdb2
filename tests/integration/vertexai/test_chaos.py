"""Many clips at once on a model that fails in every way: the entries are those of a quiet day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration.vertexai.harbour import GsFolder, soon
from scenesearch.config import Settings
from scenesearch.errors import Retryable
from scenesearch.metadata import CHUNK_SECTIONS, Entry, Section
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.ports import ClipInput
from scenesearch.video import Clip, Profile
from stand_ins.vertexai.coded import make
from stand_ins.vertexai.control import Control

VIDEOS = range(10, 20)
SECONDS = 8
DELIVERIES = 5

TRUTH = {
    "videos": {
        str(number): {
            "names_known": True,
            "visual_info": [{"start": n * 1.5, "end": n * 1.5 + 1.5, "description": f"shot {n} of video {number}"} for n in range(5)],
            "transcription": [{"start": n * 2, "end": n * 2 + 1.5, "text": f"This is line {n}.", "speaker": "Anna"} for n in range(4)],
            "texts": [{"start": n * 3, "end": n * 3 + 2, "lines": [f"caption {n}", "字幕"]} for n in range(3)],
        }
        for number in VIDEOS
    }
}

BAD_DAY = [
    {"fault": "http", "status": 429, "probability": 0.15, "seed": 5},
    {"fault": "http", "status": 503, "probability": 0.15, "seed": 6},
    {"fault": "drop", "probability": 0.05, "seed": 7},
    {"fault": "malformed", "probability": 0.1, "seed": 8},
    {"fault": "truncated", "probability": 0.1, "seed": 9, "match": {"repair": False}},
    {"fault": "out_of_range", "probability": 0.1, "seed": 10, "match": {"repair": False}},
    {"fault": "unseen", "probability": 0.05, "seed": 11},
]


@pytest.mark.slow
def test_entries_are_those_of_a_quiet_day(
    client: VertexClient, settings: Settings, stand_in: Control, store: GsFolder, tmp_path: Path
) -> None:
    stand_in.tell(TRUTH)
    given: list[ClipInput] = []
    for number in VIDEOS:
        path = make(tmp_path / f"{number}.mp4", number, SECONDS)
        with path.open("rb") as source:
            store.replace(f"v{number}/1/{path.name}", source, content_type="video/mp4")
        clip = Clip(f"v{number}/1/{path.name}", "video/mp4", 0, SECONDS * 1000, path.stat().st_size)
        given.append(ClipInput(clip=clip, store=store, profile=Profile()))

    def found(work: tuple[ClipInput, Section]) -> tuple[Entry, ...]:
        clip, section = work
        for _ in range(DELIVERIES):
            try:
                return extractor_of(section, client, settings).extract(clip, deadline=soon()).entries
            except Retryable:
                continue
        raise AssertionError(f"{section} of {clip.clip.object_name} never came")

    work = [(clip, section) for clip in given for section in CHUNK_SECTIONS if section is not Section.TRANSCRIPTION]
    with ThreadPoolExecutor(8) as pool:
        quiet = list(pool.map(found, work))
        stand_in.script(*BAD_DAY)
        stand_in.forget()
        wild = list(pool.map(found, work))
    assert wild == quiet
    assert all(quiet)
    struck = {r["fault"] for r in stand_in.requests()}
    assert struck >= {"http", "malformed", "truncated", "out_of_range"}
    assert len(stand_in.requests()) > len(work) * 1.5

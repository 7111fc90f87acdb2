"""Which language a video is in: as it was said to be, else as it is heard, and its moments are found by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenesearch.config import Settings
from scenesearch.messages import Extracted
from scenesearch.metadata import Section
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.reindex import reindex
from scenesearch.ports import Filters, Ports, Probe, WordWeights
from scenesearch.video import VideoRef, base_language
from unit.pipeline.conftest import Scripted, extractors, found, work

Planned = Callable[..., VideoRef]

HEARD = {0: ("en-US", 2), 1: ("JA", 9), 2: (None, 0), 3: ("no language", 20)}
"""Chunk by chunk: what the model says, and for how many seconds somebody speaks."""


def extracted(ref: VideoRef, ports: Ports, settings: Settings) -> None:
    for chunk, (language, seconds) in HEARD.items():
        for extractor in extractors():
            if extractor.section is Section.TRANSCRIPTION:
                said = replace(found(*("word" for _ in range(seconds))), language=language)
                extractor = Scripted(Section.TRANSCRIPTION, script=[said])
            extract(work(ref, chunk), extractor, ports, settings)


def chunks_in(language: str, ports: Ports) -> set[int]:
    probe = Probe(
        vector=ports.embedder.queries(["anything"])[0], scale=ports.embedder.scale, words=WordWeights(shares={}, average_length=1)
    )
    return {hit.chunk for hit in ports.index.find(probe, Filters(language=language), 100, 100)}


def test_a_video_is_in_the_language_that_is_heard_most_and_its_chunks_in_their_own(
    ports: Ports, settings: Settings, planned: Planned
) -> None:
    ref = planned(4)
    extracted(ref, ports, settings)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    video = ports.catalog.generation(ref)
    assert video is not None
    assert video.language == "ja"
    for _ in range(2):
        assert (chunks_in("en", ports), chunks_in("ja", ports)) == ({0}, {1, 2, 3})
        reindex(ports)


def test_what_the_uploader_said_stays(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(4, language="de-AT")
    extracted(ref, ports, settings)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    video = ports.catalog.generation(ref)
    assert video is not None
    assert video.language == "de-AT"
    assert (chunks_in("en", ports), chunks_in("ja", ports), chunks_in("de", ports)) == ({0}, {1}, {2, 3})


@pytest.mark.parametrize(
    ("tag", "base"), [("ja", "ja"), ("en-US", "en"), ("EN", "en"), ("", None), (None, None), ("english please", None), ("日本語", None)]
)
def test_a_language_is_known_by_its_tag(tag: str | None, base: str | None) -> None:
    assert base_language(tag) == base

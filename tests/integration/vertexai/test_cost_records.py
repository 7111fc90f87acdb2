"""What Gemini bills for a section stands in the section's record, also where the section came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integration.vertexai.harbour import FROM_S, SECONDS, chunk_in
from scenesearch.backends.local.backend import LocalBackend
from scenesearch.config import Settings
from scenesearch.errors import Retryable
from scenesearch.messages import ChunkWork, Extracted
from scenesearch.metadata import CHUNK_SECTIONS, Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.models.vertexai.summarizer import GeminiSummarizer
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.extract import extract
from scenesearch.ports import Ports
from scenesearch.timeline import Span
from scenesearch.video import Chunk, MediaInfo, SectionKey, SectionRecord, SectionState, Video, VideoRef, VideoState, now
from stand_ins.vertexai.control import Control

REF = VideoRef("v7", 3)


@pytest.fixture
def ports(tmp_path: Path, clips: tuple[Path, Path]) -> Ports:
    """A video of one cut chunk whose sections are due."""
    backend, space = LocalBackend(Settings(home=tmp_path)), LocalEmbedder()
    made = Ports.over(backend, backend.index(space), space)
    clip = chunk_in(made.work, clips).video.clip  # type: ignore[arg-type]
    whole = Span.of_seconds(FROM_S, FROM_S + SECONDS)
    media = MediaInfo(container="mov", duration_ms=whole.end_ms, video_codec="h264", width=256, height=96, frame_rate=10)
    made.catalog.begin(Video(ref=REF, bucket="b", name="7.mp4", collection="default", title="7", created_at=now(), updated_at=now()))
    made.catalog.commit_plan(REF, media, [Chunk(number=0, span=whole)])
    made.catalog.commit_clips(REF, 0, video_clip=clip, audio_clip=None)
    made.catalog.move(REF, to=VideoState.EXTRACTING, when=frozenset({VideoState.SPLITTING}))
    return made


def worked(ports: Ports, client: VertexClient, settings: Settings) -> SectionRecord:
    work = ChunkWork(video_id=REF.video_id, generation=REF.generation, chunk=0)
    extract(work, extractor_of(Section.VISUAL_INFO, client, settings), ports, settings)
    return ports.catalog.section(SectionKey(REF, 0, Section.VISUAL_INFO))


@pytest.mark.parametrize("fault", ["safety", "blocked"])
def test_a_blocked_section_has_cost_what_was_billed(
    fault: str, ports: Ports, client: VertexClient, settings: Settings, stand_in: Control
) -> None:
    stand_in.script({"fault": fault})
    record = worked(ports, client, settings)
    assert record.state is SectionState.BLOCKED
    assert record.usage.tokens["video"] == 12 * 70
    assert record.usage.cost_usd > 0


@pytest.mark.parametrize("fault", [{"fault": "malformed", "times": 2}, {"fault": "empty", "times": 1}, {"fault": "unseen", "times": 1}])
def test_an_attempt_that_failed_is_paid_for_with_the_one_that_worked(
    fault: Mapping[str, Any], ports: Ports, client: VertexClient, settings: Settings, stand_in: Control
) -> None:
    stand_in.script(fault)
    with pytest.raises(Retryable):
        worked(ports, client, settings)
    failed = ports.catalog.section(SectionKey(REF, 0, Section.VISUAL_INFO)).usage
    assert failed.cost_usd > 0
    done = worked(ports, client, settings)
    assert done.state is SectionState.DONE
    assert done.usage.tokens["video"] == failed.tokens.get("video", 0) + 12 * 70
    assert done.usage.cost_usd > failed.cost_usd


def ended(ports: Ports, client: VertexClient, settings: Settings, *records: SectionRecord) -> Video:
    """The video, after its sections came to this and it was assembled."""
    for section in CHUNK_SECTIONS:
        given = next((record for record in records if record.key.section is section), None)
        key = SectionKey(REF, 0, section)
        ports.catalog.commit_section(given or SectionRecord(key=key, state=SectionState.SKIPPED, reason="nothing here"))
    ports.catalog.close_chunk(REF, 0)
    ports.catalog.move(REF, to=VideoState.ASSEMBLING, when=frozenset({VideoState.EXTRACTING}))
    assemble(Extracted(video_id=REF.video_id, generation=REF.generation), GeminiSummarizer(client, settings), ports)
    video = ports.catalog.generation(REF)
    assert video is not None
    return video


def test_a_summary_that_is_refused_is_in_the_cost_of_its_video(
    ports: Ports, client: VertexClient, settings: Settings, stand_in: Control
) -> None:
    record = worked(ports, client, settings)
    stand_in.script({"fault": "safety"})
    video = ended(ports, client, settings, record)
    assert (video.state, [gap.section for gap in video.gaps]) == (VideoState.READY, [Section.SUMMARY])
    assert video.usage.tokens["text"] > record.usage.tokens["text"]
    assert video.usage.cost_usd > record.usage.cost_usd


def test_a_video_of_which_everything_is_refused_has_cost_what_was_billed(
    ports: Ports, client: VertexClient, settings: Settings, stand_in: Control
) -> None:
    stand_in.script({"fault": "safety"})
    record = worked(ports, client, settings)
    video = ended(ports, client, settings, record)
    assert video.state is VideoState.FAILED
    assert video.usage == record.usage
    assert video.usage.cost_usd > 0

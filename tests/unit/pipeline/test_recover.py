"""Dead letters end what cannot work; the timer moves on what was lost; retry heals."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import timedelta

import pytest

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Retryable
from scenesearch.messages import (
    ChunkWork,
    DeadLetter,
    Extracted,
    Message,
    ObjectChanged,
    SplitWork,
    Subscription,
    encode,
)
from scenesearch.metadata import Section
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.recover import PARKED, recover
from scenesearch.pipeline.retry import retry
from scenesearch.pipeline.tick import tick
from scenesearch.ports import Ports
from scenesearch.video import SectionKey, SectionState, Video, VideoRef, VideoState, now
from unit.pipeline.conftest import NAME, drained, extractors, indexed, work

Planned = Callable[..., VideoRef]
NEVER = timedelta(days=-1)
"""Everything has made no progress for so long."""


def letter(message: Message, subscription: Subscription, reason: str = "too many deliveries") -> DeadLetter:
    data, attributes = encode(message)
    return DeadLetter(subscription=subscription, reason=reason, data=base64.b64encode(data).decode(), attributes=attributes)


def live(ports: Ports, ref: VideoRef) -> Video:
    video = ports.catalog.generation(ref)
    assert video is not None
    return video


def messages(ports: Ports, kind: type[Message]) -> list[Message]:
    return [message for _, message in drained(ports) if isinstance(message, kind)]


def worked(ports: Ports, settings: Settings, ref: VideoRef, fails: Section | None = None, chunks: int = 1) -> None:
    """Let every extractor come to an end, the failing one with its attempts used up."""
    for number in range(chunks):
        for extractor in extractors(fails=fails, error=ModelError("the model is down")):
            for _ in range(settings.max_attempts):
                try:
                    extract(work(ref, number), extractor, ports, settings)
                except Retryable:
                    continue
                break


def test_a_dead_section_with_attempts_left_is_published_again(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    recover(letter(work(ref), Subscription.EXTRACT_TEXTS), ports, settings)
    record = ports.catalog.section(SectionKey(ref, 0, Section.TEXTS))
    assert record.state is SectionState.PENDING


def test_a_dead_section_without_attempts_left_fails_and_closes_its_chunk(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    visual, speech, _ = extractors()
    extract(work(ref), visual, ports, settings)
    extract(work(ref), speech, ports, settings)
    key = SectionKey(ref, 0, Section.TEXTS)
    for _ in range(settings.max_attempts):
        ports.catalog.release(ports.catalog.lease(key, timedelta(minutes=1)), "always 500")
    recover(letter(work(ref), Subscription.EXTRACT_TEXTS), ports, settings)
    assert (ports.catalog.section(key).state, ports.catalog.section(key).reason) == (SectionState.FAILED, "always 500")
    assert live(ports, ref).state is VideoState.ASSEMBLING


def test_a_dead_split_fails_what_is_not_cut_and_keeps_the_rest(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(2)
    ports.catalog.commit_clips(ref, 1, video_clip=None, audio_clip=None)
    recover(
        letter(SplitWork(video_id=ref.video_id, generation=ref.generation), Subscription.SPLIT_SPLITS, "out of memory"), ports, settings
    )
    cut, lost = ports.catalog.chunks(ref)
    assert cut.failure is None
    assert lost.failure == "out of memory"
    assert live(ports, ref).open_chunks == frozenset({0})


def test_a_dead_assembly_ends_ready_without_a_summary(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    worked(ports, settings, ref)
    recover(letter(Extracted(video_id=ref.video_id, generation=ref.generation), Subscription.ASSEMBLE_EXTRACTED), ports, settings)
    video = live(ports, ref)
    assert video.state is VideoState.READY
    assert [gap.section for gap in video.gaps] == [Section.SUMMARY]


def test_a_letter_that_names_no_work_is_parked(ports: Ports, settings: Settings) -> None:
    unreadable = DeadLetter(subscription="extract-texts", reason="fits no schema", data=base64.b64encode(b"{]").decode())
    unknown = letter(work(VideoRef("v1", 1)), Subscription.ASSEMBLE_EXTRACTED)
    recover(unreadable, ports, settings)
    recover(unknown, ports, settings)
    recover(replace_subscription(unknown, "no-such-subscription"), ports, settings)
    assert len(list(ports.work.list(PARKED))) == 3


def replace_subscription(one: DeadLetter, name: str) -> DeadLetter:
    return one.model_copy(update={"subscription": name})


def test_a_letter_about_a_removed_video_is_dropped(ports: Ports, settings: Settings) -> None:
    recover(letter(work(VideoRef("v1", 1)), Subscription.EXTRACT_TEXTS), ports, settings)
    assert drained(ports) == []
    assert list(ports.work.list(PARKED)) == []


def test_the_timer_republishes_the_open_chunks_of_a_stalled_video(ports: Ports, planned: Planned) -> None:
    ref = planned(2)
    tick(ports, NEVER)
    again = messages(ports, ChunkWork)
    assert {m.chunk for m in again if isinstance(m, ChunkWork)} == {0, 1}
    assert live(ports, ref).state is VideoState.EXTRACTING


def test_the_timer_tells_a_video_that_only_waits_once_a_while_not_every_time(ports: Ports, planned: Planned) -> None:
    planned(2)
    before_resuming = now()
    tick(ports, timedelta(0))
    told = len(messages(ports, ChunkWork))
    tick(ports, now() - before_resuming)
    assert (told, len(messages(ports, ChunkWork))) == (2 * 3, 0)


def test_a_retry_that_was_killed_half_way_can_be_repeated(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    worked(ports, settings, ref, fails=Section.TEXTS)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    drained(ports)

    class Killed(BaseException):
        pass

    def killed(key: SectionKey) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports.catalog, "reset_section", killed)
        with pytest.raises(Killed):
            retry(ref.video_id, ports)
    retry(ref.video_id, ports)
    assert live(ports, ref).state is VideoState.EXTRACTING
    assert ports.catalog.section(SectionKey(ref, 0, Section.TEXTS)).state is SectionState.PENDING
    assert messages(ports, ChunkWork)


def test_the_timer_asks_again_for_a_lost_assembly(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    worked(ports, settings, ref)
    drained(ports)
    tick(ports, NEVER)
    assert messages(ports, Extracted) == [Extracted(video_id=ref.video_id, generation=ref.generation)]


def test_the_timer_announces_uploads_that_no_video_was_made_of(ports: Ports) -> None:
    info = ports.uploads.replace("default/lost.mp4", io.BytesIO(b"film"), content_type="video/mp4")
    drained(ports)
    tick(ports, NEVER)
    found = messages(ports, ObjectChanged)
    assert ObjectChanged(event="OBJECT_FINALIZE", bucket=info.bucket, name=info.name, generation=info.generation) in found


def test_the_timer_announces_videos_whose_upload_is_gone(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    worked(ports, settings, ref)
    ports.uploads.delete(NAME)
    drained(ports)
    tick(ports, NEVER)
    gone = [m for m in messages(ports, ObjectChanged) if isinstance(m, ObjectChanged)]
    assert [(m.event, m.generation) for m in gone if m.event == "OBJECT_DELETE"] != []


def test_the_timer_sweeps_work_that_no_known_generation_owns(ports: Ports, planned: Planned) -> None:
    ref = planned(1)
    ports.work.create("v0123/99/clip-0.mp4", io.BytesIO(b"old"), content_type="video/mp4")
    tick(ports, NEVER)
    names = [item.name for item in ports.work.list()]
    assert "v0123/99/clip-0.mp4" not in names
    assert any(name.startswith(f"{ref.video_id}/{ref.generation}/") for name in names)


def test_retry_heals_a_failed_section(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    worked(ports, settings, ref, fails=Section.TEXTS)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    assert [gap.section for gap in live(ports, ref).gaps] == [Section.TEXTS]
    drained(ports)

    retry(ref.video_id, ports)
    assert live(ports, ref).state is VideoState.EXTRACTING
    for message in messages(ports, ChunkWork):
        for extractor in extractors():
            assert isinstance(message, ChunkWork)
            extract(message, extractor, ports, settings)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    healed = live(ports, ref)
    assert (healed.state, healed.gaps) == (VideoState.READY, ())
    assert "texts of this" in indexed(ports, ref)


def test_a_video_of_which_nothing_could_be_extracted_fails(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    chunk = ports.catalog.chunk(ref, 0)
    assert chunk is not None
    ports.catalog.commit_clips(ref, 0, video_clip=None, audio_clip=None, failure="the stream is damaged")
    recover(letter(SplitWork(video_id=ref.video_id, generation=ref.generation), Subscription.SPLIT_SPLITS), ports, settings)
    assemble(Extracted(video_id=ref.video_id, generation=ref.generation), ExtractiveSummarizer(), ports)
    video = live(ports, ref)
    assert video.state is VideoState.FAILED
    assert "the stream is damaged" in (video.error or "")

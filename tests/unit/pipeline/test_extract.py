"""One section of one chunk is worked on once, ends in every case, and closes its chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from scenesearch.config import Settings
from scenesearch.errors import Blocked, Busy, ModelError, ObjectNotFound, Outage, Retryable, Skipped
from scenesearch.messages import Extracted, Message, SplitWork, Subscription
from scenesearch.metadata import Section
from scenesearch.pipeline.extract import CRASHES_PER_FAILURE, extract
from scenesearch.pipeline.remove import forget
from scenesearch.ports import Ports
from scenesearch.video import SectionKey, SectionRecord, SectionState, Usage, VideoRef, VideoState
from unit.pipeline.conftest import CHUNK_MS, Scripted, drained, extractors, found, indexed, work

Planned = Callable[..., VideoRef]


def record(ports: Ports, ref: VideoRef, section: Section = Section.TRANSCRIPTION, chunk: int = 0) -> SectionRecord:
    return ports.catalog.section(SectionKey(ref, chunk, section))


def state(ports: Ports, ref: VideoRef) -> VideoState:
    video = ports.catalog.generation(ref)
    assert video is not None
    return video.state


def published(ports: Ports, kind: type[Message]) -> list[Message]:
    return [message for _, message in drained(ports) if isinstance(message, kind)]


def test_the_last_section_closes_the_chunk_and_asks_for_the_assembly(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    for extractor in extractors():
        assert state(ports, ref) is VideoState.EXTRACTING
        extract(work(ref), extractor, ports, settings)
    assert state(ports, ref) is VideoState.ASSEMBLING
    assert published(ports, Extracted) == [Extracted(video_id=ref.video_id, generation=ref.generation)]
    assert indexed(ports, ref) == ["texts of this", "transcription of this", "visual_info of this"]


def test_a_second_delivery_calls_no_model_but_publishes_again(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    made = list(extractors())
    for _ in range(2):
        for extractor in made:
            extract(work(ref), extractor, ports, settings)
    assert [extractor.calls for extractor in made] == [1, 1, 1]
    assert len(published(ports, Extracted)) >= 2


def test_entries_are_put_on_the_video_clock_once(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(2)
    extract(work(ref, 1), Scripted(script=[found("in the second chunk", at_s=5)]), ports, settings)
    (entry,) = record(ports, ref, chunk=1).entries
    assert (entry.span.start_ms, entry.span.end_ms) == (CHUNK_MS + 5000, CHUNK_MS + 6000)


def test_an_entry_belongs_to_the_chunk_that_holds_its_midpoint(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(2)
    extract(work(ref, 0), Scripted(script=[found("inside", "outside", at_s=59)]), ports, settings)
    assert [e.text for e in record(ports, ref).entries] == ["inside"]


def test_what_lies_behind_the_last_border_belongs_to_the_last_chunk(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extract(work(ref), Scripted(script=[found("the very end", at_s=60.2)]), ports, settings)
    assert [e.text for e in record(ports, ref).entries] == ["the very end"]


@pytest.mark.parametrize(
    ("error", "state"), [(Skipped("no speech here"), SectionState.SKIPPED), (Blocked("safety: violence"), SectionState.BLOCKED)]
)
def test_skipped_and_blocked_are_terminal_with_their_reason(
    ports: Ports, settings: Settings, planned: Planned, error: Exception, state: SectionState
) -> None:
    ref = planned(1)
    extract(work(ref), Scripted(script=[error]), ports, settings)
    assert (record(ports, ref).state, record(ports, ref).reason) == (state, str(error))


def test_a_failure_comes_again_until_the_attempts_are_used_up(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extractor = Scripted(script=[ModelError("it answered in prose")])
    for attempt in range(1, settings.max_attempts):
        with pytest.raises(Retryable, match="in prose"):
            extract(work(ref), extractor, ports, settings)
        assert record(ports, ref).failures == attempt
    extract(work(ref), extractor, ports, settings)
    ended = record(ports, ref)
    assert ended.state is SectionState.FAILED
    assert "in prose" in (ended.reason or "")
    assert extractor.calls == settings.max_attempts


def test_an_outage_is_waited_for_and_is_no_failure_but_not_for_ever(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    away = Scripted(script=[Outage("HTTP 429: no quota")])
    most = settings.max_attempts * CRASHES_PER_FAILURE
    for attempt in range(1, most + 1):
        with pytest.raises(Outage):
            extract(work(ref), away, ports, settings)
        now = record(ports, ref)
        assert (now.state, now.attempts, now.failures, now.reason) == (SectionState.PENDING, attempt, 0, "HTTP 429: no quota")
    extract(work(ref), away, ports, settings)
    assert away.calls == most
    assert (record(ports, ref).state, record(ports, ref).reason) == (SectionState.FAILED, "HTTP 429: no quota")


def test_any_exception_of_a_model_is_a_failure_with_a_reason(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    with pytest.raises(Retryable, match="ZeroDivisionError"):
        extract(work(ref), Scripted(script=[ZeroDivisionError("by zero"), found("fine")]), ports, settings)


def test_a_failure_that_passes_leaves_no_trace_but_its_count(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extractor = Scripted(script=[ModelError("busy"), found("fine")])
    with pytest.raises(Retryable):
        extract(work(ref), extractor, ports, settings)
    extract(work(ref), extractor, ports, settings)
    done = record(ports, ref)
    assert (done.state, done.reason, [e.text for e in done.entries]) == (SectionState.DONE, None, ["fine"])


SPENT = Usage({"video": 840, "output": 20}, cost_usd=0.25)


@pytest.mark.parametrize(
    ("error", "state"), [(Skipped("no speech here"), SectionState.SKIPPED), (Blocked("safety: violence"), SectionState.BLOCKED)]
)
def test_what_there_is_nothing_of_has_cost_what_it_cost(
    ports: Ports, settings: Settings, planned: Planned, error: Exception, state: SectionState
) -> None:
    ref = planned(1)
    extract(work(ref), Scripted(script=[error], spends=SPENT), ports, settings)
    assert (record(ports, ref).state, record(ports, ref).usage) == (state, SPENT)


def test_failed_attempts_have_cost_what_they_cost(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extractor = Scripted(script=[Outage("no quota"), ModelError("prose"), replace(found("fine"), usage=SPENT)], spends=SPENT)
    for attempts in (1, 2):
        with pytest.raises(Retryable):
            extract(work(ref), extractor, ports, settings)
        assert record(ports, ref).usage.cost_usd == 0.25 * attempts
    extract(work(ref), extractor, ports, settings)
    assert record(ports, ref).usage == SPENT + SPENT + SPENT


def test_a_section_that_is_given_up_has_cost_what_it_cost(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extractor = Scripted(script=[ModelError("prose")], spends=SPENT)
    for _ in range(settings.max_attempts - 1):
        with pytest.raises(Retryable):
            extract(work(ref), extractor, ports, settings)
    extract(work(ref), extractor, ports, settings)
    assert record(ports, ref).state is SectionState.FAILED
    assert record(ports, ref).usage.cost_usd == 0.25 * settings.max_attempts


def test_a_section_that_somebody_else_holds_is_left_alone(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    ports.catalog.lease(SectionKey(ref, 0, Section.TRANSCRIPTION), timedelta(minutes=5))
    extractor = Scripted(script=[found("mine")])
    with pytest.raises(Busy):
        extract(work(ref), extractor, ports, settings)
    assert extractor.calls == 0


def test_work_for_a_removed_video_is_dropped(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    ports.catalog.forget(ref)
    extractor = Scripted(script=[found("too late")])
    extract(work(ref), extractor, ports, settings)
    assert extractor.calls == 0


@pytest.mark.parametrize("half_way", [False, True])
def test_a_video_removed_during_the_work_leaves_nothing_in_the_index(
    ports: Ports, settings: Settings, planned: Planned, half_way: bool
) -> None:
    ref = planned(1)
    *early, last = extractors()
    for extractor in early:
        extract(work(ref), extractor, ports, settings)
    real = last.extract

    def remove_meanwhile(given, *, deadline):  # type: ignore[no-untyped-def]
        if half_way:  # `remove` has emptied the index, and has not come to the catalog yet
            ports.catalog.move(ref, to=VideoState.REMOVING, when=frozenset(VideoState))
            ports.index.remove(ref.video_id, ref.generation)
        else:
            forget(ref, ports)
        return real(given, deadline=deadline)

    last.extract = remove_meanwhile  # type: ignore[method-assign]
    extract(work(ref), last, ports, settings)
    assert indexed(ports, ref) == []


def test_a_lost_clip_is_cut_again(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    extract(work(ref), Scripted(script=[ObjectNotFound("the clip has expired")]), ports, settings)
    chunk = ports.catalog.chunk(ref, 0)
    assert chunk is not None
    assert chunk.video_clip is None
    assert [s for s, m in drained(ports) if isinstance(m, SplitWork)] == [Subscription.SPLIT_SPLITS]


def test_a_chunk_without_sound_is_skipped_not_transcribed(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    chunk = ports.catalog.chunk(ref, 0)
    assert chunk is not None
    ports.catalog.commit_clips(ref, 0, video_clip=chunk.video_clip, audio_clip=None)
    extractor = Scripted(wants_audio=True, script=[found("invented")])
    extract(work(ref), extractor, ports, settings)
    assert (record(ports, ref).state, extractor.calls) == (SectionState.SKIPPED, 0)

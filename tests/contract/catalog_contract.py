"""What every `Catalog` promises. A backend subclasses `CatalogContract` and gives it the fixture `catalog` (empty)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from contract.given import BEGUN, CLIP, MEDIA, a_key, a_record, a_ref, a_video, chunks, entries, long, soon, together
from scenesearch.errors import Busy, Gone
from scenesearch.metadata import Section
from scenesearch.ports import Assembly, Catalog, Lease
from scenesearch.timeline import Span
from scenesearch.video import (
    Batch,
    CastMember,
    Collection,
    Feedback,
    Gap,
    Profile,
    SectionRecord,
    SectionState,
    Usage,
    VideoRef,
    VideoState,
    now,
)
from waiting import eventually

ANY = frozenset(VideoState)


def planned(catalog: Catalog, ref: VideoRef | None = None, count: int = 2) -> VideoRef:
    """A video that is being extracted, with a plan of `count` chunks."""
    ref = ref or a_ref()
    catalog.begin(a_video(ref))
    catalog.commit_plan(ref, MEDIA, chunks(count))
    catalog.move(ref, to=VideoState.EXTRACTING, when=ANY)
    return ref


def state_of(catalog: Catalog, ref: VideoRef) -> VideoState:
    video = catalog.generation(ref)
    assert video is not None
    return video.state


def freed(catalog: Catalog, lease: Lease) -> Lease:
    """The next lease of the same section, once `lease` has run out."""

    def again() -> Lease | None:
        try:
            return catalog.lease(lease.key, long())
        except Busy:
            return None

    lease_again = eventually(again)
    assert lease_again is not None
    return lease_again


class CatalogContract:
    # collections

    def test_a_collection_comes_back_as_it_was_saved_last(self, catalog: Catalog) -> None:
        saved = Collection(
            "trailers", frozenset({"*"}), frozenset({"domain:example.com"}), Profile(("ja",), (CastMember("Mika", "red"),), ("close",))
        )
        catalog.save_collection(Collection("trailers"))
        catalog.save_collection(saved)
        catalog.save_collection(Collection("a"))
        assert catalog.collection("trailers") == saved
        assert [c.name for c in catalog.collections()] == ["a", "trailers"]

    def test_an_unknown_collection_is_none(self, catalog: Catalog) -> None:
        assert catalog.collection("nowhere") is None
        assert catalog.collections() == []

    # videos

    def test_a_video_comes_back_whole(self, catalog: Catalog) -> None:
        assert catalog.begin(a_video()) == a_video()
        assert catalog.generation(a_ref()) == catalog.video("v1") == a_video()

    def test_beginning_twice_returns_what_is_stored(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        assert catalog.begin(a_video(ref)) == catalog.generation(ref)
        assert state_of(catalog, ref) is VideoState.EXTRACTING

    def test_of_many_who_begin_one_video_all_get_the_same(self, catalog: Catalog) -> None:
        begun = together(8, lambda n: catalog.begin(replace(a_video(), title=f"title {n}")))
        assert len({video.title for video in begun}) == 1
        assert catalog.video("v1") == begun[0]

    def test_unknown_videos_are_none(self, catalog: Catalog) -> None:
        assert catalog.video("v1") is None
        assert catalog.generation(a_ref()) is None
        assert catalog.generations("v1") == []
        assert list(catalog.videos()) == []

    def test_the_newest_generation_is_live_in_whichever_order_they_begin(self, catalog: Catalog) -> None:
        for generation in (2, 10, 1):
            catalog.begin(a_video(a_ref(generation=generation)))
        live = catalog.video("v1")
        assert live is not None
        assert live.ref.generation == 10
        assert catalog.generations("v1") == [a_ref(generation=g) for g in (1, 2, 10)]
        assert [video.ref for video in catalog.videos()] == [live.ref]

    def test_many_videos_are_read_at_once_each_in_its_newest_generation(self, catalog: Catalog) -> None:
        refs = [a_ref(f"v{number}", generation=generation) for number in range(40) for generation in (2, 10, 1)]
        for ref in refs:
            catalog.begin(a_video(ref))
        asked = [f"v{number}" for number in range(1, 40)]
        live = catalog.live([*asked, "v1", "unknown", "'; DROP TABLE videos"])
        assert {name: video.ref for name, video in live.items()} == {name: a_ref(name, generation=10) for name in asked}
        assert catalog.live([]) == {}

    def test_videos_come_newest_first_and_only_of_the_asked_collections(self, catalog: Catalog) -> None:
        for number, collection in enumerate(("a", "b", "a")):
            catalog.begin(a_video(a_ref(f"v{number}"), collection=collection, begun=BEGUN + timedelta(minutes=number)))
        assert [video.ref.video_id for video in catalog.videos()] == ["v2", "v1", "v0"]
        assert [video.ref.video_id for video in catalog.videos(frozenset({"a"}))] == ["v2", "v0"]
        assert [video.ref.video_id for video in catalog.videos(frozenset({"b", "c"}))] == ["v1"]
        assert list(catalog.videos(frozenset())) == []

    def test_videos_are_found_by_title_object_name_and_file_name(self, catalog: Catalog) -> None:
        for number, title in enumerate(("100% _fun_", "100% _fun_", "other")):
            ref = a_ref(f"v{number}")
            video = replace(a_video(ref, begun=BEGUN + timedelta(minutes=number)), title=title, name=f"films/{number}/夏.mp4")
            catalog.begin(video)
        catalog.begin(replace(a_video(a_ref("v0", generation=2)), title="renamed", name="films/0/夏.mp4"))

        def named(name: str) -> list[tuple[str, int]]:
            return [(video.ref.video_id, video.ref.generation) for video in catalog.named(name)]

        assert named("100% _fun_") == [("v1", 1)], "what was replaced is not live"
        assert named("renamed") == [("v0", 2)]
        assert named("夏.mp4") == [("v2", 1), ("v1", 1), ("v0", 2)]
        assert named("films/2/夏.mp4") == [("v2", 1)]
        assert named("夏") == named("夏.mp4"), "without its extension"
        catalog.begin(replace(a_video(a_ref("v9")), title="カ\u3099イト\u3099", name="films/9/か\u3099.mp4"))
        for typed in ("ガイド", "カ\u3099イト\u3099", "が.mp4", "films/9/が.mp4", "films/9/か\u3099.mp4"):
            assert named(typed) == [("v9", 1)], "composed or not, a name is the same"
        assert named(".mp4") == named("100%") == named("%") == named("") == []

    def test_a_state_moves_only_from_the_given_states(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        assert not catalog.move(ref, to=VideoState.READY, when=frozenset({VideoState.ASSEMBLING}))
        assert state_of(catalog, ref) is VideoState.EXTRACTING
        assert catalog.move(ref, to=VideoState.FAILED, when=frozenset({VideoState.EXTRACTING}), error="it broke")
        failed = catalog.generation(ref)
        assert failed is not None
        assert (failed.state, failed.error) == (VideoState.FAILED, "it broke")
        assert failed.updated_at > BEGUN

    def test_a_move_without_an_error_clears_it(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.move(ref, to=VideoState.FAILED, when=ANY, error="it broke")
        catalog.move(ref, to=VideoState.SPLITTING, when=ANY)
        video = catalog.generation(ref)
        assert video is not None
        assert video.error is None

    def test_an_unknown_video_does_not_move(self, catalog: Catalog) -> None:
        assert not catalog.move(a_ref(), to=VideoState.FAILED, when=ANY)
        assert catalog.generation(a_ref()) is None

    def test_nothing_is_assembled_before_there_is_a_plan_and_every_chunk_is_closed(self, catalog: Catalog) -> None:
        catalog.begin(a_video())
        assert not catalog.move(a_ref(), to=VideoState.ASSEMBLING, when=ANY)
        ref = planned(catalog, count=2)
        for number in range(2):
            assert not catalog.move(ref, to=VideoState.ASSEMBLING, when=ANY)
            catalog.close_chunk(ref, number)
        assert catalog.move(ref, to=VideoState.ASSEMBLING, when=ANY)

    # plan, chunks, clips

    def test_a_plan_opens_all_its_chunks(self, catalog: Catalog) -> None:
        catalog.begin(a_video())
        assert catalog.commit_plan(a_ref(), MEDIA, chunks(12)) == chunks(12)
        video = catalog.generation(a_ref())
        assert video is not None
        assert (video.media, video.chunk_count, video.open_chunks) == (MEDIA, 12, frozenset(range(12)))
        assert catalog.chunks(a_ref()) == chunks(12)
        assert catalog.chunk(a_ref(), 11) == chunks(12)[11]
        assert catalog.chunk(a_ref(), 12) is None

    def test_the_first_plan_stays(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=3)
        catalog.close_chunk(ref, 0)
        assert catalog.commit_plan(ref, MEDIA, chunks(5)) == chunks(3)
        video = catalog.generation(ref)
        assert video is not None
        assert (video.chunk_count, video.open_chunks) == (3, frozenset({1, 2}))

    def test_of_many_plans_at_once_all_get_the_same(self, catalog: Catalog) -> None:
        catalog.begin(a_video())
        plans = together(8, lambda n: catalog.commit_plan(a_ref(), MEDIA, chunks(n + 1)))
        assert all(plan == plans[0] for plan in plans)
        assert catalog.chunks(a_ref()) == plans[0]

    def test_clips_and_failures_are_recorded_with_their_chunk(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        audio = replace(CLIP, object_name="v1/1/chunk-0.m4a", content_type="audio/mp4")
        silent = replace(CLIP, object_name="v1/1/chunk-0-silent.mp4")
        catalog.commit_clips(ref, 0, video_clip=CLIP, audio_clip=audio, silent_clip=silent)
        catalog.commit_clips(ref, 1, video_clip=None, audio_clip=None, failure="no keyframe")
        assert catalog.chunks(ref) == [
            replace(chunks(2)[0], video_clip=CLIP, audio_clip=audio, silent_clip=silent),
            replace(chunks(2)[1], failure="no keyframe"),
        ]
        catalog.commit_clips(ref, 1, video_clip=None, audio_clip=None)
        assert catalog.chunk(ref, 1) == chunks(2)[1]

    def test_closing_a_chunk_twice_is_closing_it_once(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=3)
        catalog.close_chunk(ref, 1)
        catalog.close_chunk(ref, 1)
        video = catalog.generation(ref)
        assert video is not None
        assert video.open_chunks == frozenset({0, 2})

    def test_many_chunks_closed_at_once_make_exactly_one_transition(self, catalog: Catalog) -> None:
        count = 48
        ref = planned(catalog, count=count)

        def close_some(thread: int) -> int:
            moved = 0
            for number in range(thread, count, 16):
                catalog.close_chunk(ref, number)
                moved += catalog.move(ref, to=VideoState.ASSEMBLING, when=frozenset({VideoState.EXTRACTING}))
            return moved

        assert sum(together(16, close_some)) == 1
        assert state_of(catalog, ref) is VideoState.ASSEMBLING

    def test_a_reopened_chunk_is_extracted_again(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=2)
        for number in range(2):
            catalog.close_chunk(ref, number)
        catalog.move(ref, to=VideoState.READY, when=ANY)
        catalog.reopen_chunk(ref, 1)
        catalog.reopen_chunk(ref, 1)
        video = catalog.generation(ref)
        assert video is not None
        assert (video.state, video.open_chunks) == (VideoState.EXTRACTING, frozenset({1}))

    # sections

    def test_a_section_that_nobody_touched_is_pending(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        assert catalog.section(a_key(ref)) == SectionRecord(key=a_key(ref))
        assert catalog.sections(ref) == []

    def test_a_section_comes_back_whole(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.commit_section(a_record())
        assert catalog.section(a_key(ref)) == a_record()

    def test_sections_come_in_order_of_chunk_and_section(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=11)
        keys = [
            a_key(ref, chunk, section) for chunk in (10, 2, 0) for section in (Section.VISUAL_INFO, Section.TEXTS, Section.TRANSCRIPTION)
        ]
        for key in keys:
            catalog.commit_section(a_record(key))
        assert [record.key for record in catalog.sections(ref)] == sorted(keys)
        assert [record.key for record in catalog.sections(ref, 2)] == sorted(key for key in keys if key.chunk == 2)

    def test_only_sections_that_are_terminal_are_finished(self, catalog: Catalog) -> None:
        ref, other = planned(catalog, count=3), planned(catalog, a_ref(generation=2))
        assert catalog.finished_sections(ref) == 0
        for chunk, state in enumerate((SectionState.DONE, SectionState.SKIPPED, SectionState.BLOCKED)):
            catalog.commit_section(replace(a_record(a_key(ref, chunk)), state=state))
        catalog.commit_section(replace(a_record(a_key(ref, 0, Section.VISUAL_INFO)), state=SectionState.FAILED))
        catalog.lease(a_key(ref, 1, Section.VISUAL_INFO), long())
        catalog.commit_section(a_record(a_key(other)))
        assert catalog.finished_sections(ref) == 4
        catalog.reset_section(a_key(ref, 0))
        assert catalog.finished_sections(ref) == 3
        catalog.forget(ref)
        assert (catalog.finished_sections(ref), catalog.finished_sections(other)) == (0, 1)

    def test_the_last_commit_of_a_section_wins(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.commit_section(a_record(text="first"))
        catalog.commit_section(a_record(text="second"))
        assert catalog.section(a_key(ref)) == a_record(text="second")
        assert len(catalog.sections(ref)) == 1

    def test_a_lease_counts_attempts_and_keeps_others_away(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        lease = catalog.lease(a_key(ref), long())
        assert (lease.key, lease.attempt) == (a_key(ref), 1)
        assert lease.until > now()
        record = catalog.section(a_key(ref))
        assert (record.state, record.attempts, record.failures) == (SectionState.PENDING, 1, 0)
        with pytest.raises(Busy):
            catalog.lease(a_key(ref), long())
        assert catalog.section(a_key(ref)).attempts == 1
        catalog.lease(a_key(ref, chunk=1), long())
        catalog.lease(a_key(ref, section=Section.VISUAL_INFO), long())

    def test_of_many_workers_who_race_for_one_lease_exactly_one_gets_it(self, catalog: Catalog) -> None:
        ref = planned(catalog)

        def try_it(_: int) -> bool:
            try:
                catalog.lease(a_key(ref), long())
            except Busy:
                return False
            return True

        assert sum(together(8, try_it)) == 1
        assert catalog.section(a_key(ref)).attempts == 1

    def test_an_expired_lease_can_be_taken_by_another(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        again = freed(catalog, catalog.lease(a_key(ref), soon()))
        assert again.attempt == 2
        assert catalog.section(a_key(ref)).failures == 0

    def test_a_released_section_can_be_leased_again_and_says_why(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.release(catalog.lease(a_key(ref), long()), "the model was down")
        record = catalog.section(a_key(ref))
        assert (record.state, record.reason, record.attempts, record.failures) == (SectionState.PENDING, "the model was down", 1, 1)
        assert catalog.lease(a_key(ref), long()).attempt == 2

    def test_who_gives_a_section_back_without_having_failed_is_not_held_responsible(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.release(catalog.lease(a_key(ref), long()), "no quota", failed=False)
        record = catalog.section(a_key(ref))
        assert (record.reason, record.attempts, record.failures, record.leased_until) == ("no quota", 1, 0, None)

    def test_what_failed_work_cost_adds_up_in_the_record(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        for failed in (True, False):
            catalog.release(catalog.lease(a_key(ref), long()), "no", failed=failed, usage=Usage({"video": 70, "output": 5}, 0.5, 0.25))
        assert catalog.section(a_key(ref)).usage == Usage({"video": 140, "output": 10}, 1.0, 0.5)
        catalog.release(catalog.lease(a_key(ref), long()), "no")
        assert catalog.section(a_key(ref)).usage.cost_usd == 0.5

    def test_releasing_twice_counts_one_failure(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        lease = catalog.lease(a_key(ref), long())
        catalog.release(lease, "once")
        catalog.release(lease, "twice")
        record = catalog.section(a_key(ref))
        assert (record.failures, record.reason) == (1, "once")

    def test_a_lost_lease_releases_nothing(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        lost = catalog.lease(a_key(ref), soon())
        freed(catalog, lost)
        catalog.release(lost, "too late")
        assert catalog.section(a_key(ref)).failures == 0
        with pytest.raises(Busy):
            catalog.lease(a_key(ref), long())

    def test_a_committed_section_is_not_leased_nor_released_again(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        lease = catalog.lease(a_key(ref), long())
        catalog.commit_section(a_record())
        catalog.release(lease, "too late")
        assert catalog.section(a_key(ref)) == a_record()
        with pytest.raises(Busy):
            catalog.lease(a_key(ref), long())

    def test_a_commit_ends_the_lease_even_when_its_record_still_shows_it(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.lease(a_key(ref), long())
        catalog.commit_section(replace(catalog.section(a_key(ref)), state=SectionState.DONE))
        assert catalog.section(a_key(ref)).leased_until is None

    def test_a_reset_section_starts_over(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.release(catalog.lease(a_key(ref), long()), "no")
        catalog.commit_section(a_record(state=SectionState.FAILED))
        catalog.reset_section(a_key(ref))
        assert catalog.section(a_key(ref)) == SectionRecord(key=a_key(ref))
        assert catalog.lease(a_key(ref), long()).attempt == 1

    # the end

    def test_an_assembly_is_added_to_its_video(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        gaps = (Gap(0, None, "no keyframe"), Gap(1, Section.TEXTS, "blocked"))
        assembly = Assembly(summary="夏祭り。", important_scenes=entries(), gaps=gaps, usage=Usage({"text": 5}, 0.5, 0.01))
        catalog.commit_assembly(ref, replace(assembly, summary="first", language="ja"))
        catalog.commit_assembly(ref, assembly)
        video = catalog.generation(ref)
        assert video is not None
        assert (video.summary, video.important_scenes, video.gaps, video.usage) == ("夏祭り。", entries(), gaps, assembly.usage)
        assert video.language == "ja", "one that is not heard takes none away"

    def test_stalled_are_those_that_have_not_ended_and_were_not_touched_since(self, catalog: Catalog) -> None:
        for number, state in enumerate(
            (VideoState.SPLITTING, VideoState.READY, VideoState.FAILED, VideoState.WAITING, VideoState.REMOVING)
        ):
            catalog.begin(replace(a_video(a_ref(f"v{number}")), state=state))
        assert {video.ref.video_id for video in catalog.stalled(BEGUN + timedelta(seconds=1))} == {"v0", "v3", "v4"}
        assert list(catalog.stalled(BEGUN)) == []

    def test_work_on_a_video_takes_it_off_the_stalled(self, catalog: Catalog) -> None:
        catalog.begin(a_video())
        catalog.commit_plan(a_ref(), MEDIA, chunks(2))
        assert list(catalog.stalled(BEGUN + timedelta(seconds=1))) == []
        assert [video.ref for video in catalog.stalled(now() + timedelta(seconds=1))] == [a_ref()]

    def test_old_generations_stall_too(self, catalog: Catalog) -> None:
        for generation in (1, 2):
            catalog.begin(a_video(a_ref(generation=generation)))
        assert {video.ref.generation for video in catalog.stalled(now())} == {1, 2}

    # removed while it is being worked on

    def test_forgetting_leaves_nothing_of_this_generation(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.commit_section(a_record())
        catalog.forget(ref)
        catalog.forget(ref)
        assert catalog.generation(ref) is None
        assert catalog.chunks(ref) == []
        assert catalog.chunk(ref, 0) is None
        assert catalog.sections(ref) == []
        assert catalog.generations("v1") == []

    def test_forgetting_leaves_the_other_generation_alone(self, catalog: Catalog) -> None:
        old, new = planned(catalog, a_ref(generation=1)), planned(catalog, a_ref(generation=2))
        catalog.commit_section(a_record(a_key(old), text="old"))
        catalog.commit_section(a_record(a_key(new), text="new"))
        catalog.forget(old)
        assert catalog.section(a_key(new)) == a_record(a_key(new), text="new")
        assert catalog.chunks(new) == chunks(2)
        live = catalog.video("v1")
        assert live is not None
        assert live.ref == new

    def test_forgetting_the_newest_makes_the_one_before_live(self, catalog: Catalog) -> None:
        old, new = planned(catalog, a_ref(generation=1)), planned(catalog, a_ref(generation=2))
        catalog.forget(new)
        live = catalog.video("v1")
        assert live is not None
        assert live.ref == old

    @pytest.mark.parametrize(
        "work",
        [
            pytest.param(lambda c, r, _: c.commit_plan(r, MEDIA, chunks(2)), id="commit_plan"),
            pytest.param(lambda c, r, _: c.commit_clips(r, 0, video_clip=CLIP, audio_clip=None), id="commit_clips"),
            pytest.param(lambda c, r, _: c.close_chunk(r, 0), id="close_chunk"),
            pytest.param(lambda c, r, _: c.reopen_chunk(r, 0), id="reopen_chunk"),
            pytest.param(lambda c, r, _: c.section(a_key(r)), id="section"),
            pytest.param(lambda c, r, _: c.lease(a_key(r), long()), id="lease"),
            pytest.param(lambda c, r, _: c.commit_section(a_record(a_key(r))), id="commit_section"),
            pytest.param(lambda c, r, _: c.reset_section(a_key(r)), id="reset_section"),
            pytest.param(lambda c, r, _: c.await_batch(a_key(r), now()), id="await_batch"),
            pytest.param(lambda c, r, _: c.leave_batch(a_key(r)), id="leave_batch"),
            pytest.param(lambda c, r, _: c.commit_assembly(r, Assembly(summary="", important_scenes=(), gaps=())), id="commit_assembly"),
        ],
    )
    def test_work_on_a_forgotten_video_is_gone_and_brings_nothing_back(
        self, catalog: Catalog, work: Callable[[Catalog, VideoRef, Lease], object]
    ) -> None:
        ref = planned(catalog)
        lease = catalog.lease(a_key(ref), long())
        catalog.forget(ref)
        with pytest.raises(Gone):
            work(catalog, ref, lease)
        assert catalog.generation(ref) is None
        assert catalog.chunks(ref) == []
        assert catalog.sections(ref) == []

    def test_a_section_waits_for_a_batch_until_it_has_one_and_the_batch_ends(self, catalog: Catalog) -> None:
        ref, batch = planned(catalog), Batch(id=uuid.uuid4().hex, section=Section.TRANSCRIPTION, created_at=now())
        keys = [a_key(ref, chunk) for chunk in (0, 1)]
        until = now() + timedelta(hours=1)
        for key in keys:
            catalog.await_batch(key, until)
        assert [catalog.section(key).waits_for_batch for key in keys] == [True, True]
        assert set(keys) <= set(catalog.batch_sections("", 1000))
        assert len(catalog.batch_sections("", 1)) == 1
        catalog.save_batch(batch, keys)
        assert not set(keys) & set(catalog.batch_sections("", 1000))
        catalog.save_batch(replace(batch, job="projects/p/locations/l/batchPredictionJobs/1"))
        stored = catalog.batch(batch.id)
        assert stored is not None
        assert (stored.job, stored.section) == ("projects/p/locations/l/batchPredictionJobs/1", Section.TRANSCRIPTION)
        assert batch.id in [one.id for one in catalog.batches()]
        assert set(catalog.batch_sections(batch.id, 1000)) == set(keys)
        for _ in range(2):
            catalog.end_batch(batch.id)
        assert (catalog.batch(batch.id), catalog.batch_sections(batch.id, 1000)) == (None, [])
        assert batch.id not in [one.id for one in catalog.batches()]

    def test_a_section_is_moved_into_one_batch_and_its_job_is_started_by_one(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=4)
        keys = [a_key(ref, chunk) for chunk in range(4)]
        for key in keys:
            catalog.await_batch(key, now() + long())
        both = [Batch(id=uuid.uuid4().hex, section=Section.TRANSCRIPTION, created_at=now()) for _ in range(2)]
        together(2, lambda number: catalog.save_batch(both[number], keys))
        found = [catalog.batch_sections(batch.id, 10) for batch in both]
        assert sorted(found[0] + found[1], key=lambda key: key.chunk) == keys
        until = [now() + long() + timedelta(seconds=number) for number in range(4)]
        claims = together(4, lambda number: catalog.claim_batch(both[0].id, until[number]))
        assert sum(claims) == 1
        held = until[claims.index(True)]
        assert not catalog.claim_batch(both[0].id, now(), held=now())
        assert catalog.claim_batch(both[0].id, now(), held=held)  # given up
        assert catalog.claim_batch(both[0].id, now())  # and it has run out
        catalog.save_batch(replace(both[0], job="projects/p/locations/l/batchPredictionJobs/1"))
        assert not catalog.claim_batch(both[0].id, now() + long())
        assert not catalog.claim_batch("unknown", now() + long())

    def test_a_section_that_leaves_its_batch_or_has_ended_waits_no_more(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        catalog.await_batch(a_key(ref, 0), now() + timedelta(hours=1))
        catalog.leave_batch(a_key(ref, 0))
        left = catalog.section(a_key(ref, 0))
        assert (left.state, left.waits_for_batch, left.batch_until is not None) == (SectionState.PENDING, False, True)
        catalog.leave_batch(a_key(ref, 0, Section.VISUAL_INFO))  # of which nothing is known yet
        assert catalog.section(a_key(ref, 0, Section.VISUAL_INFO)).batch_until is not None
        ended = a_record(a_key(ref, 1))
        catalog.commit_section(ended)
        catalog.await_batch(a_key(ref, 1), now() + timedelta(hours=1))
        assert catalog.section(a_key(ref, 1)) == ended

    def test_a_lease_on_a_forgotten_video_is_released_in_silence(self, catalog: Catalog) -> None:
        ref = planned(catalog)
        lease = catalog.lease(a_key(ref), long())
        catalog.forget(ref)
        catalog.release(lease, "too late")
        assert catalog.sections(ref) == []

    def test_a_chunk_that_is_not_in_the_plan_has_no_sections(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=2)
        with pytest.raises(Gone):
            catalog.section(a_key(ref, chunk=2))
        with pytest.raises(Gone):
            catalog.commit_section(a_record(a_key(ref, chunk=2)))

    def test_forgetting_while_many_work_ends_with_nothing(self, catalog: Catalog) -> None:
        ref = planned(catalog, count=8)

        def work(number: int) -> None:
            try:
                for _ in range(3):
                    catalog.commit_section(a_record(a_key(ref, number % 8)))
                    catalog.close_chunk(ref, number % 8)
                    catalog.reset_section(a_key(ref, number % 8))
            except Gone:
                return

        together(9, lambda number: catalog.forget(ref) if number == 8 else work(number))
        catalog.forget(ref)
        assert catalog.generation(ref) is None
        assert catalog.sections(ref) == []

    # the daily cap, feedback

    def test_a_video_is_booked_once_and_only_below_the_cap(self, catalog: Catalog) -> None:
        cap = 100
        assert catalog.reserve("2026-11-03", a_ref("v1"), 60, cap)
        assert catalog.reserve("2026-11-03", a_ref("v1"), 60, cap)
        assert not catalog.reserve("2026-11-03", a_ref("v2"), 41, cap)
        assert catalog.reserve("2026-11-03", a_ref("v3"), 40, cap)
        assert catalog.reserve("2026-11-04", a_ref("v2"), 41, cap)

    def test_many_who_book_at_once_stay_below_the_cap(self, catalog: Catalog) -> None:
        assert sum(together(8, lambda n: catalog.reserve("2026-11-03", a_ref(f"v{n}"), 30, 100))) == 3

    def test_feedback_is_kept(self, catalog: Catalog) -> None:
        said = [
            Feedback(query="赤い車", ref=a_ref(), span=Span(0, 900), right=right, caller="mika@example.com", at=BEGUN)
            for right in (True, False)
        ]
        for one in said:
            catalog.save_feedback(one)
        assert sorted(catalog.feedback(), key=lambda one: not one.right) == said

    # one commit

    def test_what_is_grouped_is_applied(self, catalog: Catalog) -> None:
        with catalog.atomic():
            catalog.begin(a_video())
            with catalog.atomic():
                catalog.commit_plan(a_ref(), MEDIA, chunks(1))
            assert catalog.chunks(a_ref()) == chunks(1)
        assert catalog.chunks(a_ref()) == chunks(1)

    def test_of_a_group_that_fails_nothing_stays_without_what_came_before_it(self, catalog: Catalog) -> None:
        """A backend undoes the group, or has applied it in order up to the error: doing it again finishes it either way."""
        ref = planned(catalog)

        def group(last: VideoRef) -> None:
            with catalog.atomic():
                catalog.close_chunk(ref, 0)
                catalog.commit_section(a_record())
                catalog.close_chunk(last, 1)

        def seen() -> tuple[frozenset[int], bool]:
            video = catalog.generation(ref)
            assert video is not None
            return video.open_chunks, bool(catalog.sections(ref))

        with pytest.raises(Gone):
            group(a_ref("another"))
        assert seen() in [(frozenset({0, 1}), False), (frozenset({1}), True)]
        group(ref)
        assert seen() == (frozenset(), True)

"""The catalog in Firestore (its emulator): the contract, and what only it promises."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from google.cloud import firestore

from contract.catalog_contract import CatalogContract, planned
from contract.given import BEGUN, MEDIA, a_key, a_record, a_ref, a_video, chunks, long, together
from emulators import need_emulators
from scenesearch.backends.gcp.catalog import FirestoreCatalog
from scenesearch.errors import Gone
from scenesearch.metadata import Entry, Section
from scenesearch.ports import Assembly, Catalog
from scenesearch.timeline import Span
from scenesearch.video import Collection, Gap, VideoState


@pytest.fixture
def client() -> firestore.Client:
    need_emulators()
    return firestore.Client(project=f"p-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def catalog(client: firestore.Client) -> Catalog:
    return FirestoreCatalog(client)


class TestFirestoreCatalog(CatalogContract):
    pass


def test_a_group_is_applied_in_order_and_what_came_before_an_error_stays(catalog: Catalog) -> None:
    """The handlers' redelivery goes on from there."""
    ref = planned(catalog, count=2)
    with pytest.raises(Gone), catalog.atomic():  # noqa: PT012 (the group is the statement)
        catalog.close_chunk(ref, 0)
        catalog.close_chunk(a_ref("another"), 0)
    video = catalog.generation(ref)
    assert video is not None
    assert video.open_chunks == frozenset({1})


def many_entries(count: int) -> tuple[Entry, ...]:
    long_text = "何かが起こる。" * 20
    spans = (Span(n * 10, n * 10 + 5) for n in range(count))
    return tuple(Entry(section=Section.TEXTS, span=s, text=f"{s} {long_text}", lines=(str(s), long_text)) for s in spans)


@pytest.mark.parametrize("count", [0, 1, 3000, 20_000])
def test_a_section_of_any_size_comes_back_whole(catalog: Catalog, count: int) -> None:
    ref = planned(catalog)
    record = replace(a_record(), entries=many_entries(count))
    catalog.commit_section(record)
    assert catalog.section(a_key(ref)) == record
    assert catalog.sections(ref) == [record]


def test_no_document_comes_near_the_limit(catalog: Catalog, client: firestore.Client) -> None:
    ref = planned(catalog)
    catalog.commit_section(replace(a_record(), entries=many_entries(20_000)))
    parts = [part.to_dict() for part in client.collection_group("parts").stream()]
    assert len(parts) > 10
    assert max(len(part["body"].encode()) for part in parts) < 900_000
    catalog.commit_section(a_record(text="small"))
    assert catalog.section(a_key(ref)) == a_record(text="small")
    catalog.forget(ref)
    assert list(client.collection_group("parts").stream()) == []


def test_a_video_with_very_many_gaps_comes_back_whole(catalog: Catalog) -> None:
    ref = planned(catalog)
    gaps = tuple(Gap(n, Section.TEXTS, f"{n}: " + "the model refused " * 60) for n in range(1200))
    catalog.commit_assembly(ref, Assembly(summary="s", important_scenes=many_entries(100), gaps=gaps))
    video = catalog.generation(ref)
    assert video is not None
    assert (video.gaps, video.important_scenes) == (gaps, many_entries(100))
    assert list(catalog.videos()) == [video]


def test_333_chunks_closed_from_16_threads_make_one_transition_in_ten_seconds(
    catalog: Catalog, record_property: pytest.RecordProperty
) -> None:
    count = 333
    ref = planned(catalog, count=count)
    begun = time.monotonic()

    def close_some(thread: int) -> int:
        moved = 0
        for number in range(thread, count, 16):
            catalog.close_chunk(ref, number)
            moved += catalog.move(ref, to=VideoState.ASSEMBLING, when=frozenset({VideoState.EXTRACTING}))
        return moved

    transitions = sum(together(16, close_some))
    took = time.monotonic() - begun
    video = catalog.generation(ref)
    assert video is not None
    record_property("fan_in_s", round(took, 2))
    record_property("transitions", transitions)
    record_property("chunks_left_open", len(video.open_chunks))
    assert transitions == 1
    assert (video.state, video.open_chunks) == (VideoState.ASSEMBLING, frozenset())
    assert took <= 10, f"{took:.1f} s"


def test_a_plan_of_two_thousand_chunks_is_one_commit(catalog: Catalog) -> None:
    catalog.begin(a_video())
    assert len(catalog.commit_plan(a_ref(), MEDIA, chunks(2000))) == 2000


def test_work_on_a_section_takes_its_video_off_the_stalled(catalog: Catalog) -> None:
    ref = planned(catalog)
    begun = catalog.generation(ref)
    assert begun is not None
    before = begun.updated_at + timedelta(microseconds=1)
    assert [video.ref for video in catalog.stalled(before + timedelta(hours=1))] == [ref]
    catalog.lease(a_key(ref), long())
    assert list(catalog.stalled(before)) == []


def test_a_video_that_is_being_removed_gets_no_plan(catalog: Catalog) -> None:
    catalog.begin(replace(a_video(), state=VideoState.REMOVING))
    with pytest.raises(Gone):
        catalog.commit_plan(a_ref(), MEDIA, chunks(3))
    assert catalog.chunks(a_ref()) == []


@pytest.mark.parametrize("name", ["..", "__all__", "夏祭り", "x" * 1000, "a/b", "."])
def test_collections_may_have_odd_names(catalog: Catalog, name: str) -> None:
    catalog.save_collection(Collection(name, frozenset({"*"})))
    assert catalog.collection(name) == Collection(name, frozenset({"*"}))
    assert [one.name for one in catalog.collections()] == [name]


def test_videos_of_many_collections_are_listed(catalog: Catalog) -> None:
    for number in range(70):
        catalog.begin(a_video(a_ref(f"v{number:02}"), collection=f"c{number}", begun=BEGUN + timedelta(minutes=number)))
    wanted = frozenset(f"c{number}" for number in range(69))
    assert [video.ref.video_id for video in catalog.videos(wanted)] == [f"v{number:02}" for number in reversed(range(69))]


def test_long_reasons_are_shortened_not_refused(catalog: Catalog) -> None:
    ref = planned(catalog)
    catalog.release(catalog.lease(a_key(ref), long()), "because " * 200_000)
    reason = catalog.section(a_key(ref)).reason
    assert reason is not None
    assert reason.startswith("because because")
    assert len(reason) == 4000

"""Sections read out of real clips by the real client: what is sent, what is kept, what is repaired, bisected, refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.vertexai.harbour import NUMBER, TRUTH, Chunk, GsFolder, chunk_in, soon
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.errors import Blocked, InvalidRequest, ModelError, ObjectNotFound, Skipped, TooLarge, Unavailable
from scenesearch.metadata import CHUNK_SECTIONS, Layout, Section, TextKind
from scenesearch.models.vertexai import media_parts
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.ports import ClipInput, Extraction, Spending
from scenesearch.video import Clip, Profile
from stand_ins.vertexai.coded import make
from stand_ins.vertexai.control import Control

WRONG_TIMES = ["out_of_range", "inverted", "unordered"]


BURNS = "the car lies on its roof and burns"

HALVED = {
    Section.VISUAL_INFO: [("a harbour at dawn", 0), ("a red car skids on the pier", 500), (BURNS, 3000)],
    Section.TRANSCRIPTION: [("Look out for the crates!", 1000), ("だいじょうぶ？", 4000), ("Call the fire brigade.", 6000)],
    Section.TEXTS: [("魚市場 / Fish market", 1000), ("Call the fire brigade.", 6000)],
}
"""What is found, and when; the last shot lies over the border of the halves, at 6 s."""


class Extract:
    """Extracts a section of the chunk with the real client."""

    def __init__(self, client: VertexClient, settings: Settings, chunk: Chunk) -> None:
        self.client, self.settings, self.chunk = client, settings, chunk

    def __call__(self, section: Section, given: ClipInput | None = None, seconds: float = 30) -> Extraction:
        extractor = extractor_of(section, self.client, self.settings)
        return extractor.extract(given or (self.chunk.audio if extractor.wants_audio else self.chunk.video), deadline=soon(seconds))


@pytest.fixture
def extract(client: VertexClient, settings: Settings, chunk: Chunk) -> Extract:
    return Extract(client, settings, chunk)


def times(found: Extraction) -> list[tuple[int, int]]:
    return [(entry.span.start_ms, entry.span.end_ms) for entry in found.entries]


def test_visual_info_is_read_relative_to_the_clip(extract: Extract) -> None:
    found = extract(Section.VISUAL_INFO)
    assert times(found) == [(0, 500), (500, 3000), (3000, 10000)]
    assert [e.text for e in found.entries] == ["a harbour at dawn", "a red car skids on the pier", "the car lies on its roof and burns"]
    assert [e.subject_scale for e in found.entries] == [None, 0.4, None]
    assert found.digest == "A car burns at a harbour."


def test_transcription_is_heard_in_the_sound_alone(extract: Extract, stand_in: Control) -> None:
    found = extract(Section.TRANSCRIPTION)
    assert [(e.speaker, e.text) for e in found.entries] == [
        ("Speaker 1", "Look out for the crates!"),
        ("Speaker 2", "だいじょうぶ？"),
        ("Speaker 1", "Call the fire brigade."),
    ]
    assert [abs(start - truth) <= 30 for (start, _), truth in zip(times(found), (1000, 4000, 6000), strict=True)] == [True] * 3
    assert found.language == "en"
    (request,) = stand_in.requests()
    assert request["uri"] == "gs://work/v7/3/clips/0001.m4a"
    assert set(found.usage.tokens) == {"text", "audio", "output"}


def test_texts_keep_lines_layout_and_kind(extract: Extract) -> None:
    found = extract(Section.TEXTS)
    sign, caption = found.entries
    assert (sign.text, sign.lines) == ("魚市場 / Fish market", ("魚市場", "Fish market"))
    assert sign.layout == Layout("top left", direction="vertical")
    assert (sign.kind, caption.kind) == (TextKind.TEXT, TextKind.CAPTION)
    assert times(found) == [(1000, 5000), (6000, 7000)]


def test_each_section_is_shown_the_cheapest_sufficient_input(extract: Extract, stand_in: Control) -> None:
    tokens = {section: extract(section).usage.tokens for section in CHUNK_SECTIONS}
    assert tokens[Section.VISUAL_INFO]["video"] == 12 * 70
    assert tokens[Section.TEXTS]["video"] == 6 * 280
    assert "video" not in tokens[Section.TRANSCRIPTION]
    assert [len(stand_in.requests(kind=section)) for section in CHUNK_SECTIONS] == [1, 1, 1]


def test_what_was_spent_is_recorded_with_model_and_prompt(extract: Extract, settings: Settings) -> None:
    found = extract(Section.VISUAL_INFO)
    tokens = found.usage.tokens
    went_in = tokens["text"] + tokens["video"] + tokens["audio"]
    assert found.usage.cost_usd == pytest.approx((went_in * 0.30 + tokens["output"] * 2.50) / 1e6)
    assert found.model == settings.vertexai_bulk_model
    assert len(found.prompt_version) == 12


def test_clips_that_are_not_in_cloud_storage_are_sent_inline(
    client: VertexClient, settings: Settings, stand_in: Control, clips: tuple[Path, Path], tmp_path: Path
) -> None:
    local = chunk_in(FolderObjectStore(tmp_path / "local", "work", signer=UrlSigner(tmp_path / "local-key")), clips)
    found = Extract(client, settings, local)(Section.VISUAL_INFO)
    assert times(found) == [(0, 500), (500, 3000), (3000, 10000)]
    (request,) = stand_in.requests()
    assert (request["uri"], request["start_s"]) == (None, 4.0)


def test_an_inline_clip_that_is_too_large_is_refused_before_it_is_read(
    client: VertexClient, settings: Settings, stand_in: Control, clips: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = chunk_in(FolderObjectStore(tmp_path / "local", "work", signer=UrlSigner(tmp_path / "local-key")), clips)
    monkeypatch.setattr(media_parts, "MOST_INLINE_BYTES", 10_000)
    with pytest.raises(TooLarge, match=r"0001\.mp4 holds 0\.\d MB, and a request at most"):
        Extract(client, settings, local)(Section.VISUAL_INFO)
    assert stand_in.requests() == []


@pytest.mark.parametrize("section", CHUNK_SECTIONS)
@pytest.mark.parametrize("fault", [*WRONG_TIMES, "malformed"])
def test_a_faulty_answer_is_sent_back_once_and_then_right(section: Section, fault: str, extract: Extract, stand_in: Control) -> None:
    undisturbed = extract(section)
    stand_in.forget()
    stand_in.script({"fault": fault, "times": 1})
    found = extract(section)
    assert found.entries == undisturbed.entries
    assert found.rejected == 0
    first, second = stand_in.requests()
    assert (first["repair"], second["repair"]) == (False, True)
    assert found.usage.cost_usd > undisturbed.usage.cost_usd * 1.5


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("out_of_range", "note 3: it runs from 20.0"),
        ("inverted", "note 3: it ends at 3, not after its start 10"),
        ("unordered", "note 1: it starts at 3, out of the order of the others"),
        ("malformed", "the answer: Invalid JSON"),
    ],
)
def test_the_repair_request_names_the_fault(fault: str, named: str, extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": fault, "times": 1})
    extract(Section.VISUAL_INFO)
    clip, bad, repair = stand_in.requests()[1]["body"]["contents"]
    assert [clip["role"], bad["role"], repair["role"]] == ["user", "model", "user"]
    assert f"- {named}" in repair["parts"][0]["text"]


@pytest.mark.parametrize("fault", WRONG_TIMES)
def test_what_stays_wrong_is_rejected_and_counted_never_bent(fault: str, extract: Extract, stand_in: Control) -> None:
    undisturbed = extract(Section.VISUAL_INFO)
    stand_in.forget()
    stand_in.script({"fault": fault})
    found = extract(Section.VISUAL_INFO)
    assert found.entries == undisturbed.entries[:2]
    assert found.rejected == 1
    assert len(stand_in.requests()) == 2


def test_an_answer_that_stays_unreadable_is_a_model_error(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "malformed"})
    with pytest.raises(ModelError, match="no usable answer"):
        extract(Section.TEXTS)
    assert len(stand_in.requests()) == 2


def test_an_unreadable_repair_does_not_cost_what_was_right_before(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "inverted", "nth": [1]}, {"fault": "malformed", "match": {"repair": True}})
    found = extract(Section.VISUAL_INFO)
    assert (len(found.entries), found.rejected) == (2, 1)


def test_an_answer_without_one_usable_time_is_a_model_error(extract: Extract, stand_in: Control) -> None:
    notes = [{"start": 99, "end": 98, "text": "Hello"}, {"start": -3, "end": 2, "text": "there"}]
    stand_in.script({"fault": "answer", "answer": {"transcription": notes, "digest": ""}})
    with pytest.raises(ModelError, match=r"2 entries .* none with a usable time"):
        extract(Section.TRANSCRIPTION)


def test_an_end_in_the_last_begun_second_is_the_clips_end(extract: Extract, stand_in: Control, chunk: Chunk) -> None:
    shorter = Clip(chunk.video.clip.object_name, "video/mp4", 4000, 11_200, 1)
    given = ClipInput(clip=shorter, store=chunk.video.store, profile=Profile())
    note = {"start": 10, "end": 12, "description": "smoke"}
    stand_in.script({"fault": "answer", "answer": {"visual_info": [note], "digest": ""}})
    assert times(extract(Section.VISUAL_INFO, given)) == [(10_000, 11_200)]


def test_an_empty_answer_is_an_answer(extract: Extract, stand_in: Control) -> None:
    stand_in.tell({})
    found = extract(Section.TRANSCRIPTION)
    assert (found.entries, found.digest, found.rejected) == ((), "", 0)


@pytest.mark.parametrize("section", CHUNK_SECTIONS)
def test_an_answer_without_having_looked_is_rejected(section: Section, extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "unseen"})
    with pytest.raises(ModelError, match="without looking"):
        extract(section)


@pytest.mark.parametrize("section", CHUNK_SECTIONS)
def test_an_answer_that_is_cut_off_is_asked_for_in_halves(section: Section, extract: Extract, stand_in: Control, store: GsFolder) -> None:
    stand_in.script({"fault": "truncated", "match": {"longer_than": 7}})
    found = extract(section)
    whole, first, second = stand_in.requests()
    assert first["start_s"] == pytest.approx(4.0, abs=0.05)
    assert second["start_s"] == pytest.approx(10.0, abs=0.05)
    assert first["duration_s"] + second["duration_s"] == pytest.approx(whole["duration_s"], abs=0.1)
    assert [(e.text, e.span.start_ms) for e in found.entries] == [(text, pytest.approx(at, abs=40)) for text, at in HALVED[section]]
    assert [info.name for info in store.list()] == ["v7/3/clips/0001.m4a", "v7/3/clips/0001.mp4"]


def test_two_sections_that_halve_the_same_clip_leave_each_other_alone(chunk: Chunk, store: GsFolder) -> None:
    part = media_parts.MediaPart(chunk.video.clip, store)
    with part.bisected(Section.TEXTS, audio=False) as texts:
        with part.bisected(Section.VISUAL_INFO, audio=False):
            pass
        assert all(store.stat(half.clip.object_name).size_bytes for half in texts)


def test_halves_are_halved_again_until_the_answer_fits(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "truncated", "match": {"longer_than": 3.5}})
    found = extract(Section.VISUAL_INFO)
    assert times(found) == [(0, 500), (500, 3000), (3000, 10000)]
    assert {e.text for e in found.entries} == {note["description"] for note in TRUTH["videos"][str(NUMBER)]["visual_info"]}
    assert len(stand_in.requests()) == 7


def test_a_half_that_fits_no_answer_at_all_is_a_model_error(extract: Extract, stand_in: Control, store: GsFolder) -> None:
    stand_in.script({"fault": "truncated"})
    with pytest.raises(ModelError, match="too short to be bisected"):
        extract(Section.VISUAL_INFO)
    assert len(list(store.list())) == 2


def test_a_clip_with_one_keyframe_is_encoded_to_be_halved(
    client: VertexClient, settings: Settings, stand_in: Control, store: GsFolder, tmp_path: Path
) -> None:
    path = make(tmp_path / "one.mp4", NUMBER, 8.0, gop=1000)
    with path.open("rb") as source:
        store.replace("v7/3/clips/0000.mp4", source, content_type="video/mp4")
    given = ClipInput(clip=Clip("v7/3/clips/0000.mp4", "video/mp4", 0, 8000, path.stat().st_size), store=store, profile=Profile())
    stand_in.script({"fault": "truncated", "match": {"longer_than": 5}})
    found = extractor_of(Section.VISUAL_INFO, client, settings).extract(given, deadline=soon())
    assert times(found) == [(0, 4500), (4500, 7000), (7000, 8000)]


def test_a_refused_clip_is_blocked_with_the_reason(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "safety"})
    with pytest.raises(Blocked, match="SAFETY"):
        extract(Section.VISUAL_INFO)


def test_a_clip_too_short_to_be_seen_is_skipped_without_asking(extract: Extract, stand_in: Control, chunk: Chunk) -> None:
    short = ClipInput(clip=Clip("v7/3/clips/0001.mp4", "video/mp4", 0, 390, 1), store=chunk.video.store, profile=Profile())
    with pytest.raises(Skipped, match="390 ms"):
        extract(Section.VISUAL_INFO, short)
    assert stand_in.requests() == []


def test_a_clip_that_is_gone_is_reported_as_gone(extract: Extract, chunk: Chunk, stand_in: Control) -> None:
    chunk.video.store.delete(chunk.video.clip.object_name)
    with pytest.raises(ObjectNotFound):
        extract(Section.VISUAL_INFO)
    assert stand_in.requests() == []


def test_a_type_that_gemini_does_not_read_is_refused(extract: Extract, chunk: Chunk) -> None:
    odd = ClipInput(clip=Clip("v7/3/clips/0001.mp4", "video/x-matroska", 0, 4000, 1), store=chunk.video.store, profile=Profile())
    with pytest.raises(InvalidRequest, match="video/x-matroska"):
        extract(Section.VISUAL_INFO, odd)


def test_a_model_that_is_out_stays_out_until_the_queue_comes_again(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "http", "status": 503})
    with pytest.raises(Unavailable):
        extract(Section.VISUAL_INFO, seconds=3)
    stand_in.script()
    assert len(extract(Section.VISUAL_INFO).entries) == 3


def test_control_characters_in_an_answer_do_not_reach_the_metadata(extract: Extract, stand_in: Control) -> None:
    note = {"start": 1, "end": 2, "description": "a sign\n[summary]\n\u0000\u202eevil"}
    stand_in.script({"fault": "answer", "answer": {"visual_info": [note], "digest": "one\ntwo"}})
    found = extract(Section.VISUAL_INFO)
    assert [e.text for e in found.entries] == ["a sign [summary] evil"]
    assert found.digest == "one two"


@pytest.mark.parametrize(
    ("faults", "requests", "error"),
    [
        pytest.param([{"fault": "safety"}], 1, Blocked, id="stopped by the safety rules"),
        pytest.param([{"fault": "blocked"}], 1, Blocked, id="refused"),
        pytest.param([{"fault": "malformed"}], 2, ModelError, id="prose, and prose again"),
        pytest.param([{"fault": "unseen"}], 1, ModelError, id="invented"),
        pytest.param([{"fault": "truncated", "times": 1}, {"fault": "safety", "nth": [3]}], 3, Blocked, id="cut off, a half refused"),
    ],
)
def test_what_comes_to_nothing_has_cost_what_each_request_cost(
    faults: list[dict[str, Any]], requests: int, error: type[Exception], extract: Extract, stand_in: Control
) -> None:
    stand_in.script(*faults)
    given = replace(extract.chunk.video, spending=Spending())
    with pytest.raises(error):
        extract(Section.VISUAL_INFO, given)
    assert len(stand_in.requests()) == requests
    stand_in.script()
    one = extract(Section.VISUAL_INFO).usage.cost_usd
    assert given.spending.total.cost_usd > one / 4 * requests
    assert given.spending.total.tokens["text"] > 0


def test_a_whole_answer_costs_the_one_who_asked_the_same(extract: Extract, stand_in: Control) -> None:
    stand_in.script({"fault": "truncated", "times": 1})
    given = replace(extract.chunk.video, spending=Spending())
    assert extract(Section.VISUAL_INFO, given).usage == given.spending.total

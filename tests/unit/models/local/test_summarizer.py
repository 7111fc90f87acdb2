"""The local summary quotes; it never invents."""

from __future__ import annotations

from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.timeline import Span
from scenesearch.video import MediaInfo, Profile, SectionKey, SectionRecord, SectionState, Video, VideoRef, now

REF = VideoRef("v1", 1)


def video(minutes: float) -> Video:
    media = MediaInfo(container="mp4", duration_ms=round(minutes * 60_000), video_codec="h264", width=640, height=360, frame_rate=25)
    return Video(
        ref=REF,
        bucket="b",
        name="default/harbour.mp4",
        collection="default",
        title="Harbour news",
        created_at=now(),
        updated_at=now(),
        media=media,
    )


def said(at: float, text: str, seconds: float = 3) -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span.of_seconds(at, at + seconds), text=text)


def records(*entries: Entry) -> list[SectionRecord]:
    sections = {e.section for e in entries}
    return [
        SectionRecord(key=SectionKey(REF, 0, s), state=SectionState.DONE, entries=tuple(e for e in entries if e.section is s))
        for s in sorted(sections)
    ]


FERRY = [
    said(5, "The new ferry to the island leaves on Monday."),
    said(9, "The ferry takes forty cars to the island."),
    said(60, "In May the old bridge was damaged by the storm."),
    said(64, "The bridge to the island stays closed because of the storm."),
    said(200, "A baker in the town makes bread with sea salt."),
    said(204, "The bread of the baker is sold on the ferry."),
    said(290, "Um."),
]


def test_the_summary_is_a_few_whole_lines_under_the_title() -> None:
    digest = ExtractiveSummarizer().summarize(video(5), records(*FERRY), Profile())

    assert digest.summary.startswith("Harbour news: ")
    quoted = [e.text for e in FERRY if e.text in digest.summary]
    assert 3 <= len(quoted) <= 4
    assert "Um." not in digest.summary


def test_the_summary_covers_what_the_video_is_about() -> None:
    summary = ExtractiveSummarizer().summarize(video(5), records(*FERRY), Profile()).summary

    assert all(word in summary for word in ("ferry", "bridge", "baker"))


def test_important_scenes_are_real_spans_with_real_words_in_order() -> None:
    scenes = ExtractiveSummarizer().summarize(video(5), records(*FERRY), Profile()).important_scenes

    assert 3 <= len(scenes) <= 8
    assert list(scenes) == sorted(scenes, key=lambda e: e.span)
    for scene in scenes:
        inside = [e for e in FERRY if scene.span.overlaps(e.span)]
        assert any(e.text in scene.text for e in inside)
        assert scene.section is Section.IMPORTANT_SCENES


def test_a_longer_video_has_more_important_scenes() -> None:
    long = [
        said(i * 30, f"Chapter {i} is about {word} and nothing else.")
        for i, word in enumerate(["bees", "ships", "salt", "rain", "glass", "trains"] * 3)
    ]

    assert len(ExtractiveSummarizer().summarize(video(9), records(*long), Profile()).important_scenes) == 8


def test_the_same_video_has_the_same_summary_every_time() -> None:
    first, second = (ExtractiveSummarizer().summarize(video(5), records(*FERRY), Profile()) for _ in range(2))

    assert first == second


def test_a_burned_in_clock_is_not_what_a_video_is_about() -> None:
    clock = [
        Entry(section=Section.TEXTS, span=Span(i * 1000, i * 1000 + 1000), text=f"10:00:{i:02}", kind=TextKind.TIMECODE) for i in range(50)
    ]

    digest = ExtractiveSummarizer().summarize(video(1), records(*clock, said(3, "The lighthouse was painted white.")), Profile())

    assert "10:00" not in digest.summary
    assert "The lighthouse was painted white." in digest.summary


def test_a_silent_video_says_only_what_was_measured() -> None:
    shot = Entry(section=Section.VISUAL_INFO, span=Span(0, 8000), text="bright; colours: blue; static camera; shot")

    digest = ExtractiveSummarizer().summarize(video(0.1), records(shot), Profile())

    assert digest.summary == "Harbour news: nothing is said or written; 1 shot."
    assert digest.important_scenes == ()


def test_nothing_at_all_is_summarised_by_its_title() -> None:
    assert ExtractiveSummarizer().summarize(video(0.1), [], Profile()).summary == "Harbour news"


def test_japanese_lines_are_weighed_by_their_characters() -> None:
    lines = [said(0, "灯台は港にあります。"), said(10, "港の灯台は白いです。"), said(20, "今日は雨です。")]

    assert "灯台" in ExtractiveSummarizer().summarize(video(1), records(*lines), Profile()).summary

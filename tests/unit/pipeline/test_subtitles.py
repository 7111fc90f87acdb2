"""Subtitle files stand in for what is heard, whenever they come, change or go; nothing else is worked on again."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scenesearch.config import Settings
from scenesearch.errors import Skipped
from scenesearch.library.uploads import subtitle_object
from scenesearch.messages import ChunkWork, Extracted, ObjectChanged
from scenesearch.metadata import Section
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.remove import remove
from scenesearch.pipeline.split import split
from scenesearch.pipeline.subtitles import forget_subtitles
from scenesearch.ports import Extraction, Ports
from scenesearch.video import SectionKey, SectionRecord, SectionState, SubtitleUse, VideoRef, VideoState
from subtitled import subtitled
from unit.pipeline.conftest import NAME, Scripted, drained, extractors, found, indexed, work

Planned = Callable[..., VideoRef]
ENGLISH = """1
00:00:01,000 --> 00:00:03,000
We buried the treasure under the oak tree.

2
00:01:10,000 --> 00:01:12,000
In the second chunk.
"""
JAPANESE = "1\n00:00:01,000 --> 00:00:03,000\n木の下に宝物を埋めました。\n"


def write(ports: Ports, name: str, text: str) -> ObjectChanged:
    info = ports.uploads.replace(name, io.BytesIO(text.encode()), content_type="application/x-subrip")
    return ObjectChanged(event="OBJECT_FINALIZE", bucket=info.bucket, name=name, generation=info.generation)


def transcribed(ports: Ports, settings: Settings, ref: VideoRef, heard: Extraction, chunk: int = 0) -> tuple[SectionRecord, Scripted]:
    listener = Scripted(script=[heard])
    extract(work(ref, chunk), listener, ports, settings)
    return ports.catalog.section(SectionKey(ref, chunk, Section.TRANSCRIPTION)), listener


def said(record: SectionRecord) -> list[tuple[str, str | None]]:
    return [(entry.text, entry.language) for entry in record.entries]


def settled(ports: Ports, settings: Settings) -> list[Scripted]:
    """Do all that is published, as workers would; the extractors that were asked."""
    made = [replace_heard(one) for one in extractors()]
    for _ in range(20):
        messages = {message for _, message in drained(ports)}
        if not messages:
            return made
        for message in messages:
            match message:
                case ObjectChanged(event="OBJECT_DELETE"):
                    remove(message, ports)
                case ObjectChanged():
                    split(message, ports, settings)
                case ChunkWork():
                    for extractor in made:
                        extract(message, extractor, ports, settings)
                case Extracted():
                    assemble(message, ExtractiveSummarizer(), ports)
    raise AssertionError("it never ends")


def replace_heard(extractor: Scripted) -> Scripted:
    if extractor.section is Section.TRANSCRIPTION:
        extractor.script = [replace(found("as it is heard"), language="en")]
    return extractor


def test_a_file_beside_the_video_is_its_transcription_and_nobody_listens(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(2)
    write(ports, "default/film.srt", ENGLISH)
    record, listener = transcribed(ports, settings, ref, found("as it is heard"))
    assert said(record) == [("We buried the treasure under the oak tree.", None)]
    assert (record.state, record.language, listener.calls) == (SectionState.DONE, "en", 0)
    assert [(one.name, one.use) for one in record.sources] == [("default/film.srt", "in place of the transcription (en)")]
    second, _ = transcribed(ports, settings, ref, found("as it is heard"), 1)
    assert said(second) == [("In the second chunk.", None)], "each line belongs to one chunk"


def test_the_language_in_the_name_decides_between_transcription_and_translation(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    write(ports, "default/film.en.srt", ENGLISH)
    write(ports, "default/film (Japanese).srt", JAPANESE)
    record, listener = transcribed(ports, settings, ref, replace(found("as it is heard"), language="ja"))
    assert listener.calls == 1, "which language is spoken has to be heard"
    assert said(record) == [("We buried the treasure under the oak tree.", "en"), ("木の下に宝物を埋めました。", None)]
    assert record.language == "ja"
    other, _ = transcribed(ports, settings, planned(1), replace(found("comme on entend"), language="fr"))
    assert {language for _, language in said(other)} == {None, "en", "ja"}
    assert ("comme on entend", None) in said(other)


@pytest.mark.parametrize("use", [SubtitleUse.ADD, SubtitleUse.IGNORE])
def test_subtitles_may_be_added_or_ignored(ports: Ports, settings: Settings, planned: Planned, use: SubtitleUse) -> None:
    ref = planned(1)
    video = ports.catalog.generation(ref)
    assert video is not None
    ports.catalog.forget(ref)
    ports.catalog.begin(replace(video, subtitles=use, chunk_count=0, open_chunks=frozenset()))
    assert video.media is not None
    ports.catalog.commit_plan(ref, video.media, [])
    write(ports, "default/film.srt", ENGLISH)
    ref = planned_again(ports, ref)
    record, _ = transcribed(ports, settings, ref, replace(found("as it is heard"), language="en"))
    assert ("as it is heard", None) in said(record)
    assert len(record.entries) == (2 if use is SubtitleUse.ADD else 1)


def planned_again(ports: Ports, ref: VideoRef) -> VideoRef:
    from scenesearch.timeline import Span
    from scenesearch.video import Chunk, Clip

    video = ports.catalog.generation(ref)
    assert video is not None
    assert video.media is not None
    ports.catalog.commit_plan(ref, video.media, [Chunk(number=0, span=Span(0, 60_000))])
    clip = Clip(f"{ref.video_id}/{ref.generation}/clip-0.mp4", "video/mp4", 0, 60_000, 4)
    ports.catalog.commit_clips(ref, 0, video_clip=clip, audio_clip=clip)
    return ref


def test_where_nothing_can_be_heard_subtitles_are_the_transcription(ports: Ports, settings: Settings, planned: Planned) -> None:
    ref = planned(1)
    write(ports, "default/film.ja.srt", JAPANESE)
    listener = Scripted(script=[Skipped("there is only music")])
    extract(work(ref), listener, ports, settings)
    record = ports.catalog.section(SectionKey(ref, 0, Section.TRANSCRIPTION))
    assert (record.state, said(record)) == (SectionState.DONE, [("木の下に宝物を埋めました。", None)])


def test_a_bad_file_is_named_and_takes_nothing_away(ports: Ports, settings: Settings, planned: Planned) -> None:
    write(ports, "default/film.srt", "")
    record, _ = transcribed(ports, settings, planned(1), found("as it is heard"))
    assert said(record) == [("as it is heard", None)]
    assert [one.use for one in record.sources] == ["not used; the file is empty"]


def test_files_that_come_change_and_go_are_followed_and_only_the_transcription_is_made_anew(
    ports: Ports, settings: Settings, planned: Planned
) -> None:
    ref = planned(1)
    for extractor in extractors():
        extract(work(ref), replace_heard(extractor), ports, settings)
    settled(ports, settings)

    def now_said(*, listened: int) -> list[str]:
        calls = {one.section: one.calls for one in settled(ports, settings)}
        assert calls == {Section.VISUAL_INFO: 0, Section.TRANSCRIPTION: listened, Section.TEXTS: 0}
        video = ports.catalog.generation(ref)
        assert video is not None
        assert video.state is VideoState.READY
        texts = indexed(ports, ref)
        assert set(texts) >= {"visual_info of this", "texts of this"}, "found by what was seen, all the time"
        return [text for text in texts if not text.endswith("of this")]

    assert now_said(listened=0) == ["as it is heard"]
    change = write(ports, "default/film.srt", ENGLISH)
    assert now_said(listened=0) == ["We buried the treasure under the oak tree."]
    split(change, ports, settings)
    assert drained(ports) == [], "the same event again changes nothing"
    write(ports, "default/film.srt", JAPANESE)
    assert now_said(listened=0) == ["木の下に宝物を埋めました。"]
    ports.uploads.delete("default/film.srt")
    assert now_said(listened=1) == ["as it is heard"]
    name, video_id = subtitle_object("default", "Film.en.srt", ports.catalog)
    assert (name, video_id) == ("default/subtitles/Film.en.srt", ""), "another name, as far as a catalog can tell"
    name, video_id = subtitle_object("default", "film.en.srt", ports.catalog)
    assert (name, video_id) == ("default/film.en.srt", ref.video_id)
    write(ports, name, ENGLISH)
    assert now_said(listened=0) == ["We buried the treasure under the oak tree."]
    video = ports.catalog.generation(ref)
    assert video is not None
    assert forget_subtitles(video, ports) == ["default/film.en.srt"]
    assert now_said(listened=1) == ["as it is heard"]


def test_a_file_that_comes_first_waits_for_its_video(ports: Ports, settings: Settings, planned: Planned) -> None:
    name, video_id = subtitle_object("default", "film.srt", ports.catalog)
    assert (name, video_id) == ("default/subtitles/film.srt", "")
    split(write(ports, name, ENGLISH), ports, settings)
    record, _ = transcribed(ports, settings, planned(1), found("as it is heard"))
    assert said(record) == [("We buried the treasure under the oak tree.", None)]


def test_streams_inside_a_video_are_used_and_those_that_are_not_are_named(
    ports: Ports, settings: Settings, planned: Planned, tmp_path: Path
) -> None:
    ref = planned(1, language="en")
    film = subtitled(
        tmp_path / "film.mkv", 4, streams={("subrip", "jpn"): [(1, 2, "今日は")], ("ass", "eng"): [(1, 2, "Hello"), (2, 3, "there")]}
    )
    with film.open("rb") as source:
        info = ports.uploads.replace(NAME, source, content_type="video/x-matroska")
    assert info.generation != ref.generation
    drained(ports)
    ports.catalog.forget(ref)
    fresh = planned_from(ports, planned, film)
    record, listener = transcribed(ports, settings, fresh, found("as it is heard"))
    assert (listener.calls, said(record)) == (0, [("Hello", None), ("今日は", "ja"), ("there", None)])
    assert [one.use for one in record.sources] == ["a translation (ja)", "in place of the transcription (en)"]


def planned_from(ports: Ports, planned: Planned, film: Path) -> VideoRef:
    """A planned video whose upload is this very file."""
    ref = planned(1, language="en")
    video = ports.catalog.generation(ref)
    assert video is not None
    with film.open("rb") as source:
        info = ports.uploads.replace(NAME, source, content_type="video/x-matroska")
    new = replace(video, ref=VideoRef(ref.video_id, info.generation), chunk_count=0, open_chunks=frozenset())
    ports.catalog.begin(new)
    return planned_again(ports, new.ref)

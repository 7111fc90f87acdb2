"""Subtitles of every kind become timed lines; what is wrong with them is counted, and is no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenesearch.media.subtitle_files import read_subtitles
from scenesearch.media.subtitle_names import SubtitleName, said_of
from scenesearch.media.subtitle_streams import subtitles_inside
from scenesearch.media.subtitles import Subtitles
from scenesearch.timeline import Span
from subtitled import subtitled

WHOLE = Span(0, 60_000)
SRT = "1\n00:00:03,000 --> 00:00:06,000\n"


def read(text: str | bytes, name: str = "interview.srt", duration_ms: int = 60_000) -> Subtitles:
    return read_subtitles(text if isinstance(text, bytes) else text.encode(), name, SubtitleName(), duration_ms)


def lines(found: Subtitles) -> list[tuple[float, float, str | None, str]]:
    return [(entry.span.start_s, entry.span.end_s, entry.speaker, entry.text) for entry in found.entries]


@pytest.mark.parametrize(
    ("name", "language", "forced"),
    [
        ("interview.srt", None, False), ("interview.en.srt", "en", False), ("interview.ja.vtt", "ja", False),
        ("interview_en.srt", "en", False),
        ("interview.zh-Hans.srt", "zh-Hans", False), ("interview (English).ass", "en", False), ("INTERVIEW.eng.sdh.SRT", "en", False),
        ("interview[日本語].srt", "ja", False), ("interview.pt_BR.srt", "pt-BR", False), ("interview.fr.forced.srt", "fr", True),
        ("interview - German.ttml", "de", False), ("interview.hi.srt", "hi", False), ("interview.en.hi.srt", "en", False),
    ],
)  # fmt: skip
def test_a_name_says_the_language(name: str, language: str | None, forced: bool) -> None:
    assert said_of(name, "day/Interview.mp4") == SubtitleName(language, forced)


@pytest.mark.parametrize("name", ["interview2.srt", "interview.part2.srt", "inter.srt", "other.srt", "interview.old.srt"])
def test_another_name_belongs_to_another_video(name: str) -> None:
    assert said_of(name, "interview.mp4") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.srt", SRT + "<i>Hello</i>\r\nthere {\\an8}&amp; welcome\n"),
        ("a.vtt", "WEBVTT\n\nNOTE no\n\nSTYLE\n::cue {}\n\n00:03.000 --> 00:06.000 align:start\n<c.loud>Hello</c> there &amp; welcome\n"),
        ("a.ass", "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
                  "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
                  "Dialogue: 0,0:00:03.00,0:00:06.00,Default,,0,0,0,,{\\pos(1,1)}Hello\\Nthere & welcome\n"
                  "Dialogue: 1,0:00:03.00,0:00:06.00,Default,,0,0,0,,Hello\\Nthere & welcome\n"
                  "Dialogue: 0,0:00:03.00,0:00:06.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}\n"),
        ("a.ttml", "<tt xmlns='http://www.w3.org/ns/ttml'><body><div><p begin='00:00:03.000' end='00:00:06.000'>"
                   "Hello<br/>there &amp; welcome</p></div></body></tt>"),
        ("a.sub", "{75}{150}Hello|there & welcome"),
        ("a.vtt", SRT + "Hello there & welcome\n"),
    ],
)  # fmt: skip
def test_every_format_is_read_without_its_markup(name: str, text: str) -> None:
    assert lines(read(text, name)) == [(3.0, 6.0, None, "Hello there & welcome")]


@pytest.mark.parametrize(
    ("encoding", "text", "language"),
    [
        ("utf-8-sig", "We buried the treasure under the oak tree, said the keeper.", "en"),
        ("utf-16", "We buried the treasure under the oak tree, said the keeper.", "en"),
        ("cp1252", "Der Leuchtturmwärter ging in Rente, schön für ihn und natürlich für uns.", "de"),
        ("cp1252", "Le café était fermé hier à la gare centrale, où nous étions déjà allés.", "fr"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy a pokračoval v běhu po louce.", "cs"),
        ("cp1251", "Привет, как дела сегодня? Мы закопали сокровище под дубом.", "ru"),
        ("cp932", "今日は光について学びます。明日は水について学びます。", "ja"),
        ("gb18030", "我们把宝藏埋在橡树下面，灯塔看守人在一九九零年退休了，所以我们再也没有见到他了。", "zh"),
        ("euc-kr", "우리는 보물을 참나무 아래에 묻었다. 등대지기는 은퇴했다.", "ko"),
    ],
)  # fmt: skip
def test_every_encoding_is_read_and_the_language_shows(encoding: str, text: str, language: str) -> None:
    found = read((SRT + text + "\n").encode(encoding))
    assert [entry.text for entry in found.entries] == [text]
    assert found.language == language


def test_who_speaks_is_no_part_of_the_words_and_sounds_stay() -> None:
    found = read(
        "1\n00:00:01,000 --> 00:00:03,000\n- JOHN: Hi there.\n- Mary: Hello you.\n\n2\n00:00:04,000 --> 00:00:05,000\n[door slams]\n\n"
        "3\n00:00:06,000 --> 00:00:08,000\n- Who is it?\n- Nobody.\n\n4\n00:00:09,000 --> 00:00:10,000\nDR. SMITH: Come\nin. Note: now\n\n"
        "5\n00:00:11,000 --> 00:00:12,000\n（太郎）今日は\n光です\n\n6\n00:00:13,000 --> 00:00:14,000\n（ドアの音）\n"
        "\n7\n00:00:15,000 --> 00:00:16,000\nNote this: it is five.\n"
    )
    assert [(speaker, text) for _, _, speaker, text in lines(found)] == [
        ("JOHN", "Hi there."), ("Mary", "Hello you."), (None, "[door slams]"), (None, "Who is it?"), (None, "Nobody."),
        ("DR. SMITH", "Come in. Note: now"), ("太郎", "今日は光です"), (None, "（ドアの音）"), (None, "Note this: it is five."),
    ]  # fmt: skip
    voices = read("WEBVTT\n\n00:01.000 --> 00:03.000\n<v Roger Bingham>New York</v> <v neil>Yes</v>\n", "a.vtt")
    assert [(speaker, text) for _, _, speaker, text in lines(voices)] == [("Roger Bingham", "New York"), ("neil", "Yes")]


def test_captions_that_roll_up_are_read_once() -> None:
    cues = ("hello world", "hello world\nthis is", "this is\nnew")
    text = "WEBVTT\n\n" + "\n".join(f"00:0{2 * n}.000 --> 00:0{2 * n + 2}.000\n{cue}\n" for n, cue in enumerate(cues))
    assert [text for *_, text in lines(read(text, "a.vtt"))] == ["hello world", "this is", "new"]


@pytest.mark.parametrize(
    ("text", "kept", "note"),
    [
        (SRT + "one\n\n2\n00:00:09,000 --> 00:00:08,000\ninverted\n\n3\n00:xx:09,000 --> 00:00:08,000\nbroken\n", 1,
         "2 lines could not be read"),
        (SRT + "one\n\n2\n00:00:04,000 --> 00:00:05,000\noverlapping\n", 2, ""),
        (SRT + "one\n\n2\n00:02:00,000 --> 00:02:05,000\nlate\n", 1, "1 line lies after the end"),
        ("1\n10:00:03,000 --> 10:00:06,000\none\n", 1, "its clock is 10 h ahead and was set back"),
        ("1\n02:30:03,000 --> 02:30:06,000\none\n", 0, "1 line lies after the end"),
        ("", 0, "the file is empty"),
        ("\ufeff\n", 0, "the file is empty"),
        ("just words\n" * 50, 0, "there is no line in the file"),
        (bytes(range(256)) * 50, 0, "there is no line in the file"),
        (b"x" * 20_000_001, 0, "a file of 20 MB is no subtitle file"),
    ],
)  # fmt: skip
def test_bad_lines_are_counted_and_told(text: str | bytes, kept: int, note: str) -> None:
    found = read(text)
    assert len(found.entries) == kept
    assert note in "; ".join(found.notes)
    assert bool(found.notes) == bool(note)


@pytest.mark.parametrize("text", ["<tt", "<!DOCTYPE x [<!ENTITY a 'b'>]><tt>&a;</tt>", ""])
def test_a_broken_xml_file_is_told(text: str) -> None:
    found = read(text, "a.ttml")
    assert not found.entries
    assert found.notes


LINES = ((1.0, 2.5, "{\\i1}Hello{\\i0}"), (5.0, 6.5, "- JOHN: You there?"))


@pytest.mark.parametrize(("kind", "name"), [("subrip", "a.mkv"), ("ass", "a.mkv"), ("webvtt", "a.mkv"), ("mov_text", "a.mp4")])
def test_streams_of_text_are_read_in_the_span_that_is_asked(kind: str, name: str, tmp_path: Path) -> None:
    path = subtitled(tmp_path / name, 8, streams={(kind, "eng"): LINES, (kind, "jpn"): [(1.0, 2.0, "今日は")]})
    with path.open("rb") as source:
        english, japanese = subtitles_inside(source, Span(0, 8000), 8000)
        assert (english.language, japanese.language) == ("en", "ja")
        assert lines(english) == [(1.0, 2.5, None, "Hello"), (5.0, 6.5, "JOHN", "You there?")]
        assert [text for *_, text in lines(japanese)] == ["今日は"]
        late = subtitles_inside(source, Span(4000, 8000), 8000)[0]
        assert lines(late) == [(5.0, 6.5, "JOHN", "You there?")]


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("libx264", "a.ts"), ("mpeg2video", "a.mpg")])
def test_closed_captions_are_read_out_of_the_pictures(codec: str, name: str, tmp_path: Path) -> None:
    path = subtitled(tmp_path / name, 8, captions=[(1.5, 3.0, "HELLO THERE."), (5.0, 7.0, "SECOND LINE")], codec=codec)
    with path.open("rb") as source:
        [found] = subtitles_inside(source, Span(0, 8000), 8000)
    assert found.source == "closed captions"
    assert [entry.text for entry in found.entries] == ["HELLO THERE.", "SECOND LINE"]
    for entry, (start, end) in zip(found.entries, ((1.5, 3.0), (5.0, 7.0)), strict=True):
        assert abs(entry.span.start_s - start) < 0.1
        assert abs(entry.span.end_s - end) < 0.1


def test_a_video_without_subtitles_has_none(tmp_path: Path) -> None:
    with subtitled(tmp_path / "a.mp4", 4).open("rb") as source:
        assert subtitles_inside(source, Span(0, 4000), 4000) == []

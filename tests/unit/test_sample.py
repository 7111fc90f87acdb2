"""The sample video and its truth belong together."""

import json
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
VIDEO = SAMPLES / "harbour_day.mp4"
FRAME_S = 0.04


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def video() -> Iterator[av.container.InputContainer]:
    with av.open(str(VIDEO)) as container:
        yield container


def is_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff" for letter in text)


def keyframe_times(video: av.container.InputContainer) -> list[float]:
    return [
        float(packet.pts * packet.time_base)
        for packet in video.demux(video=0)
        if packet.is_keyframe and packet.pts is not None and packet.time_base is not None
    ]


def sound_of(video: av.container.InputContainer) -> "tuple[int, array[int]]":
    """Return the sample rate and the samples of the sound, as 16-bit integers."""
    rate = video.streams.audio[0].rate
    converter = av.AudioResampler(format="s16", layout="mono", rate=rate)
    samples = array("h")
    for frame in video.decode(audio=0):
        for block in converter.resample(frame):
            samples.frombytes(bytes(block.planes[0])[: block.samples * 2])
    return rate, samples


def test_is_small_and_long_enough(truth: dict[str, Any]) -> None:
    assert truth["video"] == VIDEO.name
    assert VIDEO.stat().st_size <= 4_000_000
    assert truth["duration"] >= 45


def test_has_the_streams_and_the_length_that_the_truth_says(truth: dict[str, Any], video: av.container.InputContainer) -> None:
    picture, sound = video.streams.video[0], video.streams.audio[0]
    assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
    assert (picture.width, picture.height) == (truth["width"], truth["height"])
    assert (picture.average_rate, picture.frames) == (
        truth["fps"],
        round(truth["duration"] * truth["fps"]),
    )
    for stream in (picture, sound):
        assert stream.start_time == 0
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(truth["duration"], abs=0.06)


def test_starts_to_play_before_it_is_read_whole() -> None:
    head = VIDEO.read_bytes()
    assert 0 < head.find(b"moov") < head.find(b"mdat")
    assert b"moof" not in head[:100_000]


def test_has_a_keyframe_at_every_cut_and_every_few_seconds(truth: dict[str, Any], video: av.container.InputContainer) -> None:
    times = keyframe_times(video)
    assert all(after - before <= 4 for before, after in pairwise([*times, truth["duration"]]))
    for cut in truth["cuts"]:
        assert any(abs(time - cut) < FRAME_S / 2 for time in times), cut


def test_scenes_tile_the_film(truth: dict[str, Any]) -> None:
    scenes = truth["scenes"]
    assert len(scenes) >= 6
    assert (scenes[0]["start"], scenes[-1]["end"]) == (0, truth["duration"])
    assert all(before["end"] == after["start"] for before, after in pairwise(scenes))
    assert truth["cuts"] == [s["start"] for s in scenes[1:] if s["begins"] == "cut"]


def test_fades_through_black_where_the_truth_says(truth: dict[str, Any], video: av.container.InputContainer) -> None:
    (fade,) = truth["fades"]
    middle = (fade["start"] + fade["end"]) / 2
    assert middle in [scene["start"] for scene in truth["scenes"] if scene["begins"] == "fade"]
    video.seek(round(middle * av.time_base))
    frame = next(f for f in video.decode(video=0) if f.time > middle - FRAME_S / 2)
    assert max(bytes(frame.reformat(64, 36, "gray").planes[0])) < 24


def test_sentences_are_in_order_and_heard(truth: dict[str, Any], video: av.container.InputContainer) -> None:
    sentences = truth["sentences"]
    assert all(before["end"] <= after["start"] for before, after in pairwise(sentences))
    rate, samples = sound_of(video)
    for sentence in sentences:
        start, end = round(sentence["start"] * rate), round(sentence["end"] * rate)
        assert max(map(abs, samples[start:end])) > 0.4 * 2**15, sentence["text"]
        assert sentence["speaker"] in truth["speakers"]


def test_one_cut_falls_well_inside_a_sentence(truth: dict[str, Any]) -> None:
    (across,) = [s for s in truth["sentences"] if s["cut_inside"] is not None]
    assert across["cut_inside"] in truth["cuts"]
    assert across["start"] + 1 < across["cut_inside"] < across["end"] - 1


def test_nobody_speaks_over_the_music(truth: dict[str, Any]) -> None:
    for music in truth["music"]:
        assert music["end"] - music["start"] >= 5
        for sentence in truth["sentences"]:
            assert sentence["end"] <= music["start"] or music["end"] <= sentence["start"]


def test_texts_stand_inside_their_scene_and_picture(truth: dict[str, Any]) -> None:
    scenes = {scene["name"]: scene for scene in truth["scenes"]}
    for text in truth["texts"]:
        scene = scenes[text["scene"]]
        assert scene["start"] <= text["start"] < text["end"] <= scene["end"], text
        left, top, right, bottom = text["box"]
        assert 0 <= left < right <= truth["width"], text
        assert 0 <= top < bottom <= truth["height"], text
    assert {text["kind"] for text in truth["texts"]} == {"caption", "text", "timecode"}
    lines = [line for text in truth["texts"] for line in text["lines"]]
    assert {is_japanese(line) for line in lines} == {True, False}


def test_questions_have_answers_in_the_film(truth: dict[str, Any]) -> None:
    questions = truth["questions"]
    assert len({question["id"] for question in questions}) == len(questions) >= 10
    for question in questions:
        assert 0 <= question["start"] < question["end"] <= truth["duration"]
        assert question["language"] == ("ja" if is_japanese(question["query"]) else "en")
    demo = [question["language"] for question in questions if question["demo"]]
    assert sorted(demo) == ["en", "en", "ja"]

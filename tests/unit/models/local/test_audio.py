"""Sound is decoded onto the clip's clock."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from scenesearch.errors import Skipped, UnreadableMedia
from scenesearch.models.local.audio import SAMPLE_RATE, decode_audio
from unit.models.local.conftest import sound


def test_sound_has_its_length_and_its_place(tmp_path: Path) -> None:
    beep = np.zeros(3 * SAMPLE_RATE, np.float32)
    beep[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + 800] = 0.5

    heard = decode_audio(sound(tmp_path / "beep.wav", beep))

    assert len(heard) == pytest.approx(3 * SAMPLE_RATE, abs=32)
    assert int(np.argmax(np.abs(heard) > 0.3)) == pytest.approx(2 * SAMPLE_RATE, abs=32)


def test_a_hole_in_the_stream_becomes_silence(tmp_path: Path) -> None:
    path = tmp_path / "hole.mkv"
    tone = (0.5 * np.sin(np.arange(SAMPLE_RATE) / 5) * 32767).astype(np.int16)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for start in (0, 3 * SAMPLE_RATE):  # one second of tone at 0 s and at 3 s
            frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    heard = decode_audio(path)

    loud = [float(np.abs(heard[s * SAMPLE_RATE + 200 : (s + 1) * SAMPLE_RATE - 200]).mean()) > 0.1 for s in range(4)]
    assert loud == [True, False, False, True]


def test_a_clip_without_sound_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))

    with pytest.raises(Skipped, match="no audio stream"):
        decode_audio(path)


def test_what_is_no_media_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.m4a"
    path.write_bytes(b"nothing to hear")

    with pytest.raises(UnreadableMedia):
        decode_audio(path)


def test_damaged_packets_are_left_out_and_the_rest_is_heard(tmp_path: Path) -> None:
    path = sound(tmp_path / "whole.aac", (0.5 * np.sin(np.arange(4 * SAMPLE_RATE) / 7)).astype(np.float32))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 400] = bytes(400)
    path.write_bytes(damaged)

    assert len(decode_audio(path)) > 3 * SAMPLE_RATE

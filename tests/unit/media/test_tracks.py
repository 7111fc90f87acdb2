"""Which of a file's tracks are read, what is said of the others, and files that nobody may read."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from media_files import Recipe, make
from media_reading import heard
from odd_files import OddFile, bytes_of
from scenesearch.errors import UnreadableMedia
from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import Plan, plan


def film(streams: str, container: str = "matroska") -> io.BytesIO:
    one = OddFile(0, container, "libx264", "aac", "sound", streams, "none", "whole", "unsaid")
    return io.BytesIO(bytes_of(one))


def planned(source: io.BytesIO, audio_track: int | None = None) -> Plan:
    return plan(source, chunk_seconds=300, clip_max_bytes=400_000_000, audio_track=audio_track)


def test_a_silent_track_gives_way_to_one_that_is_heard_and_is_listed(tmp_path: Path) -> None:
    made = planned(film("third of three"))
    assert made.media.audio_track == 3
    unused = [track for track in made.media.tracks if not track.used]
    assert [track.number for track in unused] == [1, 2]
    assert all("nothing is heard" in track.note for track in unused)
    assert "--audio-track 2" in unused[1].note


def test_a_track_can_be_chosen_and_must_be_there() -> None:
    assert planned(film("third of three"), audio_track=2).media.audio_track == 2
    with pytest.raises(UnreadableMedia, match=r"no sound track 4 .* has 3"):
        planned(film("third of three"), audio_track=4)


@pytest.mark.parametrize("streams", ["reversed leg", "only the centre"])
def test_what_a_mix_would_lose_is_heard(streams: str) -> None:
    source = film(streams, "mp4")
    made = planned(source)
    assert made.media.lost_by_mixing
    with ChunkCutter(source, made.media, clip_max_bytes=400_000_000) as cutter, cutter.cut(made.chunks[0]) as clips:
        assert clips.sound
        sound = heard(clips.sound.file)
    assert [sound.second_at(second + 0.5 - sound.start_s) for second in range(3)] == [0, 1, 2]


def test_an_encrypted_file_is_called_one(tmp_path: Path) -> None:
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00112233445566778899aabbccddeeff", "encryption_kid": "0" * 31 + "1"}
    protected = make(tmp_path / "a.mp4", Recipe(options=keys))
    with protected.open("rb") as file, pytest.raises(UnreadableMedia, match="encrypted"):
        plan(file, chunk_seconds=300, clip_max_bytes=400_000_000)
    stream = bytearray(make(tmp_path / "a.ts", Recipe(format="mpegts")).read_bytes())
    with av.open(io.BytesIO(bytes(stream))) as container:
        carrying = {s.id for s in container.streams}
    for at in range(0, len(stream), 188):
        if (stream[at + 1] & 0x1F) << 8 | stream[at + 2] in carrying:
            stream[at + 3] |= 0xC0
            stream[at + 12 : at + 188] = bytes(b ^ 0x5A for b in stream[at + 12 : at + 188])
    with pytest.raises(UnreadableMedia, match="encrypted"):
        planned(io.BytesIO(bytes(stream)))

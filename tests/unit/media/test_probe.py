"""Opening whatever people upload: what it is, or a clear word on why it is nothing."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import FRAGMENTED, Recipe, cover_art_song, make, song
from scenesearch.errors import Unavailable, UnreadableMedia
from scenesearch.media.probe import probe
from scenesearch.video import MediaInfo


def probed(path: Path) -> MediaInfo:
    with path.open("rb") as file:
        return probe(file)


@pytest.mark.parametrize(
    ("name", "recipe", "container", "video_codec", "audio_codec", "duration_ms"),
    [
        ("a.mp4", Recipe(), "mov", "h264", "aac", 4017),
        ("a.mp4", Recipe(options=FRAGMENTED), "mov", "h264", "aac", 4040),
        ("a.mkv", Recipe(format="matroska", audio="libopus"), "matroska", "h264", "opus", 4011),
        ("a.mkv", Recipe(format="matroska", start=5), "matroska", "h264", "aac", 4017),
        ("a.webm", Recipe(format="webm", codec="libvpx-vp9", audio="libopus"), "matroska", "vp9", "opus", 4011),
        ("a.webm", Recipe(format="webm", codec="libvpx-vp9", audio=None, options={"live": "1"}), "matroska", "vp9", None, 4000),
        ("a.ts", Recipe(format="mpegts", start=7), "mpegts", "h264", "aac", 4040),
        ("a.mpg", Recipe(format="mpeg", codec="mpeg1video", audio="mp2", fps=25), "mpeg", "mpeg1video", "mp2", 4023),
        ("a.avi", Recipe(format="avi", codec="mjpeg", audio="pcm_s16le"), "avi", "mjpeg", "pcm_s16le", 4017),
        ("a.mp4", Recipe(audio=None), "mov", "h264", None, 4000),
        ("a.mp4", Recipe(seconds=0.2), "mov", "h264", "aac", 209),
    ],
)
def test_says_what_a_file_is_and_how_long_it_lasts_from_its_first_packet_to_its_last(
    tmp_path: Path, name: str, recipe: Recipe, container: str, video_codec: str, audio_codec: str | None, duration_ms: int
) -> None:
    info = probed(make(tmp_path / name, recipe))
    assert (info.container, info.video_codec, info.audio_codec) == (container, video_codec, audio_codec)
    assert abs(info.duration_ms - duration_ms) <= 1
    assert (info.width, info.height, info.rotation) == (192, 96, 0)


def test_a_phone_video_is_as_wide_and_high_as_it_is_shown(tmp_path: Path) -> None:
    info = probed(make(tmp_path / "a.mp4", Recipe(rotation=90)))
    assert (info.width, info.height, info.rotation) == (192, 96, 270)


def test_the_source_timecode_is_read(tmp_path: Path) -> None:
    info = probed(make(tmp_path / "a.mov", Recipe(format="mov", fps=25, timecode="10:20:30:04")))
    assert info.timecode == "10:20:30:04"


def test_the_default_track_is_heard_rather_than_a_commentary(tmp_path: Path) -> None:
    recipe = Recipe(format="matroska", audio_tracks=2, commentary_first=True)
    path = make(tmp_path / "a.mkv", recipe)
    from scenesearch.media.source import opened

    with path.open("rb") as file, opened(file) as video:
        assert video.audio is not None
        assert video.audio.index == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        ("これは動画ではありません\n".encode() * 40, "text"),
        (b"#EXTM3U\n#EXTINF:1,\nsecret.ts\n", "playlist"),
        (b"ffconcat version 1.0\nfile secret.mp4\n", "playlist"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(5000), "moov"),
        (bytes(range(256)) * 64, "convert it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "convert it"),
    ],
    ids=["empty", "text", "hls", "concat", "no moov", "noise", "picture"],
)
def test_what_is_no_video_is_refused_with_what_is_wrong(content: bytes, word: str) -> None:
    with pytest.raises(UnreadableMedia, match=word):
        probe(io.BytesIO(content))


@pytest.mark.parametrize("head", [b"", b"\x89PNG\r\n\x1a\n", b"\x1aE\xdf\xa3", b"RIFF"])
def test_a_file_that_is_no_video_says_so_in_words_and_not_where_it_is_kept(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "secret place"
    path.write_bytes(head + np.random.default_rng(5).bytes(3000))
    with pytest.raises(UnreadableMedia, match=r"^the file is no video that can be read here \([\w ]+\): upload another one") as refused:
        probed(path)
    assert "secret" not in str(refused.value)


def test_a_truncated_mp4_says_that_its_index_is_missing(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4").read_bytes()
    with pytest.raises(UnreadableMedia, match="moov"):
        probe(io.BytesIO(whole[: len(whole) // 2]))


@pytest.mark.parametrize("maker", [song, cover_art_song])
def test_sound_without_pictures_is_refused_even_with_a_cover(tmp_path: Path, maker: object) -> None:
    assert callable(maker)
    with pytest.raises(UnreadableMedia, match="no pictures"):
        probed(maker(tmp_path / "a.m4a"))


def test_a_file_cannot_make_the_reader_open_another(tmp_path: Path) -> None:
    secret = make(tmp_path / "secret.ts", Recipe(format="mpegts"))
    for playlist in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
    ):
        with pytest.raises(UnreadableMedia):
            probe(io.BytesIO(playlist.encode()))


def test_a_video_without_a_single_frame_has_no_duration(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.start_encoding()
    with pytest.raises(UnreadableMedia):
        probed(path)


def test_a_failing_store_is_no_fault_of_the_video(tmp_path: Path) -> None:
    content = make(tmp_path / "a.mp4").read_bytes()

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise Unavailable("the store did not answer")

    with pytest.raises(Unavailable):
        probe(Broken(content))


def test_noise_is_never_taken_for_a_video() -> None:
    noise = np.random.default_rng(3)
    for size in (10, 1000, 100_000):
        with pytest.raises(UnreadableMedia):
            probe(io.BytesIO(noise.bytes(size)))

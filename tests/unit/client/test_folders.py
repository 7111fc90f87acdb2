"""Which files of a folder are taken for videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenesearch.cli.folders import found_in, left_out_in_words
from scenesearch.errors import InvalidRequest
from scenesearch.library.uploads import check_file, collection_name, object_name
from scenesearch.video import collection_of, title_of

CARD = (
    *("clip1.mp4", "disc/VTS_01_1.VOB", "disc/MOV001.MOD", "disc/talk.asf", "a/b/clip.qt", "00001.MTS"),
    *("._clip1.mp4", ".DS_Store", ".Trashes/clip0.mp4", "photo.jpg", "notes.txt", "song.mp3", "raw.braw", "README"),
)


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_of_a_folder_every_readable_container_is_taken_and_the_rest_is_named_with_its_reason(tmp_path: Path) -> None:
    found = found_in([str(files(tmp_path / "card", *CARD))])
    taken = ["00001.MTS", "a/b/clip.qt", "clip1.mp4", "disc/MOV001.MOD", "disc/VTS_01_1.VOB", "disc/talk.asf"]
    assert sorted(found.videos) == [f"card/{name}" for name in taken]
    assert not found.refused
    assert list(left_out_in_words(found.left_out)) == [
        "left out: .DS_Store, clip0.mp4, ._clip1.mp4 (its name begins with a dot)",
        "left out: README (no video that is known: without an ending)",
        "left out: notes.txt (text)",
        "left out: photo.jpg (a picture)",
        "left out: raw.braw (no video that is known: .braw)",
        "left out: song.mp3 (sound without pictures)",
    ]


def test_a_long_list_of_files_that_are_left_out_is_counted(tmp_path: Path) -> None:
    found = found_in([str(files(tmp_path / "card", "a.mp4", *(f"{n}.jpg" for n in range(7))))])
    assert list(left_out_in_words(found.left_out)) == ["left out: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2 more (a picture)"]


def test_a_file_that_is_named_is_tried_whatever_its_ending_unless_it_is_hidden(tmp_path: Path) -> None:
    files(tmp_path, "film.unknown", "._film.mp4")
    found = found_in([str(tmp_path / "film.unknown"), str(tmp_path / "._film.mp4"), str(tmp_path / "nothing.mp4")])
    assert list(found.videos) == ["film.unknown"]
    assert "begins with a dot" in found.refused[0]
    assert "there is no file" in found.refused[1]


def test_names_are_stored_composed_and_two_spellings_of_one_name_are_not_two_videos(tmp_path: Path) -> None:
    decomposed, composed = "カ\u3099イト\u3099.mp4", "ガイド.mp4"
    found = found_in([str(files(tmp_path / "a", decomposed) / decomposed)])
    assert list(found.videos) == [composed]
    with pytest.raises(InvalidRequest, match="would both be called"):
        found_in([str(tmp_path / "a" / decomposed), str(files(tmp_path / "b", composed) / composed)])
    assert object_name("カ\u3099", decomposed).split("/")[::2] == ["ガ", composed]
    assert (title_of(decomposed), collection_of("カ\u3099/film.mp4"), collection_name("カ\u3099")) == ("ガイド", "ガ", "ガ")


@pytest.mark.parametrize("name", ["._clip1.mp4", "day/.hidden.mp4", "C:\\day\\._clip1.MP4"])
def test_hidden_files_are_not_uploaded(name: str) -> None:
    with pytest.raises(InvalidRequest, match="begins with a dot"):
        check_file(name, "video/mp4", 10, 100)

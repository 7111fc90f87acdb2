"""The one table of containers, and those who go by it."""

from __future__ import annotations

import av

from scenesearch.media.codecs import AUDIO_FORMATS, CONTENT_TYPES, EXTENSIONS, VIDEO_FORMATS, content_type_of


def test_every_container_of_the_table_can_be_read_here() -> None:
    known = {part for name in av.formats_available for part in name.split(",")}
    assert set(VIDEO_FORMATS + AUDIO_FORMATS) <= known


def test_the_table_knows_what_cameras_discs_and_sites_write() -> None:
    asked = ".mp4 .m4v .mov .qt .3gp .mkv .webm .avi .flv .wmv .asf .mpg .mpeg .vob .mod .ts .m2ts .mts .tod .ogv .mxf .dv"
    assert set(asked.split()) <= EXTENSIONS
    assert all(extension == extension.lower() for extension in CONTENT_TYPES)


def test_a_name_says_its_type_whatever_its_case() -> None:
    assert content_type_of("CARD/CLIP0001.MTS") == "video/mp2t"
    assert content_type_of("film.Qt") == "video/quicktime"
    assert content_type_of("notes.txt") is None

"""Names as people type them and as machines spell them: macOS writes が as か and a mark, other systems as one character.

Every name is compared, and every new one stored, in Unicode's composed form (NFC).
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath


def composed(name: str) -> str:
    """Return the name in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def same(one: str, other: str) -> bool:
    """Whether two names are the same, however their characters are composed and whatever their case is."""
    return composed(one).casefold() == composed(other).casefold()


def spellings(name: str) -> frozenset[str]:
    """Return the forms of a name that an exact comparison has to know: as it is, composed and decomposed."""
    return frozenset({name, composed(name), unicodedata.normalize("NFD", name)})


def called(title: str, object_name: str) -> frozenset[str]:
    """Return what a video is called, composed: its title, its object's name, its file's name with and without the extension."""
    path = PurePosixPath(object_name)
    return frozenset(map(composed, (title, object_name, path.name, path.stem)))


def is_hidden(name: str) -> bool:
    """Whether the file's name (the last part of a path) begins with a dot.

    Systems keep their own things in such files: `.DS_Store`, and on foreign disks `._clip.mp4` with the attributes of `clip.mp4`.
    """
    last = PurePosixPath(name).name
    return last.startswith(".") and last != ".."

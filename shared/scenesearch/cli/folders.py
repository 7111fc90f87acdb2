"""Which files of the given paths are videos, what they are called, and what is left out and why."""

from __future__ import annotations

import errno
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from scenesearch.errors import InvalidRequest
from scenesearch.media.codecs import EXTENSIONS
from scenesearch.media.subtitle_names import is_subtitles, said_of
from scenesearch.names import composed, is_hidden

NAMED_LEFT_OUT = 5
"""So many of the files that are left out for one reason are named; of the rest the number is."""

HIDDEN = "its name begins with a dot"


@dataclass
class Found:
    """The videos by their names, and what is not taken: `refused` was asked for by name, `left_out` lay in a folder."""

    videos: dict[str, Path] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)
    subtitles: dict[str, Path] = field(default_factory=dict)
    """Subtitle files that lie beside a video, by the names they get beside it."""
    lone_subtitles: list[Path] = field(default_factory=list)
    """Subtitle files that are named themselves: whose they are shows in the library."""


def found_in(paths: Sequence[str]) -> Found:
    """Look at each path: a file that is named is taken whatever it is called, of a folder those that are called as videos are.

    Raises `InvalidRequest` when two files would get one name: one of them would be lost.
    """
    found = Found()
    for given in paths:
        path = Path(given)
        try:
            if path.is_dir():
                _take_folder(path.resolve(), given, found)
            elif not path.exists():
                found.refused.append(f"there is no file {given!r}")
            elif is_hidden(path.name):
                found.refused.append(f"{given!r} is taken for no video, as {HIDDEN}: rename it if it is one")
            elif is_subtitles(path.name):
                found.lone_subtitles.append(path)
            else:
                _take(path.name, path, found)
        except OSError as error:
            found.refused.append(_why_not(given, error))
    return found


def left_out_in_words(left_out: dict[Path, str]) -> Iterator[str]:
    """Return a line for each reason, with the files that it is the reason of."""
    by_reason = defaultdict[str, list[str]](list)
    for file, reason in left_out.items():
        by_reason[reason].append(file.name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMED_LEFT_OUT} more" if len(names) > NAMED_LEFT_OUT else ""
        yield f"left out: {', '.join(names[:NAMED_LEFT_OUT])}{more} ({reason})"


def _take_folder(folder: Path, given: str, found: Found) -> None:
    """Take the videos of a folder and of those in it; they keep their place in it as their name."""
    videos = []
    for file in _files_in(folder, found):
        if file.suffix.lower() in EXTENSIONS:
            videos.append(file)
        else:
            found.left_out[file] = _no_video(file)
    for file in videos:
        _take(f"{folder.name}/{file.relative_to(folder).as_posix()}", file, found)
    for file in set(found.subtitles.values()) & found.left_out.keys():
        del found.left_out[file]
    if not videos:
        found.refused.append(f"there is no video in {given!r} (files that end in {', '.join(sorted(EXTENSIONS))} are looked for)")


def _files_in(folder: Path, found: Found) -> Iterable[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(map(is_hidden, file.relative_to(folder).parts))
        if not file.is_file():
            continue
        if hidden:
            found.left_out[file] = HIDDEN
        else:
            yield file


def _take(name: str, file: Path, found: Found) -> None:
    if (other := found.videos.setdefault(composed(name), file)).resolve() != file.resolve():
        raise InvalidRequest(
            f"{other} and {file} would both be called {name}: ingest their folders instead, or one of them into another --collection"
        )

    path = PurePosixPath(composed(name))
    for beside in _subtitles_in(file.parent):
        if said_of(beside.name, file.name) is not None:
            rest = composed(beside.name)[len(composed(file.stem)) :]
            found.subtitles[str(path.with_name(path.stem + rest))] = beside


@lru_cache(maxsize=1)  # the files of a folder come one after the other
def _subtitles_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if is_subtitles(file.name) and not is_hidden(file.name) and file.is_file()]


def _no_video(file: Path) -> str:
    if is_subtitles(file.name):
        return "subtitles of no video here"
    kind = (mimetypes.guess_type(file.name)[0] or "").partition("/")[0]
    ending = file.suffix.lower() or "without an ending"
    return {"image": "a picture", "audio": "sound without pictures", "text": "text"}.get(kind, f"no video that is known: {ending}")


def _why_not(given: str, error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return f"no file can have so long a name as {given[:60] + '…'!r}: give it a shorter one, and its long title with --title"
    return f"{given!r} cannot be looked at ({error.strerror}): check the path and its permissions"

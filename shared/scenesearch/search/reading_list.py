"""Choose the files that are read for a question, and their moments: those that pass, where filters depend on their text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scenesearch.metadata import Entry, one_line
from scenesearch.names import same
from scenesearch.ports import Candidate, Catalog
from scenesearch.ranking.phrases import occurrences
from scenesearch.search.file_stage import FileMatch, FileRanking
from scenesearch.search.inquiry import Inquiry
from scenesearch.search.scene_stage import FileToRead
from scenesearch.video import Profile

MOMENTS_READ = 40
"""The most moments of a file whose surroundings a reader gets."""

MOMENTS_LOOKED_AT = 400
"""The most moments of a file that are checked where only their text shows whether they may answer."""


@dataclass(frozen=True, slots=True)
class ReadingList:
    """The files that may answer, and the best of them with the moments to read."""

    ranking: FileRanking
    files: tuple[FileToRead, ...]


def text_decides(inquiry: Inquiry) -> bool:
    """Return whether only its text shows if a moment may answer: no index has speakers, or phrases of stop words alone."""
    request = inquiry.request
    return request.section is not None or request.speaker is not None or any(not phrase.words for phrase in inquiry.query.phrases)


def files_to_read(ranking: FileRanking, inquiry: Inquiry, catalog: Catalog) -> ReadingList:
    """Return the best files of a ranking with their strongest moments."""
    return ReadingList(ranking, tuple(_with_moments(ranking.files[: inquiry.preset.files], MOMENTS_READ, inquiry, catalog)))


def files_that_pass(ranking: FileRanking, inquiry: Inquiry, catalog: Catalog, *, depth: int) -> ReadingList:
    """Return the files of a ranking (at most `depth`) whose text may answer, and the best of them with the moments that may."""
    found = _with_moments(ranking.files, MOMENTS_LOOKED_AT, inquiry, catalog)
    full = len(ranking.files) == depth or any(len(file.candidates) == MOMENTS_LOOKED_AT for file in found)
    narrowed = (replace(file, candidates=tuple(_passing(file.candidates, inquiry))[:MOMENTS_READ]) for file in found)
    files = [file for file in narrowed if file.candidates]
    left, most = {file.video.ref for file in files}, inquiry.preset.files
    matches = tuple(match for match in ranking.files if match.video.ref in left)
    truncated = ranking.truncated or full or len(files) > most
    return ReadingList(replace(ranking, files=matches, truncated=truncated), tuple(files[:most]))


def _with_moments(files: Sequence[FileMatch], depth: int, inquiry: Inquiry, catalog: Catalog) -> list[FileToRead]:
    """Return the files with their (at most) `depth` strongest moments, without files that no longer have any."""
    candidates = inquiry.index.read([match.video.ref for match in files], inquiry.probe, depth)
    profiles: dict[str, Profile] = {}
    for match in files:
        name = match.video.collection
        if name not in profiles:
            profiles[name] = catalog.profile(name)
    with_moments = ((match.video, candidates.get(match.video.ref)) for match in files)
    return [FileToRead(video, profiles[video.collection], tuple(mine)) for video, mine in with_moments if mine]


def _passing(candidates: Sequence[Candidate], inquiry: Inquiry) -> Iterator[Candidate]:
    """Yield the candidates that may answer, with the entries that may be evidence."""
    wordless = [phrase.written for phrase in inquiry.query.phrases if not phrase.words]
    for candidate in candidates:
        rows = [row.keeping(lambda entry: _admitted(entry, inquiry)) for row in candidate.moment.rows]
        moment = replace(candidate.moment, rows=tuple(rows))
        if moment.entries and all(occurrences(phrase, moment.entries) for phrase in wordless):
            yield replace(candidate, moment=moment)


def _admitted(entry: Entry, inquiry: Inquiry) -> bool:
    """Return whether the filters of the request admit an entry as evidence."""
    section, speaker = inquiry.request.section, inquiry.request.speaker
    spoken = speaker is None or (entry.speaker is not None and same(one_line(entry.speaker), one_line(speaker)))
    return spoken and (section is None or entry.section is section)

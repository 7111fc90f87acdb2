"""Subtitles in place of, or beside, what is heard: which there are for a video, and what becomes of its transcription.

A subtitle file lies beside its video, or (uploaded before it, from a page) in the folder `subtitles` of its collection. The record of
a transcription names the files that it was made of; where they are others by now it is made anew, from clips that are there already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from scenesearch.errors import Gone, ObjectNotFound, UnreadableMedia
from scenesearch.media.subtitle_names import is_subtitles, possible_stems, said_of
from scenesearch.media.subtitles import Subtitles
from scenesearch.messages import ObjectChanged
from scenesearch.metadata import Entry, Section, in_time
from scenesearch.names import is_hidden, same, spellings
from scenesearch.pipeline.assembled import assemble_anew
from scenesearch.pipeline.batch import ask_online
from scenesearch.pipeline.retry import resume_chunk
from scenesearch.ports import ObjectInfo, ObjectStore, Ports
from scenesearch.price import Price
from scenesearch.video import (
    Chunk,
    SectionKey,
    SectionRecord,
    SectionState,
    Source,
    SubtitleUse,
    Video,
    VideoState,
    base_language,
    collection_of,
)

LOG = logging.getLogger(__name__)

AHEAD = "subtitles"
"""The folder of a collection where subtitle files wait whose video is not there yet."""

DIGEST_LETTERS = 600
"""What a chunk's digest quotes of its lines."""


# --- which files there are --------------------------------------------------------------------------------------------


def subtitle_files(video: Video, uploads: ObjectStore) -> list[ObjectInfo]:
    """Return the subtitle files of a video, those beside it first; none when it is to be left as it is heard."""
    if video.subtitles is SubtitleUse.IGNORE:
        return []
    path = PurePosixPath(video.name)
    folder = "" if str(path.parent) == "." else f"{path.parent}/"
    found: dict[str, ObjectInfo] = {}
    for place in dict.fromkeys((folder, f"{video.collection}/{AHEAD}/")):
        for stem in sorted(spellings(path.stem)):
            for info in uploads.list(place + stem):
                inside = "/" not in info.name[len(place) :]
                if inside and is_subtitles(info.name) and not is_hidden(info.name) and said_of(info.name, path.name) is not None:
                    found[info.name] = info
    return list(found.values())


def videos_of(name: str, ports: Ports) -> list[Video]:
    """Return the live videos that a subtitle file of this object name belongs to."""
    parent = str(PurePosixPath(name).parent)
    for stem in possible_stems(name):
        fits = [
            video
            for video in ports.catalog.named(stem)
            if video.collection == collection_of(name)
            and said_of(name, video.name) is not None
            and (same(parent, str(PurePosixPath(video.name).parent)) or same(parent, f"{video.collection}/{AHEAD}"))
        ]
        if fits:
            return fits
    return []


# --- when they change -------------------------------------------------------------------------------------------------


def subtitles_changed(message: ObjectChanged, ports: Ports) -> None:
    """After a subtitle file was written or deleted: make the transcription of its video anew where it was made of others."""
    for video in videos_of(message.name, ports):
        with suppress(Gone):
            refresh_transcription(video, ports)


def refresh_transcription(video: Video, ports: Ports) -> bool:
    """Set going again the transcription of every chunk that was made of other subtitle files than are there now; whether there is one.

    Nothing is cut or seen again. Raises `Gone`.
    """
    stale = list(stale_chunks(video, ports))
    if not stale or video.state is VideoState.REMOVING:
        return False
    LOG.info("the subtitles have changed", extra={"video": video.ref.video_id, "generation": video.ref.generation, "chunks": len(stale)})
    assemble_anew(video.ref, ports.work)
    for number in stale:
        with ports.catalog.atomic():  # reopened first: an open chunk whose work is lost is found again, a closed one is not
            ports.catalog.reopen_chunk(video.ref, number)
            ports.catalog.reset_section(key := SectionKey(video.ref, number, Section.TRANSCRIPTION))
            if video.price is Price.BATCH:
                ask_online(key, ports)  # people who bring subtitles wait for them, and an old answer is not paid for twice
            if (chunk := ports.catalog.chunk(video.ref, number)) is not None:
                resume_chunk(video.ref, chunk, ports)
    return True


def stale_chunks(video: Video, ports: Ports) -> Iterator[int]:
    """Yield the numbers of the chunks whose transcription was made of other subtitle files than are there now."""
    there = {(info.name, info.generation) for info in subtitle_files(video, ports.uploads)}
    for record in ports.catalog.sections(video.ref):
        if record.key.section is Section.TRANSCRIPTION and record.state.terminal:
            looked_at = {(source.name, source.generation) for source in record.sources if source.generation}
            if looked_at != there:
                yield record.key.chunk


# --- what becomes of the transcription --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """Subtitles of a chunk. `source` is what its record says of them; `declared`: somebody says in which language they are."""

    subtitles: Subtitles
    source: Source
    declared: bool = False
    whole: bool = False
    """Whether the source has lines in other chunks, so that silence here means that nothing is said."""

    @property
    def usable(self) -> bool:
        return bool(self.subtitles.entries) or self.whole

    @property
    def language(self) -> str | None:
        return base_language(self.subtitles.language)


def offered(video: Video, chunk: Chunk, ports: Ports) -> list[Offered]:
    """Return all subtitles of a chunk: files beside the video first, then streams of it, then closed captions."""
    from scenesearch.media.isolated import subtitles_inside
    from scenesearch.media.subtitle_files import LARGEST_BYTES, read_subtitles

    if video.subtitles is SubtitleUse.IGNORE:
        return []
    found, duration_ms = list[Offered](), video.duration_ms
    for info in subtitle_files(video, ports.uploads):
        said = said_of(info.name, video.name)
        if said is None:
            continue
        with suppress(ObjectNotFound), ports.uploads.open(info.name, info.generation) as file:
            read = read_subtitles(file.read(LARGEST_BYTES + 1), info.name, said, duration_ms)
            here = tuple(entry for entry in read.entries if _belongs(entry, chunk, last=chunk.number == video.chunk_count - 1))
            source = Source(name=info.name, generation=info.generation)
            found.append(Offered(replace(read, entries=here), source, said.language is not None, whole=bool(read.entries)))
    try:
        with ports.uploads.open(video.name, video.ref.generation) as upload:
            inside = subtitles_inside(upload, chunk.span, duration_ms)
    except (UnreadableMedia, ObjectNotFound) as error:  # its pictures and sound are cut already: they are what counts
        LOG.warning("subtitles inside a video cannot be read", extra={"video": video.ref.video_id, "reason": str(error)})
        inside = []
    return found + [Offered(one, Source(name=one.source), one.language is not None) for one in inside]


def replacing(offers: Sequence[Offered], video: Video, heard: str | None = None) -> Offered | None:
    """Return the subtitles that stand in for the transcription: the first whole ones in the language that is spoken.

    Before it is `heard`, the language is that of the video, if it is said. Subtitles that name no language are in the one that is spoken.
    """
    spoken = base_language(video.language) or heard
    if video.subtitles is not SubtitleUse.REPLACE:
        return None
    for one in offers:
        unnamed = not one.declared and (base_language(video.language) is None or one.language in (None, spoken))
        if one.usable and not one.subtitles.forced and (unnamed or (spoken is not None and one.language == spoken)):
            return one
    return None


def with_subtitles(record: SectionRecord, offers: Sequence[Offered], video: Video) -> SectionRecord:
    """Return the terminal record of a transcription with the subtitles in it, and its sources named."""
    if not offers:
        return record
    spoken = base_language(video.language) or record.language
    own = replacing(offers, video, record.language)
    if own is None and (record.state is not SectionState.DONE or (not record.entries and video.subtitles is SubtitleUse.REPLACE)):
        own = next((one for one in offers if one.usable and not one.subtitles.forced), None)
    entries = list(record.entries) if own is None else list(own.subtitles.entries)
    languages: set[str | None] = {spoken, own.language} if own is not None else set()
    sources = []
    for one in offers:
        if one is own:
            use = "in place of the transcription"
        elif not one.usable:
            use = "not used"
        elif (own is not None and one.subtitles.forced) or (languages and one.language in (None, *languages)):
            use = "not used, as another one in this language is"
        else:
            foreign = None if one.language in (None, spoken) else one.subtitles.language
            entries += [replace(entry, language=foreign) for entry in one.subtitles.entries]
            languages.add(one.language)
            use = "a translation" if foreign else "added to the transcription"
        language = f" ({one.subtitles.language})" if one.subtitles.language else ""
        sources.append(replace(one.source, use="; ".join([use + language, *one.subtitles.notes])))
    if own is not None:
        record = replace(
            record, state=SectionState.DONE, reason=None, language=own.language or spoken, digest=_digest(own.subtitles.entries)
        )
    return replace(record, entries=tuple(in_time(entries)), sources=tuple(sources))


def without_hearing(record: SectionRecord, offers: Sequence[Offered], video: Video) -> SectionRecord | None:
    """Return the record that subtitles alone make, when it is sure that they stand in for the transcription; else None."""
    return with_subtitles(record, offers, video) if replacing(offers, video) is not None else None


def _belongs(entry: Entry, chunk: Chunk, *, last: bool) -> bool:
    middle = entry.span.midpoint_ms
    return (middle >= chunk.span.start_ms or chunk.number == 0) and (middle < chunk.span.end_ms or last)


def _digest(entries: Sequence[Entry]) -> str:
    """A few lines from all over the chunk."""
    step = max(1, sum(len(entry.text) + 1 for entry in entries) // DIGEST_LETTERS)
    return " ".join(entry.text for entry in entries[::step])[:DIGEST_LETTERS]


def forget_subtitles(video: Video, ports: Ports) -> list[str]:
    """Delete the subtitle files of a video that belong to no other; their names."""
    names = []
    for info in subtitle_files(replace(video, subtitles=SubtitleUse.REPLACE), ports.uploads):
        if all(other.ref.video_id == video.ref.video_id for other in videos_of(info.name, ports)):
            ports.uploads.delete(info.name, info.generation)
            names.append(info.name)
    return names

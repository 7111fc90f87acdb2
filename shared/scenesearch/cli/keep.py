"""Keeping: `videos`, `show`, `retry`, `remove`, `export`, `reindex`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import Annotated

import typer

from scenesearch.bootstrap import application
from scenesearch.cli.ingest import finish
from scenesearch.cli.libraries import Server, library, served
from scenesearch.cli.output import NO_VIDEOS, Json, VideoArgument, print_json, print_table, say
from scenesearch.cli.progress import share_bar
from scenesearch.errors import InvalidRequest, Unavailable
from scenesearch.library.exports import FORMATS
from scenesearch.library.views import VideoDetails, VideoView, duration_in_words, find, state_in_words, view
from scenesearch.metadata import HEADINGS, Section
from scenesearch.pipeline.reindex import reindex as rebuild
from scenesearch.pipeline.retry import retry as redo
from scenesearch.pipeline.subtitles import forget_subtitles, stale_chunks
from scenesearch.timeline import Span, format_timestamp, parse_timestamp

app = typer.Typer()


@app.command()
def videos(
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the videos and how far they are."""
    found = library(server).videos(collection)
    if as_json:
        print_json({"videos": found})
    elif not found:
        say(NO_VIDEOS if collection is None else f"There are no videos in the collection {collection!r}.")
    else:
        rows = [(v.video_id, duration_in_words(v), v.collection, v.title, state_in_words(v)) for v in found]
        print_table(["id", "length", "collection", "title", "state"], rows)


@app.command()
def show(
    video: VideoArgument,
    text: Annotated[bool, typer.Option("--text", help="The whole metadata text.")] = False,
    section: Annotated[Section | None, typer.Option(help="One section of it.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """What is known about a video."""
    there = library(server)
    found = there.video(there.find(video).video_id)
    if as_json:
        described = found.model_dump(mode="json")
        if text or section:
            described["text"] = there.metadata_text(found.video_id)
            described["entries"] = [entry for entry in there.entries(found.video_id) if section in (None, entry.section)]
        print_json(described)
    elif section is not None:
        for line in _lines(there.metadata_text(found.video_id), section):
            typer.echo(line)
    elif text:
        typer.echo(there.metadata_text(found.video_id), nl=False)
    else:
        _describe(found)


def _lines(text: str, section: Section) -> Iterator[str]:
    """The lines of one section of a metadata text."""
    lines = iter(text.splitlines())
    return takewhile(bool, islice(dropwhile(HEADINGS[section].__ne__, lines), 1, None))


def _describe(found: VideoDetails) -> None:
    say(found.title, "bold")
    say(f"{found.video_id} · {duration_in_words(found)} · {found.collection} · {state_in_words(found)}", "dim")
    if found.summary:
        say(f"\n{found.summary}")
    for scene in found.important_scenes:
        say(f"  {scene.timestamp}  {scene.description}")
    print_table(
        ["\nsection", "\nchunks", "\nmodel"],
        [(s.section, f"{s.done}/{s.of}" + (f", {s.waiting} wait" if s.waiting else ""), ", ".join(s.models)) for s in found.stages],
    )
    for source in (source for stage in found.stages for source in stage.sources):
        say(f"from {source}", "dim")
    for gap in found.gaps:
        say(f"missing: {gap.timestamp or f'chunk {gap.chunk}'}, {gap.section or 'everything'}: {gap.reason}", "yellow")
    for track in found.tracks:
        if track.note or (not track.used and track.kind in ("video", "audio")):
            about = ", ".join(filter(None, (track.kind, track.codec, track.language, track.title)))
            say(f"{'' if track.used else 'not '}used: track {track.number} ({about}): {track.note}", "dim")
    for note in found.notes:
        say(f"note: {note}", "dim")


@app.command()
def retry(video: VideoArgument, server: Server = None, as_json: Json = False) -> None:
    """Do again what failed in a video."""
    if server is not None:
        client = served(server)
        begun = client.retry(client.find(video).video_id)
        if as_json:
            print_json({"videos": [begun], "refused": []})
        else:
            say(f"{begun.video_id}  {begun.title}: {state_in_words(begun)}; `scenesearch videos --server {server}` tells how it goes")
        return
    app_ = application()
    ref = redo(find(video, app_.catalog).ref.video_id, app_.ports)
    finish([ref.video_id], as_json=as_json)


@app.command()
def remove(
    video: VideoArgument,
    subtitles: Annotated[bool, typer.Option("--subtitles", help="Only the subtitle files beside it: it is transcribed again.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Delete a video and everything that was derived from it."""
    if subtitles:
        if server is not None:
            raise InvalidRequest("subtitles are removed where the library is: leave out --server")
        _without_subtitles(video, as_json=as_json)
        return
    if server is not None:
        client = served(server)
        found = client.find(video)
        client.remove(found.video_id)
    else:
        found = _removed(video)
    if as_json:
        print_json({"removed": found.video_id})
    else:
        say(f"removed {found.title} ({found.video_id})")


def _without_subtitles(wanted: str, *, as_json: bool) -> None:
    """Delete the subtitle files of a video and have it transcribed again."""
    app_ = application()
    found = find(wanted, app_.catalog)
    names = forget_subtitles(found, app_.ports)
    app_.runner().settle(until=lambda: not any(True for _ in stale_chunks(found, app_.ports)))
    if not as_json:
        say(f"removed {', '.join(name.rpartition('/')[2] for name in names) or 'no subtitles: there is no file'} beside {found.title}")
    finish([found.ref.video_id], as_json=as_json)


def _removed(wanted: str) -> VideoView:
    """Remove a video of this machine's settings, and see it gone."""
    app_ = application()
    found = find(wanted, app_.catalog)
    app_.uploads.delete(found.name, found.ref.generation)
    forget_subtitles(found, app_.ports)
    app_.runner().settle(until=lambda: app_.catalog.generation(found.ref) is None)
    if app_.catalog.generation(found.ref) is not None:
        raise Unavailable(f"{found.title} is being removed but is not gone yet: `scenesearch videos` tells when")
    return view(found, app_.catalog)


@app.command()
def export(
    video: VideoArgument,
    start: Annotated[str, typer.Option(help="From here: MM:SS, H:MM:SS or seconds.")],
    end: Annotated[str, typer.Option(help="To here.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help=f"Where to; the extension says what: {' '.join(FORMATS)}")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Take a scene away as a file."""
    there = library(server)
    found = there.find(video)
    span = Span(parse_timestamp(start), parse_timestamp(end))
    with share_bar(to.name, shown=not as_json) as progress:
        there.export(found.video_id, span, to, progress)
    if as_json:
        print_json({"file": str(to), "start": span.start_s, "end": span.end_s, "bytes": to.stat().st_size})
    else:
        say(f"wrote {to} ({format_timestamp(span.start_ms)} to {format_timestamp(span.end_ms)} of {found.title})")


@app.command()
def reindex(as_json: Json = False) -> None:
    """Build the index again from the catalog."""
    app_ = application()
    count = rebuild(app_.ports)
    if as_json:
        print_json({"videos": count})
    else:
        say(f"indexed {count} videos with {app_.embedder.name}")

"""Keeping: `videos`, `show`, `retry`, `remove`, `export`, `profile`, `reindex`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from scenesearch.bootstrap import application
from scenesearch.cli.ingest import finish
from scenesearch.cli.output import Json, VideoArgument, console, print_json, print_table, say
from scenesearch.errors import InvalidRequest, Unavailable
from scenesearch.library.exports import export_clip
from scenesearch.library.views import details, duration_in_words, find, metadata_text, state_in_words, view
from scenesearch.metadata import Section, one_line
from scenesearch.pipeline.reindex import reindex as rebuild
from scenesearch.pipeline.retry import retry as redo
from scenesearch.timeline import Span, format_timestamp, parse_timestamp
from scenesearch.video import Collection, Profile

app = typer.Typer()
profile = typer.Typer(help="What a collection tells the models: languages, cast, premises.", no_args_is_help=True)

_PROFILE = TypeAdapter(Profile)


@app.command()
def videos(
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    as_json: Json = False,
) -> None:
    """List the videos and how far they are."""
    found = list(application().catalog.videos(frozenset({collection}) if collection else None))
    if as_json:
        print_json({"videos": [view(video) for video in found]})
    elif not found:
        say("No videos yet: `scenesearch ingest PATH` takes some in.")
    else:
        rows = [(v.ref.video_id, duration_in_words(v), v.collection, v.title, state_in_words(v)) for v in found]
        print_table(["id", "length", "collection", "title", "state"], rows)


@app.command()
def show(
    video: VideoArgument,
    text: Annotated[bool, typer.Option("--text", help="The whole metadata text.")] = False,
    section: Annotated[Section | None, typer.Option(help="One section of it.")] = None,
    as_json: Json = False,
) -> None:
    """What is known about a video."""
    catalog = application().catalog
    found = find(video, catalog)
    content = metadata_text(found, catalog)
    if as_json:
        described = details(found, catalog).model_dump(mode="json")
        if text or section:
            described["text"] = content.render()
            described["entries"] = [entry for one in Section if section in (None, one) for entry in content.of(one)]
        print_json(described)
    elif section is Section.SUMMARY:
        typer.echo(one_line(content.summary))
    elif section is not None:
        for entry in content.of(section):
            typer.echo(entry.render())
    elif text:
        typer.echo(content.render(), nl=False)
    else:
        described_video = details(found, catalog)
        say(found.title, "bold")
        say(f"{found.ref.video_id} · {duration_in_words(found)} · {found.collection} · {state_in_words(found)}", "dim")
        if found.summary:
            say(f"\n{found.summary}")
        for scene in described_video.important_scenes:
            say(f"  {scene.timestamp}  {scene.description}")
        print_table(
            ["\nsection", "\nchunks", "\nmodel"], [(s.section, f"{s.done}/{s.of}", ", ".join(s.models)) for s in described_video.stages]
        )
        for gap in found.gaps:
            say(f"missing: chunk {gap.chunk}, {gap.section or 'all sections'}: {gap.reason}", "yellow")


@app.command()
def retry(video: VideoArgument, as_json: Json = False) -> None:
    """Do again what failed in a video."""
    app_ = application()
    ref = redo(find(video, app_.catalog).ref.video_id, app_.ports)
    finish([ref.video_id], as_json=as_json)


@app.command()
def remove(video: VideoArgument, as_json: Json = False) -> None:
    """Delete a video and everything that was derived from it."""
    app_ = application()
    found = find(video, app_.catalog)
    app_.uploads.delete(found.name, found.ref.generation)
    app_.settle(until=lambda: app_.catalog.generation(found.ref) is None)
    if app_.catalog.generation(found.ref) is not None:
        raise Unavailable(f"{found.title} is being removed but is not gone yet: `scenesearch videos` tells when")
    if as_json:
        print_json({"removed": found.ref.video_id})
    else:
        say(f"removed {found.title} ({found.ref.video_id})")


@app.command()
def export(
    video: VideoArgument,
    start: Annotated[str, typer.Option(help="From here: MM:SS, H:MM:SS or seconds.")],
    end: Annotated[str, typer.Option(help="To here.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="Where to; the extension says what: .mp4 .png .vtt .srt .txt .otio .edl")
    ],
    as_json: Json = False,
) -> None:
    """Take a scene away as a file."""
    app_ = application()
    found = find(video, app_.catalog)
    span = Span(parse_timestamp(start), parse_timestamp(end))
    export_clip(found, span, to, uploads=app_.uploads, catalog=app_.catalog)
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


@profile.command("show")
def profile_show(
    collection: Annotated[str, typer.Argument()] = "default",
    as_json: Json = False,
) -> None:
    """What this collection tells the models."""
    known = application().catalog.collection(collection) or Collection(collection)
    if as_json:
        print_json(known.profile)
        return
    said = known.profile
    say(f"languages: {', '.join(said.languages) or 'not said'}")
    for member in said.cast:
        say(f"cast: {member.name}" + (f": {member.description}" if member.description else ""))
    for premise in said.premises:
        say(f"premise: {premise}")


@profile.command("set")
def profile_set(
    collection: Annotated[str, typer.Argument(help="The collection; it is made when it is new.")],
    language: Annotated[list[str] | None, typer.Option(help="A language that is spoken or written, as in en or ja. Repeatable.")] = None,
    cast: Annotated[list[str] | None, typer.Option(help="Who or what appears: NAME or NAME=DESCRIPTION. Repeatable.")] = None,
    premise: Annotated[list[str] | None, typer.Option(help="An unsaid rule of the team. Repeatable.")] = None,
    file: Annotated[Path | None, typer.Option(help="A JSON file with languages, cast and premises.")] = None,
) -> None:
    """Say what a collection tells the models; what is not named stays as it is."""
    catalog = application().catalog
    known = catalog.collection(collection) or Collection(collection)
    said = known.profile
    if file is not None:
        try:
            said = _PROFILE.validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise InvalidRequest(f"{file} is no profile: {error}") from error
    changes: dict[str, object] = {}
    if language is not None:
        changes["languages"] = tuple(language)
    if cast is not None:
        members = (one.partition("=") for one in cast)
        changes["cast"] = tuple({"name": name.strip(), "description": text.strip()} for name, _, text in members)
    if premise is not None:
        changes["premises"] = tuple(premise)
    said = _PROFILE.validate_python({**_PROFILE.dump_python(said), **changes})
    catalog.save_collection(replace(known, profile=said))
    console.print(f"profile of {collection} saved", markup=False)

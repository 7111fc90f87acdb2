"""Taking videos in: `ingest`, with progress until every one of them has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from scenesearch.bootstrap import Application, application
from scenesearch.cli.folders import found_in, left_out_in_words
from scenesearch.cli.output import Json, a_language, errors, print_json, say
from scenesearch.cli.progress import ENDED, ProgressBars
from scenesearch.errors import InvalidRequest, ObjectNotFound, SceneSearchError, StorageFull
from scenesearch.library.uploads import collection_name, subtitle_object
from scenesearch.library.views import state_in_words, view
from scenesearch.media.codecs import content_type_of
from scenesearch.media.subtitle_names import SUBTITLE_TYPES
from scenesearch.metadata import one_line
from scenesearch.names import spellings
from scenesearch.pipeline.backfill import backfill
from scenesearch.pipeline.price import checked_price
from scenesearch.pipeline.subtitles import stale_chunks
from scenesearch.ports import ObjectInfo
from scenesearch.price import Price
from scenesearch.video import DEFAULT_COLLECTION, SubtitleUse, Video, VideoState, video_id

app = typer.Typer()

GS = "gs://"


@app.command()
def ingest(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders, or gs://BUCKET/PREFIX.")],
    collection: Annotated[str, typer.Option(help="The collection they belong to.")] = DEFAULT_COLLECTION,
    title: Annotated[str | None, typer.Option(help="The title (one file only); else the file's name.")] = None,
    language: Annotated[
        str | None, typer.Option(help="The language spoken, as in en or ja; else as it is heard.", callback=a_language)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag. Repeatable.")] = None,
    audio_track: Annotated[
        int | None, typer.Option(min=1, max=99, help="Which sound track is heard, from 1; else the one that is spoken on.")
    ] = None,
    price: Annotated[
        Price | None, typer.Option(help="What Gemini may cost: half with flex (slower) or batch (within a day; what a bucket holds is).")
    ] = None,
    subtitles: Annotated[
        SubtitleUse, typer.Option(help="Subtitles beside and inside a video: instead of its transcription, added to it, or not at all.")
    ] = SubtitleUse.REPLACE,
    as_json: Json = False,
) -> None:
    """Take videos in and wait until they can be searched."""
    collection = collection_name(collection)
    app_ = application()
    price = checked_price(price, app_.settings)
    buckets = [path for path in paths if path.startswith(GS)]
    found = found_in([path for path in paths if path not in buckets])
    refused, files = found.refused, found.videos
    for line in left_out_in_words(found.left_out):
        errors.print(one_line(line), style="dim", markup=False)
    if title is not None and len(files) != 1:
        raise InvalidRequest(f"--title names one video, but there are {len(files)} files: leave it out, or ingest them one by one")
    said = {"title": title, "language": language, "tags": ",".join(tag or ()), "audio_track": audio_track, "price": price}
    said["subtitles"] = None if subtitles is SubtitleUse.REPLACE else subtitles
    metadata = {name: str(value) for name, value in said.items() if value}
    ids = [one for url in buckets for one in _backfilled(app_, url, price)]
    if ids and price in (None, Price.BATCH):
        errors.print(
            "what lay in the bucket is taken in at the cheapest price, which may take a day: Ctrl-C leaves it going on", style="dim"
        )
    if subtitles is not SubtitleUse.IGNORE:
        for name, file in found.subtitles.items():
            _put(app_, file, _known_as(app_, f"{collection}/{name}"), SUBTITLE_TYPES[file.suffix.lower()], {})
    for file in found.lone_subtitles:
        name, belongs_to = subtitle_object(collection, file.name, app_.catalog)
        _put(app_, file, name, SUBTITLE_TYPES[file.suffix.lower()], {})
        if belongs_to:
            ids.append(belongs_to)
        else:
            errors.print(one_line(f"{file.name} waits for a video of this name in {collection}"), markup=False)
    for name, file in files.items():
        try:
            ids.append(_upload(app_, file, f"{collection}/{name}", metadata))
        except StorageFull:
            raise
        except (SceneSearchError, OSError) as error:
            refused.append(f"{file}: {error}")
    subtitled = bool(found.subtitles or found.lone_subtitles)
    finish(ids, as_json=as_json, refused=refused, left_out=found.left_out, subtitled=subtitled)


def finish(
    ids: Sequence[str], *, as_json: bool, refused: Sequence[str] = (), left_out: Mapping[Path, str] | None = None, subtitled: bool = False
) -> None:
    """Work until these videos have ended, show how it goes, report; exit 1 when one failed or was refused.

    `left_out` are files of folders that are no videos, with the reason: they are reported, and are no failure. When the videos are
    `subtitled`, their transcriptions have to be those of the subtitles.
    """
    app_, titles = application(), dict[str, str]()

    def ended_all() -> bool:
        now = app_.catalog.live(ids)
        titles.update((one, video.title) for one, video in now.items())
        videos = [now.get(one) for one in ids]
        return all(_has_ended(app_, video) for video in videos) and not (
            subtitled and any(True for video in videos if video and video.chunk_count for _ in stale_chunks(video, app_.ports))
        )

    try:
        with ProgressBars(ids, app_, quiet=as_json) as bars:
            app_.runner().settle(bars.update, until=ended_all)
    except KeyboardInterrupt:
        errors.print("stopped: run the same command again to go on where it was")
        raise typer.Exit(130) from None
    live = app_.catalog.live(ids)
    ended = [live[one] for one in dict.fromkeys(ids) if one in live]
    failed = [video for video in ended if video.state is not VideoState.READY]
    if as_json:
        skipped = [{"file": str(file), "reason": reason} for file, reason in (left_out or {}).items()]
        print_json({"videos": [view(video, app_.catalog) for video in ended], "refused": list(refused), "left_out": skipped})
    else:
        for video in ended:
            say(f"{video.ref.video_id}  {video.title}: {state_in_words(view(video, app_.catalog))}", "red" if video in failed else "green")
    lost = [
        f"{titles[one]} was removed while it was taken in" if one in titles else f"{one} has made no video: run the same command again"
        for one in dict.fromkeys(ids)
        if one not in live
    ]
    for line in [*refused, *lost]:
        errors.print(f"scenesearch: {one_line(line)}", markup=False)
    if failed or refused or lost:
        raise typer.Exit(1)


def _backfilled(app_: Application, url: str, price: Price | None) -> list[str]:
    """Take in what lies in the uploads bucket already, at the cheapest price unless one is named; the ids of the videos."""
    bucket, _, prefix = url.removeprefix(GS).partition("/")
    if not app_.backend.link_origins:
        raise InvalidRequest(f"{url} is in the cloud: set SCENESEARCH_BACKEND=gcp, or download it first")
    if bucket != app_.uploads.bucket:
        raise InvalidRequest(f"{bucket} is not the bucket of uploads, which is {app_.uploads.bucket}: copy the objects there")
    return backfill(prefix, app_.ports, price=price or "cheapest")


def _has_ended(app_: Application, video: Video | None) -> bool:
    """Whether the newest upload of the video is ready, has failed, has to wait for another day, or is gone."""
    if video is None or video.state not in ENDED:
        return False
    try:
        return app_.uploads.stat(video.name).generation == video.ref.generation
    except ObjectNotFound:
        return True


def _upload(app_: Application, file: Path, name: str, metadata: dict[str, str]) -> str:
    """Put the file into the uploads bucket unless the very same is there; returns its video's id."""
    name = _known_as(app_, name)
    _put(app_, file, name, content_type_of(file.name) or "application/octet-stream", metadata)
    return video_id(app_.uploads.bucket, name)


def _put(app_: Application, file: Path, name: str, content_type: str, metadata: dict[str, str]) -> None:
    """Write the object unless the very same is there."""
    if _is_there(app_, name, file, metadata):
        backfill(name, app_.ports)  # should its announcement have been lost
    else:
        with file.open("rb") as source:
            app_.uploads.replace(name, source, content_type=content_type, metadata=metadata)


def _known_as(app_: Application, name: str) -> str:
    """Return the spelling under which the file was uploaded before names were composed, else the name."""
    for spelling in sorted(spellings(name) - {name}):
        with suppress(ObjectNotFound):
            return app_.uploads.stat(spelling).name
    return name


def _is_there(app_: Application, name: str, file: Path, metadata: dict[str, str]) -> bool:
    """Whether the upload of this name holds this very file."""
    try:
        known: ObjectInfo = app_.uploads.stat(name)
    except ObjectNotFound:
        return False
    said = dict(known.metadata) | {"price": metadata.get("price", "")}  # another price makes no other video
    if known.size_bytes != file.stat().st_size or {k: v for k, v in said.items() if v} != metadata:
        return False
    with app_.uploads.open(name) as there, file.open("rb") as here:
        while block := here.read(1 << 20):
            if there.read(len(block)) != block:
                return False
    return True

"""`profile`: what a collection tells the models, and who may use it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, field_validator

from scenesearch.bootstrap import application
from scenesearch.cli.output import Json, print_json, say
from scenesearch.errors import InvalidRequest
from scenesearch.library.uploads import collection_name
from scenesearch.names import composed
from scenesearch.video import DEFAULT_COLLECTION, CastMember, Collection, Profile

app = typer.Typer(help="What a collection tells the models (languages, cast, premises), and who may use it.", no_args_is_help=True)

_CALLER = re.compile(r"\*|domain:[^@\s]+|[^@\s:]+@[^@\s]+")

PREMISES_UNREAD = "premises are for Gemini (SCENESEARCH_MODELS=vertexai): the local models, which are chosen here, do not read them"


def _as_tokens_name_people(said: str) -> str:
    """In small letters."""
    if not _CALLER.fullmatch(caller := said.strip().lower()):
        raise ValueError(f"{said!r} is nobody: write an address as in mika@films.example, domain:films.example, or * for everybody")
    return caller


_Caller = Annotated[str, AfterValidator(_as_tokens_name_people)]
"""An address; or everybody of a domain, or everybody."""


@app.command("show")
def profile_show(
    collection: Annotated[str, typer.Argument()] = DEFAULT_COLLECTION,
    as_json: Json = False,
) -> None:
    """What this collection tells the models, and who may use it."""
    collection = collection_name(collection)
    said = _Said.of(application().catalog.collection(collection) or Collection(collection))
    if as_json:
        print_json(said)
        return
    say(f"languages: {', '.join(said.languages) or 'not said'}")
    for member in said.cast:
        say(f"cast: {member.name}" + (f": {member.description}" if member.description else ""))
    for premise in said.premises:
        say(f"premise: {premise}")
    say(f"readers: {', '.join(said.readers) or 'writers and admins only'}")
    say(f"writers: {', '.join(said.writers) or 'admins only'}")


@app.command("set")
def profile_set(
    collection: Annotated[str, typer.Argument(help="The collection; it is made when it is new.")],
    language: Annotated[list[str] | None, typer.Option(help="A language that is spoken or written, as in en or ja. Repeatable.")] = None,
    cast: Annotated[list[str] | None, typer.Option(help="Who or what appears: NAME or NAME=DESCRIPTION. Repeatable.")] = None,
    premise: Annotated[list[str] | None, typer.Option(help="An unsaid rule of the team. Repeatable.")] = None,
    reader: Annotated[list[str] | None, typer.Option(help="Who may ask and watch: an address, domain:NAME or *. Repeatable.")] = None,
    writer: Annotated[list[str] | None, typer.Option(help="Who may upload and remove, too. Repeatable.")] = None,
    file: Annotated[Path | None, typer.Option(help="A JSON file as `profile show --json` prints it.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a collection tells the models, and who may use it; what is not named stays as it is, "" empties a list."""
    collection = collection_name(collection)
    catalog = application().catalog
    said = _Said.of(catalog.collection(collection) or Collection(collection)).model_dump()
    members = [(name.strip(), text.strip()) for name, _, text in (one.partition("=") for one in cast or ())]
    given = {
        "languages": language,
        "cast": None if cast is None else [{"name": composed(name), "description": text} for name, text in members if name],
        "premises": premise,
        "readers": reader,
        "writers": writer,
    }
    try:
        if file is not None:
            said |= _Said.model_validate_json(file.read_bytes()).model_dump(exclude_unset=True)
        new = _Said.model_validate(said | {name: value for name, value in given.items() if value is not None})
    except (OSError, ValidationError) as error:
        faults = error.errors() if isinstance(error, ValidationError) else [{"loc": (str(file),), "msg": str(error)}]
        said_wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {str(fault['msg']).removeprefix('Value error, ')}" for fault in faults)
        raise InvalidRequest(f"that is no profile: {said_wrong}") from error
    catalog.save_collection(new.collection(collection))
    if as_json:
        print_json(new)
    else:
        say(f"profile of {collection} saved")
        if premise and not application().models.reads_premises:
            say(PREMISES_UNREAD, "yellow")


class _Said(BaseModel):
    """What is said of a collection."""

    model_config = ConfigDict(extra="forbid")

    languages: tuple[str, ...] = ()
    cast: tuple[CastMember, ...] = ()
    premises: tuple[str, ...] = ()
    readers: tuple[_Caller, ...] = ()
    writers: tuple[_Caller, ...] = ()

    @field_validator("languages", "premises", "readers", "writers", mode="before")
    @classmethod
    def _empty_is_nothing(cls, value: object) -> object:
        return [one for one in value if one != ""] if isinstance(value, (list, tuple)) else value

    @classmethod
    def of(cls, known: Collection) -> _Said:
        said = known.profile
        lists = {"readers": tuple(sorted(known.readers)), "writers": tuple(sorted(known.writers))}
        return cls(languages=said.languages, cast=said.cast, premises=said.premises, **lists)

    def collection(self, name: str) -> Collection:
        profile = Profile(languages=self.languages, cast=self.cast, premises=self.premises)
        return Collection(name, frozenset(self.readers), frozenset(self.writers), profile)

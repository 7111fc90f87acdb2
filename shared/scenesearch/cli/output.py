"""How the command line prints: JSON for programs, tables and colours for people. Extracted text is never markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scenesearch.metadata import one_line
from scenesearch.video import base_language

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VideoArgument = Annotated[str, typer.Argument(metavar="VIDEO", help="A video's id, title or object name.")]

console = Console(highlight=False, soft_wrap=True)
WIDE = 1000
"""Columns of a table that no terminal shows: nothing is shortened for a program that reads it."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)


NO_VIDEOS = "No videos yet: `scenesearch ingest PATH` takes some in."


def a_language(said: str | None) -> str | None:
    """What an option says of a language, as it stands; anything but a tag is refused."""
    if said is not None and base_language(said) is None:
        raise typer.BadParameter(f"{said!r} is no language: write its tag, as in en, ja or pt-BR")
    return said


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    cells = [[one_line(cell) for cell in row] for row in rows]
    table.columns[0].min_width = max((len(row[0]) for row in cells), default=0)  # ids are there to be copied
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table, width=None if console.is_terminal else WIDE)


def say(text: str, style: str = "") -> None:
    """A line, or a few, to the person at the terminal; whatever a file's name or a model may hold, it only shows as text."""
    console.print(Text("\n".join(map(one_line, text.split("\n"))), style=style))

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

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VideoArgument = Annotated[str, typer.Argument(metavar="VIDEO", help="A video's id, title or object name.")]

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def say(text: str, style: str = "") -> None:
    """One line to the person at the terminal."""
    console.print(Text(text, style=style))

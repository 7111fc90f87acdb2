"""`scenesearch`: everything from the command line. Exit codes: 0 done, 1 failed with one clear line, 2 usage."""

from __future__ import annotations

import sys

import typer

from scenesearch.cli import ask, emulate, ingest, keep, run
from scenesearch.errors import SceneSearchError

app = typer.Typer(help="Find the scene, not the file.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for commands in (ingest.app, ask.app, keep.app, run.app, emulate.app):
    app.registered_commands += commands.registered_commands
app.add_typer(keep.profile, name="profile")


def main() -> None:
    """The entry point: errors of ours are one line on stderr, never a traceback."""
    try:
        app()
    except SceneSearchError as error:
        typer.echo(f"scenesearch: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()

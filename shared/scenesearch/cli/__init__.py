"""`scenesearch`: everything from the command line. Exit codes: 0 done, 1 failed with one clear line, 2 usage."""

from __future__ import annotations

import logging
import sys

import typer

from scenesearch.cli import ask, emulate, feedback, ingest, keep, profile, run
from scenesearch.errors import SceneSearchError
from scenesearch.metadata import one_line
from scenesearch.observability.logs import configure_logging

app = typer.Typer(help="Find the scene, not the file.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for commands in (ingest.app, ask.app, feedback.app, keep.app, run.app, emulate.app):
    app.registered_commands += commands.registered_commands
app.add_typer(profile.app, name="profile")


def main() -> None:
    """The entry point: errors of ours are one line on stderr, never a traceback."""
    configure_logging(as_json=False, level=logging.WARNING)
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
    except SceneSearchError as error:
        typer.echo(f"scenesearch: {one_line(str(error))}", err=True)
        sys.exit(1)
    except OSError as error:
        typer.echo(f"scenesearch: {one_line(str(error))}: check the path and its permissions", err=True)
        sys.exit(1)

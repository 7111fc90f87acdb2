"""`scenesearch`: everything from the command line. Exit codes: 0 done, 1 failed with one clear line, 2 usage."""

from __future__ import annotations

import sys

import click
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
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        typer.echo("stopped: run the same command again to go on where it was", err=True)
        code = 130
    except SceneSearchError as error:
        typer.echo(f"scenesearch: {error}", err=True)
        code = 1
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)

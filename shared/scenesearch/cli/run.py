"""Running: `serve` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from scenesearch.bootstrap import application
from scenesearch.cli.output import Json, console, print_json, say
from scenesearch.doctor import examine

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; without sign-in only this machine itself is allowed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
) -> None:
    """The page and the API on this machine."""
    from scenesearch.web.server import serve as run

    run(application(), host, port)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What works here, and what to do about the rest."""
    findings = examine()
    if as_json:
        print_json({"findings": findings})
    else:
        for finding in findings:
            say(
                f"{'ok ' if finding.ok else 'no ' if finding.needed else '–  '} {finding.what}: {finding.state}",
                "" if finding.ok else "yellow",
            )
            if finding.advice:
                console.print(f"     {finding.advice}", markup=False)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)

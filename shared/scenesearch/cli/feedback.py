"""`feedback`: what people said of scenes, the evaluation set of tomorrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from scenesearch.bootstrap import application
from scenesearch.cli.output import print_table, say
from scenesearch.timeline import Span
from scenesearch.video import Feedback

app = typer.Typer()


@app.command()
def feedback(
    collection: Annotated[str | None, typer.Option(help="Only on videos of this collection.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the scenes that are right as lines of the queries.jsonl of `evaluate`.")
    ] = False,
) -> None:
    """What was said of scenes that were found: right or wrong."""
    catalog = application().catalog
    said = list(catalog.feedback())
    live = catalog.live(sorted({one.ref.video_id for one in said}))
    if collection is not None:
        said = [one for one in said if (video := live.get(one.ref.video_id)) is not None and video.collection == collection]
    if as_json:
        for line in questions(one for one in said if (video := live.get(one.ref.video_id)) is not None and video.ref == one.ref):
            typer.echo(json.dumps(line, ensure_ascii=False))
    elif not said:
        say("No feedback yet: on the page, every scene that is found can be called right or wrong.")
    else:
        titles = {one: video.title for one, video in live.items()}
        rows = [
            (
                f"{one.at:%Y-%m-%d %H:%M}",
                _verdict(one),
                titles.get(one.ref.video_id, one.ref.video_id),
                str(one.span),
                one.query,
                one.caller,
            )
            for one in said
        ]
        print_table(["said (UTC)", "scene is", "video", "scene", "question", "by"], rows)


def questions(said: Iterable[Feedback]) -> Iterator[dict[str, Any]]:
    """A question for each query and video with all of its right scenes, in seconds. The last word on a scene counts."""
    last = {(one.query, one.ref.video_id, one.span): one.right for one in said}
    right = dict[tuple[str, str], list[Span]]()
    for (query, video_id, span), is_right in last.items():
        if is_right:
            right.setdefault((query, video_id), []).append(span)
    for number, ((query, video_id), spans) in enumerate(right.items(), 1):
        times = [[span.start_s, span.end_s] for span in sorted(spans)]
        yield {"qid": f"feedback-{number}", "query": query, "video_id": video_id, "spans": times, "type": "feedback"}


def _verdict(one: Feedback) -> str:
    return "right" if one.right else "wrong"

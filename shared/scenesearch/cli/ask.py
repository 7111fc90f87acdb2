"""Asking: `search` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from scenesearch.cli.libraries import Server, library
from scenesearch.cli.output import NO_VIDEOS, Json, a_language, console, print_json, print_table, say
from scenesearch.metadata import one_line
from scenesearch.search.answer import Answer, Effort, Mode, SearchRequest
from scenesearch.search.overlaps import places

app = typer.Typer()


@app.command()
def search(
    query: Annotated[str, typer.Argument(help='What you remember. "Quoted phrases" must match.')],
    collection: Annotated[str | None, typer.Option(help="Only in this collection.")] = None,
    mode: Annotated[Mode, typer.Option(help="Miss nothing (recall) … no false hit (precision).")] = Mode.BALANCED,
    effort: Annotated[Effort, typer.Option(help="Index only … the model also watches the clips.")] = Effort.STANDARD,
    limit: Annotated[int, typer.Option(help="How many scenes.", min=1, max=100)] = 10,
    language: Annotated[str | None, typer.Option(help="Only videos in this language, as in en or ja.", callback=a_language)] = None,
    answer_language: Annotated[str | None, typer.Option(help="Describe the scenes in it (Gemini).", callback=a_language)] = None,
    video: Annotated[str | None, typer.Option(metavar="VIDEO", help="Only in this video: its id, title or object name.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Find scenes."""
    asked = library(server)
    video_id = asked.find(video).video_id if video is not None else None
    request = SearchRequest(
        query=query,
        collection=collection,
        mode=mode,
        effort=effort,
        limit=limit,
        language=language,
        answer_language=answer_language,
        video_id=video_id,
    )
    answer = asked.search(request)
    if as_json:
        print_json(answer)
    elif answer.scenes or asked.videos():
        print_answer(answer)
    else:
        say(NO_VIDEOS)


def print_answer(answer: Answer) -> None:
    """The scenes, best first, each with its evidence."""
    if answer.degraded:
        say(f"Not all was done: {answer.degraded}", "yellow")
    if answer.no_match and answer.scenes:
        say(f"Nothing here seems to answer {one_line(answer.query)!r}. This came nearest:", "yellow")
    if not answer.scenes:
        more = "" if answer.mode is Mode.RECALL else ", or --mode recall"
        say(f"Nothing found for {one_line(answer.query)!r}. Try other words{more}.")
    found = places(answer.scenes)
    for number, (scene, *cuts) in enumerate(found, 1):
        mark = "" if scene.grounded else "  (not confirmed by the text)"
        console.print(Text.assemble((f"{number:>2}  ", "dim"), (scene.timestamp, "bold cyan"), "  ", (one_line(scene.title), "bold"), mark))
        console.print(Text(f"    {one_line(scene.description)}"))
        for evidence in scene.evidence:
            who = f"{evidence.speaker}: " if evidence.speaker else ""
            line = f"    {evidence.section.replace('_', ' ')} {evidence.timestamp}  {who}{one_line(evidence.text)}"
            console.print(Text(line, style="dim"))
        if cuts:
            console.print(Text(f"    cut differently: {', '.join(cut.timestamp for cut in cuts)}", style="dim"))
    videos = len({scene.video_id for scene in answer.scenes})
    say(
        f"{len(found)} {'scene' if len(found) == 1 else 'scenes'} in {videos} {'video' if videos == 1 else 'videos'}, {answer.took_ms} ms",
        "dim",
    )


@app.command()
def evaluate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Holds videos.jsonl and queries.jsonl.")],
    query_field: Annotated[str, typer.Option(help="Which field of queries.jsonl to ask.")] = "query",
    limit: Annotated[int | None, typer.Option(help="Ask only the first N questions.", min=1)] = None,
    through_http: Annotated[bool, typer.Option("--through-http", help="Ask the search endpoint, over a connection.")] = False,
    absent: Annotated[
        Path | None, typer.Option(metavar="DIR2", help="Ask this set's questions too, as such that nothing in DIR answers.")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="Measure how the embedder's cosines are to be read, and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Measure search on a set of questions with known answers."""
    if scale:
        _scale(directory, query_field, as_json)
        return
    from scenesearch.evaluation.evaluate import evaluate as measure

    figures = measure(directory, query_field=query_field, limit=limit, through_http=through_http, absent=absent)
    if as_json:
        print_json(figures)
        return
    rows = [("videos (VR)", "–", *(f"{figures.vr.get(k, 0):.1f}" for k in ("r@1", "r@5", "r@10", "r@100")))]
    for name, by_iou in (("scenes (VCMR)", figures.vcmr), ("scenes in the given video (SVMR)", figures.svmr)):
        rows += [(name, iou, *(f"{at[k]:.1f}" if k in at else "" for k in ("r@1", "r@5", "r@10", "r@100"))) for iou, at in by_iou.items()]
    print_table(["found", "tIoU", "R@1", "R@5", "R@10", "R@100"], rows)
    say(f"{figures.queries} questions, p50 {figures.p50_ms:.0f} ms, p95 {figures.p95_ms:.0f} ms, index built in {figures.index_s:.0f} s")
    if (told := figures.rejection) is not None:
        rows = [(cutoff, f"{at['rejected']:.1f}", f"{at['kept']:.1f}") for cutoff, at in told.curve.items()]
        print_table(["cutoff", "absent: nothing shown", "right: still shown"], rows)
        say(f"balanced rejects {told.balanced:.1f}% of the absent questions and keeps {told.kept:.1f}% of the right first scenes")
        say(f"precision rejects {told.precision:.1f}% and keeps {told.kept_precision:.1f}%")


def _scale(directory: Path, query_field: str, as_json: bool) -> None:
    """What `vertexai_embedding_unrelated` and `…_spread` should be, or those of another embedder."""
    from scenesearch.bootstrap import application
    from scenesearch.evaluation.calibrate import measured

    found = measured(directory, application().models.embedder, query_field=query_field)
    if as_json:
        print_json(found)
        return
    say(f"{found.embedder}: {found.questions} questions and {found.moments} moments of videos that they are not about")
    say(f"unrelated {found.unrelated}, spread {found.spread}; right moments lie {found.right} spreads above (half of them)")

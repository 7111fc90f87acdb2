"""Measuring search on a set of questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenesearch.errors import InvalidRequest
from scenesearch.evaluation.evaluate import answered, evaluate, indexed, over_http, requests

LINES = {
    "harbour": ["A white boat sails past the lighthouse.", "The red car hits the wall and explodes.", "Hot noodles, eight hundred yen."],
    "bread": ["Knead the dough for ten minutes.", "Preheat the oven.", "The crust sounds hollow when it is done."],
}


def a_set(directory: Path, questions: list[dict[str, object]] | None = None) -> Path:
    videos = [
        {
            "video_id": name,
            "title": name,
            "summary": "",
            "duration": 90,
            "segments": [{"start": n * 30, "end": n * 30 + 20, "text": text, "kind": "transcription"} for n, text in enumerate(lines)],
        }
        for name, lines in LINES.items()
    ]
    questions = questions or [
        {
            "qid": "1",
            "query": "when does the car explode",
            "asked": "noodles",
            "video_id": "harbour",
            "spans": [[30, 50]],
            "type": "speech",
        },
        {"qid": "2", "query": "how long to knead", "asked": "dough", "video_id": "bread", "spans": [[500, 510], [0, 20]], "type": "speech"},
        {"qid": "3", "query": "?", "asked": "oven", "video_id": "bread", "spans": [[30, 50]], "type": "speech"},
    ]
    (directory / "videos.jsonl").write_text("\n".join(map(json.dumps, videos)) + "\n\n", encoding="utf-8")
    (directory / "queries.jsonl").write_text("\n".join(map(json.dumps, questions)), encoding="utf-8")
    return directory


def test_figures_count_what_was_found(tmp_path: Path) -> None:
    figures = evaluate(a_set(tmp_path))
    assert figures.queries == 3
    assert figures.vr == {"r@1": 66.67, "r@5": 66.67, "r@10": 66.67, "r@100": 66.67}
    assert figures.vcmr["0.5"]["r@5"] == 66.67
    assert figures.svmr["0.7"]["r@5"] == 66.67
    assert set(figures.svmr["0.5"]) == {"r@1", "r@5"}
    assert 0 < figures.p50_ms <= figures.p95_ms
    assert figures.index_s > 0


def test_another_field_and_fewer_questions(tmp_path: Path) -> None:
    figures = evaluate(a_set(tmp_path), query_field="asked", limit=1)
    assert figures.queries == 1
    assert figures.vr["r@1"] == 100
    assert figures.vcmr["0.5"]["r@1"] == 0  # the noodles come half a minute later


def test_over_http_every_answer_is_the_same(tmp_path: Path) -> None:
    given = a_set(tmp_path)
    within, over = evaluate(given), evaluate(given, through_http=True)
    times = {"p50_ms", "p95_ms", "index_s"}
    assert over.model_dump(exclude=times) == within.model_dump(exclude=times)
    with indexed(given) as both, over_http(both.app) as ask:
        for request in (request for question in both.questions for request in requests(question)):
            here, there = answered(both.app.search.answer, request), answered(ask, request)
            assert there == (here and here.model_copy(update={"took_ms": there.took_ms if there else 0}))


def test_wrong_sets_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"videos\.jsonl cannot be read"):
        evaluate(tmp_path / "nowhere")
    a_set(tmp_path)
    with pytest.raises(InvalidRequest, match=r"queries\.jsonl:1 has no field 'question'"):
        evaluate(tmp_path, query_field="question")
    with pytest.raises(InvalidRequest, match=r"which videos\.jsonl does not have"):
        evaluate(a_set(tmp_path, [{"query": "x", "video_id": "other", "spans": [[0, 1]]}]))
    with pytest.raises(InvalidRequest, match=r"queries\.jsonl:1: spans"):
        evaluate(a_set(tmp_path, [{"query": "x", "video_id": "bread", "spans": []}]))
    (tmp_path / "videos.jsonl").write_text("{not json", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"videos\.jsonl:1 is no JSON"):
        evaluate(tmp_path)
    (tmp_path / "videos.jsonl").write_text("\n\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="holds no video"):
        evaluate(tmp_path)

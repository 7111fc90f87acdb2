"""What search finds on a set of questions with known answers, and whether it finds the very same over HTTP.

    python benchmarks/questions.py ../shared/bench/tutorialvqa [--every 10] [--limit N]

Prints one JSON object: the figures of `scenesearch evaluate`, and under `over_http` how many of the answers to every tenth question
(asked among all videos and in the one it is about) are the same to the last score when they come through the search endpoint.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from scenesearch.evaluation.evaluate import Indexed, answered, indexed, over_http, requests
from scenesearch.search.answer import Answer


def main() -> None:
    """Index once, ask both ways, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    with indexed(options.directory, limit=options.limit) as given:
        figures: dict[str, Any] = given.figures(given.app.search.answer).model_dump()
        figures["over_http"] = compared(given, options.every)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def compared(given: Indexed, every: int) -> dict[str, float]:
    """One question in `every`, in this process and over HTTP."""
    same, took = list[bool](), list[float]()
    with over_http(given.app) as ask:
        for question in given.questions[::every]:
            for request in requests(question):
                here = answered(given.app.search.answer, request)
                began = time.perf_counter()
                there = answered(ask, request)
                took.append((time.perf_counter() - began) * 1000)
                same.append(_timeless(here) == _timeless(there))
    return {
        "questions": len(given.questions[::every]),
        "answers": len(same),
        "same_percent": round(100 * sum(same) / len(same), 3),
        "p50_ms": round(float(np.percentile(took, 50)), 1),
        "p95_ms": round(float(np.percentile(took, 95)), 1),
    }


def _timeless(answer: Answer | None) -> object:
    return answer and answer.model_dump(exclude={"took_ms"})


if __name__ == "__main__":
    main()

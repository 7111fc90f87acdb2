"""On which topics the pipeline's functions publish: read out of the code, from one function to those it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from infra.archives import ROOT
from scenesearch.messages import Topic

PIPELINE = ROOT / "shared" / "scenesearch" / "pipeline"
PACKAGE = "scenesearch.pipeline."

Place = tuple[str, str]
"""A module of the pipeline and a function in it."""


def published_from(*starts: Place) -> set[Topic]:
    """Every topic that these functions, or any that they name, publish on."""
    waiting, seen, topics = list(starts), set[Place](), set[Topic]()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        body = _functions(place[0])[place[1]]
        topics.update(_published(body))
        waiting += _named(place[0], body)
    return topics


def publishes() -> list[ast.Call]:
    """Every `.publish(…)` of the pipeline."""
    return [call for path in PIPELINE.glob("*.py") for call in _publishes(_tree(path.stem))]


def topic_of(call: ast.Call) -> Topic | None:
    """The topic that a `.publish(Topic.…, …)` names."""
    first = call.args[0]
    named = isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "Topic"
    return Topic[first.attr] if named and isinstance(first, ast.Attribute) else None


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PIPELINE / f"{module}.py").read_text())


@cache
def _functions(module: str) -> dict[str, ast.AST]:
    """Functions of a module, and its classes as if each were one function."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in _tree(module).body if isinstance(node, kinds)}


@cache
def _imported(module: str) -> dict[str, Place]:
    imports = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)]
    return {name.asname or name.name: ((node.module or "").removeprefix(PACKAGE), name.name) for node in imports for name in node.names}


def _named(module: str, body: ast.AST) -> Iterator[Place]:
    for name in {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}:
        if name in _functions(module):
            yield module, name
        elif (place := _imported(module).get(name)) and place[1] in _functions(place[0]):
            yield place


def _published(body: ast.AST) -> Iterator[Topic]:
    yield from (topic for call in _publishes(body) if (topic := topic_of(call)))


def _publishes(body: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(body) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "publish"]

"""The filter language of structured data: ANY, AND, OR, NOT, parentheses. Anything else is refused, as the service refuses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_][\w.]*)|(?P<mark>[():,-]))', re.DOTALL)


class Unrecognizable(ValueError):
    """The service answers INVALID_ARGUMENT."""


def predicate(text: str, indexable: Collection[str]) -> Predicate:
    """What a filter says; an empty one lets everything through. Raises `Unrecognizable`."""
    tokens = _tokens(text)
    if not tokens:
        return lambda fields: True
    parser = _Parser(tokens, indexable)
    made = parser.either()
    if parser.left():
        raise Unrecognizable(f"unexpected {parser.left()[0]!r} in the filter")
    return made


def _tokens(text: str) -> list[str]:
    tokens, at = list[str](), 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unrecognizable(f"the filter cannot be read from {text[at : at + 20]!r} on")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], indexable: Collection[str]) -> None:
        self._tokens, self._at, self._indexable = tokens, 0, indexable

    def left(self) -> list[str]:
        return self._tokens[self._at :]

    def either(self) -> Predicate:
        sides = [self._both()]
        while self._is("OR"):
            sides.append(self._both())
        return lambda fields: any(side(fields) for side in sides)

    def _both(self) -> Predicate:
        sides = [self._one()]
        while self._is("AND"):
            sides.append(self._one())
        return lambda fields: all(side(fields) for side in sides)

    def _one(self) -> Predicate:
        if self._is("NOT") or self._is("-"):
            denied = self._one()
            return lambda fields: not denied(fields)
        if self._is("("):
            inner = self.either()
            self._need(")")
            return inner
        return self._any()

    def _any(self) -> Predicate:
        field = self._next()
        if field not in self._indexable:
            raise Unrecognizable(f'Unsupported field "{field}" on ":" operator')
        for mark in (":", "ANY", "("):
            self._need(mark)
        values = {self._literal()}
        while self._is(","):
            values.add(self._literal())
        self._need(")")

        def holds(fields: Mapping[str, Any]) -> bool:
            value = fields.get(field)
            return not values.isdisjoint(value if isinstance(value, list) else [value])

        return holds

    def _literal(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise Unrecognizable(f"a double quoted text is needed, not {token!r}")
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)

    def _next(self) -> str:
        if not self.left():
            raise Unrecognizable("the filter ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _is(self, token: str) -> bool:
        if self.left()[:1] != [token]:
            return False
        self._at += 1
        return True

    def _need(self, token: str) -> None:
        if not self._is(token):
            raise Unrecognizable(f"{token!r} is needed before {' '.join(self.left()[:1]) or 'the end'}")

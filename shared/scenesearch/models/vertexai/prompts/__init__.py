"""The prompts, as text files. The version of a prompt is a hash of its text, so it cannot be forgotten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template

from pydantic import BaseModel

from scenesearch.metadata import one_line
from scenesearch.video import Profile

_PARTS = ("rules", "notes")
"""The prompts that others include by name."""


def render(name: str, **values: object) -> str:
    """Return the prompt `name` with its `$fields` filled in; the prompts it includes get the same values."""
    parts = {part: Template(_text(part)).substitute(values).strip() for part in _included(name)}
    return Template(_text(name)).substitute(values, **parts).strip()


def version(names: Sequence[str], schema: type[BaseModel]) -> str:
    """Return twelve hexadecimal digits that change with any word of these prompts, of what they include, and of the answer's schema."""
    parts = sorted({part for name in names for part in _included(name)})
    told = json.dumps([*map(_text, [*names, *parts]), schema.model_json_schema()], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def described(profile: Profile) -> str:
    """Return what models are told about the collection: languages, known names, premises. Empty for an empty profile."""
    lines = []
    if profile.languages:
        lines.append(f"Languages to expect: {', '.join(map(one_line, profile.languages))}.")
    if profile.cast:
        lines.append("Known names, and how to recognise them:")
        lines += [f"- {one_line(m.name)}: {one_line(m.description)}" if m.description else f"- {one_line(m.name)}" for m in profile.cast]
    if profile.premises:
        lines.append("What the people who search take for granted:")
        lines += [f"- {one_line(premise)}" for premise in profile.premises]
    return "\n".join(lines)


def language(profile: Profile, of_video: str | None) -> str:
    """Return the language to write in, in words for a prompt: the collection's first, else the video's, else what it shows."""
    known = profile.languages[0] if profile.languages else of_video
    return f"the language with the code {one_line(known)}" if known else "the language that the video itself uses most"


def _included(name: str) -> list[str]:
    return [part for part in _PARTS if f"${part}" in _text(name)]


@cache
def _text(name: str) -> str:
    return (files(__name__) / f"{name}.md").read_text("utf-8")

"""Reconcile the speakers of all chunks: the model named them in each chunk alone, and here each person gets one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydantic import ValidationError

from scenesearch.metadata import Section, one_line
from scenesearch.models.vertexai import prompts
from scenesearch.models.vertexai.client import ModelRequest, Terms, VertexClient
from scenesearch.models.vertexai.schemas import People
from scenesearch.models.vertexai.structured_output import Parsed, generate_structured
from scenesearch.models.vertexai.tokens import estimate
from scenesearch.ports import speaker_key
from scenesearch.video import Profile, SectionRecord

LINES_QUOTED = 4
"""The most lines of a speaker that are quoted to the model."""

LETTERS_QUOTED = 240
"""The most characters of a quoted line."""

LONGEST_NAME = 80
"""The most characters of a person's name: a longer one is a fault."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker of one chunk under the name it has there, with some of its words."""

    chunk: int
    label: str
    words: str

    @property
    def key(self) -> str:
        """The key of the speaker in the video, `speaker_key`."""
        return speaker_key(self.chunk, self.label)


def voices_of(records: Sequence[SectionRecord]) -> list[Voice]:
    """Return every speaker of every chunk, in order of chunk and first word, with its longest lines, which say most about it."""
    voices = []
    for record in sorted((r for r in records if r.key.section is Section.TRANSCRIPTION), key=lambda r: r.key.chunk):
        lines: dict[str, list[str]] = {}
        for entry in record.entries:
            if entry.speaker:
                lines.setdefault(entry.speaker, []).append(one_line(entry.text)[:LETTERS_QUOTED])
        for label, said in lines.items():
            chosen = sorted(sorted(range(len(said)), key=lambda n: -len(said[n]))[:LINES_QUOTED])
            voices.append(Voice(record.key.chunk, label, " / ".join(said[n] for n in chosen)))
    return voices


def reconciled(
    client: VertexClient,
    model: str,
    voices: Sequence[Voice],
    profile: Profile,
    language: str,
    *,
    budget: int,
    terms: Terms,
) -> dict[str, str]:
    """Return a name for each voice by its `key`; for a single chunk none, without asking the model.

    Voices that do not fit into `budget` tokens go in several requests, in order, with the people found so far as known persons.

    Raises `Blocked`, `ModelError`, `Unavailable`.
    """
    if len({voice.chunk for voice in voices}) < 2:
        return {}
    names: dict[str, str] = {}
    people: dict[str, str] = {}
    for group in _groups(voices, budget):
        notes = "\n".join(_notes(group, people, profile))
        request = replace(_request(model, notes, language), spending=terms.spending, price=terms.price)
        outcome = generate_structured(client, request, partial(_read, group=group), deadline=terms.deadline)
        for number, name in outcome.value.items():
            names[group[number - 1].key] = name
            people.setdefault(name, group[number - 1].words)
    return names


def _request(model: str, notes: str, language: str) -> ModelRequest:
    from google.genai.types import Content, Part

    return ModelRequest(
        model=model,
        system=prompts.render("speakers", language=language),
        contents=(Content(role="user", parts=[Part(text=notes)]),),
        schema=People,
    )


def _groups(voices: Sequence[Voice], budget: int) -> Iterator[list[Voice]]:
    """Yield runs of voices that leave half of the budget for the persons known by then."""
    group: list[Voice] = []
    size = 0
    for voice in voices:
        tokens = estimate(voice.words) + estimate(voice.label) + 8  # tokens for its number and chunk
        if group and size + tokens > budget // 2:
            yield group
            group, size = [], 0
        group.append(voice)
        size += tokens
    if group:
        yield group


def _notes(group: Sequence[Voice], people: Mapping[str, str], profile: Profile) -> Iterator[str]:
    if told := prompts.described(profile):
        yield told
    if people:
        yield "== known persons =="
        yield from (f"{name}: {words}" for name, words in people.items())
    yield "== speakers =="
    yield from (f"{number} | piece {v.chunk} | {one_line(v.label)}: {v.words}" for number, v in enumerate(group, 1))


def _read(text: str, group: Sequence[Voice]) -> Parsed[dict[int, str]]:
    try:
        found = People.model_validate_json(text)
    except ValidationError as error:
        return Parsed(None, tuple(f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()))
    names: dict[int, str] = {}
    faults = []
    for person in found.people:
        name = one_line(person.name)
        if not name or len(name) > LONGEST_NAME:
            faults.append(f"a person has the name {name[:LONGEST_NAME]!r}: it needs 1 to {LONGEST_NAME} characters")
            continue
        for number in person.lines:
            if not 1 <= number <= len(group):
                faults.append(f"{name}: there is no line {number}")
            elif number in names:
                faults.append(f"line {number} is said to be {names[number]} and {name}")
            else:
                names[number] = name
    if missing := [n for n in range(1, len(group) + 1) if n not in names]:
        faults.append(f"nobody is named for the lines {', '.join(map(str, missing))}")
    return Parsed(names, tuple(faults))

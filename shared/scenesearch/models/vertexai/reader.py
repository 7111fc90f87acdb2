"""The Gemini scene reader: notes on one video as numbered lines, and the scenes that answer a question as runs of those numbers.

A time is always that of lines, never one that a model writes; a quotation counts only where its words stand in its line.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from pydantic import ValidationError

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Unavailable
from scenesearch.metadata import Entry, Section, TextKind, one_line
from scenesearch.models.vertexai import prompts, structured_output
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.models.vertexai.notes import KINDS
from scenesearch.models.vertexai.schemas import Match, Matches, Quotation
from scenesearch.models.vertexai.structured_output import Truncated, generate_structured
from scenesearch.moments import Passage
from scenesearch.ports import FoundScene, Question, Reading, ScoreScale
from scenesearch.ranking.quotations import FEWEST_NEARLY, bare, letters, quoted_from
from scenesearch.ranking.words import normalised
from scenesearch.timeline import Span, hull

LOG = logging.getLogger(__name__)

LONGEST_SCENE_MS = 300_000
"""The longest scene in milliseconds, unless a single line lasts longer: the model is asked to name a part of longer ones."""

LONGEST_DESCRIPTION = 300
"""The most characters of a description: longer ones are cut off."""

LONGEST_SUMMARY = 1_000
"""The most characters of the video's summary that go into a request."""

MOST_QUOTATIONS = 3
"""The most lines that a scene quotes: further ones are dropped."""

NEARLY = 0.8
"""The least share of the characters of a quotation that its line must contain (0 to 1): models correct spelling."""

_SHORTEST_MATCH = 3
"""The fewest characters in a row that count as contained in the line."""

LIKENESS_WEIGHT = 0.1
"""The weight of the index's likeness in a score (0 to 1). Models use few degrees of confidence; this orders scenes of equal ones."""


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """An entry as the model sees it, with the places of its passage and of its row in that."""

    entry: Entry
    passage: int
    row: int

    @property
    def text(self) -> str:
        """The line as the model sees it, without its number."""
        return f"{KINDS[self.entry.section]} | {self.entry.render()}"


@dataclass(frozen=True, slots=True)
class Found:
    """A scene whose references are valid: its lines, those of them that it quotes, and the model's confidence."""

    lines: tuple[NumberedLine, ...]
    quoted: tuple[NumberedLine, ...]
    description: str
    confidence: float

    @property
    def span(self) -> Span:
        """The span of its lines; burned-in clocks do not extend it."""
        told = [line.entry.span for line in self.lines if line.entry.kind is not TextKind.TIMECODE]
        return hull(told or [line.entry.span for line in self.lines])


class GeminiReader:
    """A `SceneReader`: one request a video, a second one only to repair what the first one got wrong."""

    at_once = 10
    """Files that it gains by reading at once: they wait for the service, not for this machine."""

    def __init__(self, client: VertexClient, settings: Settings) -> None:
        self._client = client
        self._model = settings.vertexai_quality_model
        version = prompts.version(("scenes", "care_precise", "care_open", "question", "repair"), Matches)
        self._name = f"{self._model} {version}"

    @property
    def name(self) -> str:
        """The model and the version of its prompt."""
        return self._name

    def read(self, question: Question, reading: Reading, *, limit: int, deadline: datetime) -> list[FoundScene]:
        """Return at most `limit` scenes, best first. Quotations that are not in the video are dropped.

        Raises:
            Blocked: the safety rules refused the question or the notes.
            ModelError: no usable answer, even after its repair.
            Unavailable: no answer before the deadline.
            Cancelled: nobody waits for it any more.
        """
        lines = numbered(reading.passages)
        if not lines:
            return []
        said: list[structured_output.Parsed[tuple[Found, ...]]] = []

        def understood(text: str) -> structured_output.Parsed[tuple[Found, ...]]:
            said.append(understood_as(text, lines))
            return said[-1]

        try:
            outcome = generate_structured(self._client, self.request(question, reading, lines, limit), understood, deadline=deadline)
        except (Truncated, ModelError, Unavailable) as error:
            usable = said[0].value if said else None
            if not usable:
                if isinstance(error, Truncated):
                    raise ModelError(f"{self._model} did not finish its answer") from error
                raise
            LOG.warning("an answer could not be repaired: its right parts are used", extra={"model": self._model, "reason": str(error)})
            found = usable
        else:
            found = outcome.value
            spent = {"tokens": dict(outcome.usage.tokens), "cost_usd": outcome.usage.cost_usd, "rejected": outcome.rejected}
            LOG.info("a video was read for a question", extra={"model": self._model, "video": reading.video.ref.video_id, **spent})
        scenes = (_scene(scene, reading.passages, question.scale) for scene in found)
        return sorted(scenes, key=lambda scene: (-scene.score, scene.span))[:limit]

    def request(self, question: Question, reading: Reading, lines: Sequence[NumberedLine], limit: int) -> ModelRequest:
        """Return the request. Text from the video has lines of its own, apart from the instructions."""
        from google.genai.types import Content, Part

        video = reading.video
        about = [
            f"The video: {one_line(video.title)}",
            *([f"In short (not to be quoted): {one_line(video.summary)[:LONGEST_SUMMARY]}"] if video.summary else []),
            *filter(None, [prompts.described(reading.profile)]),
        ]
        words = prompts.render(
            "question", about="\n".join(about), lines="\n".join(written_out(lines, len(reading.passages))), question=asked(question)
        )
        return ModelRequest(
            model=self._model,
            system=prompts.render(
                "scenes",
                language=language_of(question),
                most=limit,
                care=prompts.render("care_precise" if question.precise else "care_open"),
            ),
            contents=(Content(role="user", parts=[Part(text=words)]),),
            schema=Matches,
            spending=question.spending,
            cancellation=question.cancellation,
        )


def numbered(passages: Sequence[Passage]) -> list[NumberedLine]:
    """Return the entries of the passages in their order: line number n is item n - 1."""
    return [
        NumberedLine(entry, place, at)
        for place, passage in enumerate(passages)
        for at, row in enumerate(passage.rows)
        for entry in row.entries
    ]


def written_out(lines: Sequence[NumberedLine], passages: int) -> list[str]:
    """Return the lines as the model sees them, with a heading for each passage."""
    shown: list[str] = []
    for number, line in enumerate(lines, 1):
        if number == 1 or line.passage != lines[number - 2].passage:
            shown.append(f"== part {line.passage + 1} of {passages} ==")
        shown.append(f"{number} | {line.text}")
    return shown


def asked(question: Question) -> str:
    """Return the question as a request has it, with its phrases and sections."""
    told = [one_line(question.text)]
    if question.phrases:
        told.append("Words that must stand in the scene: " + "; ".join(f'"{one_line(phrase)}"' for phrase in question.phrases))
    if question.sections:
        kinds = [KINDS[section] for section in Section if section in question.sections]
        told.append(f"It speaks of what is {' or '.join(kinds)}.")
    return "\n".join(told)


def language_of(question: Question) -> str:
    """Return the language of the answer, in words for a prompt."""
    code = question.language
    return f"the language with the code {one_line(code)}" if code else "the language that the question is asked in"


def understood_as(text: str, lines: Sequence[NumberedLine]) -> structured_output.Parsed[tuple[Found, ...]]:
    """Return the valid scenes of an answer with their valid quotations, and a fault for each other part. Faults quote nothing."""
    try:
        answer = Matches.model_validate_json(text)
    except ValidationError as error:
        return structured_output.Parsed(None, tuple(f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()))
    found: list[Found] = []
    faults: list[str] = []
    for number, match in enumerate(answer.scenes, 1):
        wrong = _wrong(match, lines)
        if wrong:
            faults.append(f"scene {number} {wrong}")
            continue
        quoted: list[NumberedLine] = []
        for place, quotation in enumerate(match.quotations, 1):
            line = _quoted(quotation, match, lines)
            if line is None:
                faults.append(
                    f"scene {number}: the words of its quotation {place} do not stand in line {quotation.line}, or that is no line of it"
                )
            else:
                quoted.append(line)
        if not match.quotations:
            faults.append(f"scene {number} quotes no line")
        description = one_line(match.description)[:LONGEST_DESCRIPTION]
        proof = tuple(dict.fromkeys(quoted))[:MOST_QUOTATIONS]
        found.append(Found(tuple(lines[match.first - 1 : match.last]), proof, description, match.confidence))
    return structured_output.Parsed(tuple(found), tuple(faults))


def _wrong(match: Match, lines: Sequence[NumberedLine]) -> str | None:
    """Return what is wrong with the references of a scene, in words for the model; None when they are valid."""
    if not 1 <= match.first <= match.last <= len(lines):
        return f"runs over the lines {match.first} to {match.last}; there are 1 to {len(lines)}"
    here = lines[match.first - 1 : match.last]
    if here[0].passage != here[-1].passage:
        return f"runs from part {here[0].passage + 1} into part {here[-1].passage + 1}: a scene lies in one part"
    if hull(line.entry.span for line in here).duration_ms > max(LONGEST_SCENE_MS, max(line.entry.span.duration_ms for line in here)):
        return f"is longer than {LONGEST_SCENE_MS // 60_000} minutes: name the part of it that was asked for"
    if not one_line(match.description):
        return "has no description"
    if not 0 <= match.confidence <= 1:
        return f"has the confidence {match.confidence:g}, not one between 0 and 1"
    return None


def _quoted(quotation: Quotation, match: Match, lines: Sequence[NumberedLine]) -> NumberedLine | None:
    """Return the line of the scene that contains a quotation: the one it names, or another (models miscount)."""
    numbers = sorted(range(match.first, match.last + 1), key=lambda number: number != quotation.line)
    return next((lines[number - 1] for number in numbers if stands_in(quotation.words, lines[number - 1])), None)


def stands_in(words: str, line: NumberedLine) -> bool:
    """Return whether the text of a line contains these words, or nearly these; its speaker, times and kind prove nothing."""
    quotation, told = bare(words), normalised(line.entry.text)
    if quoted_from(quotation, told):
        return True
    quotation = _without_heading(quotation, line)
    if quoted_from(quotation, told):
        return True
    if letters(quotation) < FEWEST_NEARLY:
        return False
    blocks = SequenceMatcher(None, told, quotation, autojunk=False).get_matching_blocks()
    standing: int = sum(block.size for block in blocks if block.size >= _SHORTEST_MATCH)
    return standing >= NEARLY * len(quotation)


def _without_heading(quotation: str, line: NumberedLine) -> str:
    """Return a quotation without the parts of the line around its text, and without "Anna:"."""
    around = {normalised(part) for part in line.text.split(" | ")}
    told = bare(" | ".join(part for part in quotation.split(" | ") if part not in around or part == normalised(line.entry.text)))
    return bare(told.removeprefix(f"{normalised(line.entry.speaker)}:")) if line.entry.speaker else told


def _scene(found: Found, passages: Sequence[Passage], scale: ScoreScale) -> FoundScene:
    first, last = found.lines[0], found.lines[-1]
    windows = passages[first.passage].windows
    near = [window.similarity for window in windows if window.first <= last.row and window.after > first.row]
    like = scale.score((max(near) - scale.mean) / scale.std) if near else 0.0
    return FoundScene(
        span=found.span,
        description=found.description,
        quotes=tuple(line.entry.text for line in found.quoted),
        score=(1 - LIKENESS_WEIGHT) * found.confidence + LIKENESS_WEIGHT * like,
    )

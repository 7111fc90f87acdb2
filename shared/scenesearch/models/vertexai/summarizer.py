"""Summarise a whole video: reduce its notes, in as many steps as the budget needs, to a summary, important scenes and speakers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from pydantic import ValidationError

from scenesearch.config import Settings
from scenesearch.errors import ModelError
from scenesearch.metadata import Entry, Section, in_time, one_line
from scenesearch.models.vertexai import prompts
from scenesearch.models.vertexai.client import ModelRequest, Terms, VertexClient
from scenesearch.models.vertexai.notes import KINDS, ChunkNotes, Line, grouped, notes_of, written_out
from scenesearch.models.vertexai.schemas import Story
from scenesearch.models.vertexai.speakers import reconciled, voices_of
from scenesearch.models.vertexai.structured_output import Parsed, Truncated, generate_structured
from scenesearch.ports import Digest, Spending
from scenesearch.timeline import hull
from scenesearch.video import Profile, SectionRecord, Video, now

SECONDS = 420.0
"""How long a summary may take, in seconds: less than the 540 s after which a function is ended."""

MOST_LETTERS = {"summary": 3000, "part": 1200}
"""The most characters of a summary of a video, and of a part: a longer one is a fault."""

LONGEST_DESCRIPTION = 300
"""The most characters of a scene's description: a longer one is a fault."""

SCENES_OF_A_PART = 8
"""The most scenes of a condensed part. It then has at most about 4,000 tokens, in any script, so two fit the smallest budget and
reducing comes to an end."""

PARTS_AT_ONCE = 4
"""The most parts that are condensed at once, each by a request."""

MS_PER_SCENE = 120_000
"""How many milliseconds of a video there are for each important scene that is requested."""

FEWEST_SCENES, MOST_SCENES = 3, 30
"""Limits of the number of important scenes of a video, however short or long it is."""


@dataclass(frozen=True, slots=True)
class _Told:
    summary: str
    scenes: tuple[Line, ...]


class GeminiSummarizer:
    """A `Summarizer`. The model refers to scenes by line numbers, so their times are those of entries, never of the model."""

    def __init__(self, client: VertexClient, settings: Settings, *, seconds: float = SECONDS) -> None:
        self._client = client
        self._model = settings.vertexai_quality_model
        self._budget = settings.vertexai_summary_tokens
        self._seconds = seconds

    def summarize(self, video: Video, sections: Sequence[SectionRecord], profile: Profile, spending: Spending | None = None) -> Digest:
        """Return summary, important scenes and the speakers' names; empty, without asking a model, for a video without notes.

        Raises `Blocked`, `ModelError`, `Unavailable`.
        """
        deadline = now() + timedelta(seconds=self._seconds)
        language = prompts.language(profile, video.language)
        if not notes_of(sections, {}):
            return Digest(summary="", important_scenes=())
        mine = Spending()
        try:
            told, names = self._summarized(video, sections, profile, language, Terms(deadline, mine, video.price))
        finally:
            if spending is not None:
                spending.add(mine.total)
        entries = in_time(Entry(section=Section.IMPORTANT_SCENES, span=line.span, text=line.text) for line in told.scenes)
        return Digest(summary=told.summary, important_scenes=tuple(entries), speakers=names, usage=mine.total)

    def _summarized(
        self, video: Video, sections: Sequence[SectionRecord], profile: Profile, language: str, terms: Terms
    ) -> tuple[_Told, dict[str, str]]:
        voices = voices_of(sections)
        names = reconciled(self._client, self._model, voices, profile, language, budget=self._budget, terms=terms)
        passages = notes_of(sections, names)
        while sum(passage.tokens for passage in passages) > self._budget:
            passages = self._condensed(passages, profile, language, terms)
        scenes = min(MOST_SCENES, max(FEWEST_SCENES, video.duration_ms // MS_PER_SCENE))
        return self._told("summary", passages, scenes, profile, language, terms), names

    def _condensed(self, passages: Sequence[ChunkNotes], profile: Profile, language: str, terms: Terms) -> list[ChunkNotes]:
        """Condense each run of passages to one passage: its summary and its own important scenes."""
        groups = grouped(passages, self._budget)
        with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
            parts = list(pool.map(lambda group: self._told("part", group, SCENES_OF_A_PART, profile, language, terms), groups))
        return [
            ChunkNotes(told.summary, tuple(Line(line.span, f"{KINDS[Section.IMPORTANT_SCENES]} | {line.text}") for line in told.scenes))
            for told in parts
        ]

    def _told(self, prompt: str, passages: Sequence[ChunkNotes], scenes: int, profile: Profile, language: str, terms: Terms) -> _Told:
        notes, lines = written_out(passages)
        request = replace(self.request(prompt, notes, scenes, profile, language), spending=terms.spending, price=terms.price)
        try:
            outcome = generate_structured(
                self._client,
                request,
                partial(_read, lines=lines, most_scenes=scenes, most_letters=MOST_LETTERS[prompt]),
                deadline=terms.deadline,
            )
        except Truncated as cut_off:
            raise ModelError(
                f"{self._model} did not finish its {prompt} of {len(lines)} lines: lower SCENESEARCH_VERTEXAI_SUMMARY_TOKENS"
            ) from cut_off
        return outcome.value

    def request(self, prompt: str, notes: str, scenes: int, profile: Profile, language: str) -> ModelRequest:
        """Return the request for the summary of `notes`; `prompt` is "summary" for a whole video, "part" for a part of one."""
        from google.genai.types import Content, Part

        words = "\n".join(filter(None, (prompts.described(profile), notes)))
        return ModelRequest(
            model=self._model,
            system=prompts.render(prompt, language=language, scenes=scenes),
            contents=(Content(role="user", parts=[Part(text=words)]),),
            schema=Story,
        )


def _read(text: str, *, lines: Sequence[Line], most_scenes: int, most_letters: int) -> Parsed[_Told]:
    try:
        story = Story.model_validate_json(text)
    except ValidationError as error:
        return Parsed(None, tuple(f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()))
    summary = one_line(story.summary)
    if not summary or len(summary) > most_letters:
        return Parsed(None, (f"the summary is {len(summary)} characters long: it needs 1 to {most_letters}",))
    scenes: list[Line] = []
    faults = []
    for number, scene in enumerate(story.important_scenes, 1):
        description = one_line(scene.description)
        if not 1 <= scene.first <= scene.last <= len(lines):
            faults.append(f"scene {number} rests on the lines {scene.first} to {scene.last}; there are 1 to {len(lines)}")
        elif not description or len(description) > LONGEST_DESCRIPTION:
            faults.append(f"scene {number}: its description is {len(description)} characters long: it needs 1 to {LONGEST_DESCRIPTION}")
        elif len(scenes) == most_scenes:
            faults.append(f"scene {number} is one too many: {most_scenes} are the most")
        else:
            scenes.append(Line(hull(line.span for line in lines[scene.first - 1 : scene.last]), description))
    return Parsed(_Told(summary, tuple(scenes)), tuple(faults))

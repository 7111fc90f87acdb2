"""One section of one clip, read by Gemini: request, check, repair, and bisection when the answer does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.joining import joined_halves
from scenesearch.metadata import Section
from scenesearch.models.vertexai import prompts, sections
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.models.vertexai.media_parts import MediaPart
from scenesearch.models.vertexai.sections import ClipNotes, SectionDefinition
from scenesearch.models.vertexai.structured_output import Outcome, Truncated, generate_structured
from scenesearch.ports import ClipInput, Extraction, Spending

SHORTEST_MS = 400
"""The shortest clip in milliseconds: in less than about 0.4 s a model sees no frames, and invents."""


def extractor_of(section: Section, client: VertexClient, settings: Settings) -> GeminiExtractor:
    """The extractor of `visual_info`, `transcription` or `texts`. Raises `KeyError` for the sections of a whole video."""
    definitions: dict[Section, Callable[[Settings], SectionDefinition[Any, Any]]] = {
        Section.VISUAL_INFO: sections.visual_info,
        Section.TRANSCRIPTION: sections.transcription,
        Section.TEXTS: sections.texts,
    }
    return GeminiExtractor(definitions[section](settings), client, settings.vertexai_bulk_model)


class GeminiExtractor:
    """A `SectionExtractor`: one request a clip, more only to repair it or to bisect the clip."""

    def __init__(self, definition: SectionDefinition[Any, Any], client: VertexClient, model: str) -> None:
        self._definition = definition
        self._client = client
        self._model = model
        self.prompt_version = prompts.version((definition.prompt, "clip", "repair"), definition.schema)

    @property
    def section(self) -> Section:
        """The section that this extracts."""
        return self._definition.section

    @property
    def wants_audio(self) -> bool:
        """Whether it needs the sound of the clip."""
        return self._definition.wants_audio

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """Return the clip's entries, on the clip's own clock.

        Raises:
            Skipped: the clip is too short to be seen.
            Blocked: the model's safety rules refused it.
            ModelError: no usable answer: unreadable after its repair, invented, or too long for a clip that cannot be cut.
            Unavailable: no answer before the deadline.
            ObjectNotFound: the clip is gone from the store.
            TooLarge, InvalidRequest, UnreadableMedia, ConfigurationError: this clip cannot be sent as it is.
        """
        if given.clip.duration_ms < SHORTEST_MS:
            raise Skipped(f"the clip is {given.clip.duration_ms} ms long: too short for a model to see or hear anything")
        mine = replace(given, spending=Spending())
        try:
            outcome = self._read(MediaPart(given.clip, given.store), mine, deadline)
        finally:
            given.spending.add(mine.spending.total)
        return Extraction(
            entries=outcome.value.entries,
            digest=outcome.value.digest,
            language=outcome.value.language,
            model=self._model,
            prompt_version=self.prompt_version,
            usage=mine.spending.total,
            rejected=outcome.rejected,
        )

    def request(self, part: MediaPart, given: ClipInput) -> ModelRequest:
        """Return the request for one media part."""
        from google.genai.types import Content, Part

        words = prompts.render("clip", seconds=f"{part.duration_ms / 1000:g}", profile=prompts.described(given.profile))
        return ModelRequest(
            model=self._model,
            system=prompts.render(self._definition.prompt, language=prompts.language(given.profile, given.language)),
            contents=(Content(role="user", parts=[part.part(self._definition.fps), Part(text=words)]),),
            schema=self._definition.schema,
            resolution=self._definition.resolution,
            needs=self._definition.needs,
            spending=given.spending,
            price=given.price,
        )

    def _read(self, part: MediaPart, given: ClipInput, deadline: datetime) -> Outcome[ClipNotes]:
        """Return the notes on `part`, on the clip's clock."""
        try:
            outcome = generate_structured(
                self._client,
                replace(self.request(part, given), batched=given.answer),
                lambda text: self._definition.read(text, part.duration_ms),
                deadline=deadline,
            )
        except Truncated:
            with part.bisected(self.section, audio=self.wants_audio) as halves:
                first, second = (self._read(half, replace(given, answer=None), deadline) for half in halves)
            return _joined(first, second, halves[1].offset_ms)
        if outcome.rejected and not outcome.value.entries:
            raise ModelError(f"{self._model} gave {outcome.rejected} entries for {part.clip.object_name}, and none with a usable time")
        entries = tuple(replace(entry, span=entry.span.shifted(part.offset_ms)) for entry in outcome.value.entries)
        return replace(outcome, value=replace(outcome.value, entries=entries))


def _joined(first: Outcome[ClipNotes], second: Outcome[ClipNotes], border_ms: int) -> Outcome[ClipNotes]:
    digests = dict.fromkeys(digest for digest in (first.value.digest, second.value.digest) if digest)
    language = first.value.language or second.value.language
    notes = ClipNotes(joined_halves(first.value.entries, second.value.entries, border_ms), " ".join(digests), language)
    return Outcome(notes, first.usage + second.usage, first.rejected + second.rejected)

"""One section of one clip, read by Gemini: request, check, repair, and halves when the answer does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.metadata import Section
from scenesearch.models.vertexai import prompts, sections
from scenesearch.models.vertexai.asking import Outcome, Truncated, ask_and_check
from scenesearch.models.vertexai.client import Ask, VertexClient
from scenesearch.models.vertexai.joining import joined
from scenesearch.models.vertexai.pieces import Piece
from scenesearch.models.vertexai.sections import Notes, SectionDefinition
from scenesearch.ports import ClipInput, Extraction, Spending

SHORTEST_MS = 400
"""Of clips under about 0.4 s a model is shown nothing, and invents."""


def extractor_of(section: Section, client: VertexClient, settings: Settings) -> GeminiExtractor:
    """The extractor of `visual_info`, `transcription` or `texts`. Raises `KeyError` for the sections of a whole video."""
    definitions: dict[Section, Callable[[Settings], SectionDefinition[Any, Any]]] = {
        Section.VISUAL_INFO: sections.visual_info,
        Section.TRANSCRIPTION: sections.transcription,
        Section.TEXTS: sections.texts,
    }
    return GeminiExtractor(definitions[section](settings), client, settings.vertexai_bulk_model)


class GeminiExtractor:
    """A `SectionExtractor`: one request a clip, more only to repair or to halve."""

    def __init__(self, definition: SectionDefinition[Any, Any], client: VertexClient, model: str) -> None:
        self._definition = definition
        self._client = client
        self._model = model
        self.prompt_version = prompts.version((definition.prompt, "clip", "repair"), definition.schema)

    @property
    def section(self) -> Section:
        return self._definition.section

    @property
    def wants_audio(self) -> bool:
        return self._definition.wants_audio

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """The clip's entries, on the clip's own clock.

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
            outcome = self._read(Piece(given.clip, given.store), mine, deadline)
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

    def ask(self, piece: Piece, given: ClipInput) -> Ask:
        """The request for one piece of the clip."""
        from google.genai.types import Content, Part

        words = prompts.render("clip", seconds=f"{piece.duration_ms / 1000:g}", profile=prompts.described(given.profile))
        return Ask(
            model=self._model,
            system=prompts.render(self._definition.prompt, language=prompts.language(given.profile, given.language)),
            contents=(Content(role="user", parts=[piece.part(self._definition.fps), Part(text=words)]),),
            schema=self._definition.schema,
            resolution=self._definition.resolution,
            needs=self._definition.needs,
            spending=given.spending,
        )

    def _read(self, piece: Piece, given: ClipInput, deadline: datetime) -> Outcome[Notes]:
        """What `piece` holds, on the clip's clock."""
        try:
            outcome = ask_and_check(
                self._client, self.ask(piece, given), lambda text: self._definition.read(text, piece.duration_ms), deadline=deadline
            )
        except Truncated:
            with piece.halves(self.section, audio=self.wants_audio) as halves:
                first, second = (self._read(half, given, deadline) for half in halves)
            return _whole(first, second, halves[1].offset_ms)
        if outcome.rejected and not outcome.value.entries:
            raise ModelError(f"{self._model} gave {outcome.rejected} entries for {piece.clip.object_name}, and none with a usable time")
        entries = tuple(replace(entry, span=entry.span.shifted(piece.offset_ms)) for entry in outcome.value.entries)
        return replace(outcome, value=replace(outcome.value, entries=entries))


def _whole(first: Outcome[Notes], second: Outcome[Notes], border_ms: int) -> Outcome[Notes]:
    digests = dict.fromkeys(digest for digest in (first.value.digest, second.value.digest) if digest)
    language = first.value.language or second.value.language
    notes = Notes(joined(first.value.entries, second.value.entries, border_ms), " ".join(digests), language)
    return Outcome(notes, first.usage + second.usage, first.rejected + second.rejected)

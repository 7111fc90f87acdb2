"""The three sections of a clip: for each its prompt, its media, and how its answer is validated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from scenesearch.config import Settings
from scenesearch.metadata import Entry, Layout, Section, TextKind, one_line
from scenesearch.models.vertexai.schemas import Said, Seen, Texts, Transcription, VisualInfo, Written
from scenesearch.models.vertexai.spans import SpanFault, checked, out_of_order
from scenesearch.models.vertexai.structured_output import Parsed
from scenesearch.timeline import Span
from scenesearch.video import base_language

MOST_LETTERS = 4000
"""The most characters of a note: a longer one is a fault, since the model went astray."""

MOST_LETTERS_OF_A_NAME = 80
"""The most characters of a speaker's name: longer ones are cut off."""

F = TypeVar("F", bound=BaseModel)
N = TypeVar("N", Seen, Said, Written)


@dataclass(frozen=True, slots=True)
class ClipNotes:
    """The notes on a clip: entries relative to its start, a digest of one or two sentences, and the spoken language."""

    entries: tuple[Entry, ...]
    digest: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionDefinition(Generic[F, N]):
    """One section. `needs` is the modality that proves that the model looked; `fps` is None for sound."""

    section: Section
    wants_audio: bool
    needs: Literal["video", "audio"]
    schema: type[F]
    notes: Callable[[F], Sequence[N]]
    digest: Callable[[F], str] = lambda _: ""
    language: Callable[[F], str | None] = lambda _: None
    entry: Callable[[N, Span], Entry]
    resolution: str = "default"
    fps: float | None = None

    @property
    def prompt(self) -> str:
        """The name of the prompt file."""
        return self.section.value

    def read(self, text: str, duration_ms: int) -> Parsed[ClipNotes]:
        """Return the valid notes of the answer `text` about a clip of `duration_ms`, and a fault for each other one."""
        try:
            form = self.schema.model_validate_json(text)
        except ValidationError as error:
            return Parsed(None, tuple(f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()))
        found: list[tuple[int, Entry]] = []
        faults: list[str] = []
        for number, note in enumerate(self.notes(form), 1):
            try:
                found.append((number, self.entry(note, checked(note.start, note.end, duration_ms))))
            except SpanFault as fault:
                faults.append(f"note {number}: {fault}")
        strays = out_of_order([entry.span for _, entry in found])
        for place in sorted(strays):
            number, entry = found[place]
            faults.append(f"note {number}: it starts at {entry.span.start_s:g}, out of the order of the others")
        entries = tuple(entry for place, (_, entry) in enumerate(found) if place not in strays)
        notes = ClipNotes(entries, one_line(self.digest(form))[:MOST_LETTERS], base_language(self.language(form)))
        return Parsed(notes, tuple(faults))


def visual_info(settings: Settings) -> SectionDefinition[VisualInfo, Seen]:
    """The section of what can be seen, from frames at the default resolution."""

    def entry(note: Seen, span: Span) -> Entry:
        if note.subject_scale is not None and not 0 <= note.subject_scale <= 1:
            raise SpanFault(f"its subject_scale is {note.subject_scale:g}, not between 0 and 1")
        return Entry(section=Section.VISUAL_INFO, span=span, text=_sound(note.description), subject_scale=note.subject_scale)

    return SectionDefinition(
        section=Section.VISUAL_INFO,
        wants_audio=False,
        needs="video",
        schema=VisualInfo,
        notes=lambda form: form.visual_info,
        digest=lambda form: form.digest,
        entry=entry,
        resolution=settings.vertexai_visual_info_resolution,
        fps=settings.vertexai_visual_info_fps,
    )


def transcription(settings: Settings) -> SectionDefinition[Transcription, Said]:
    """The section of what is said, from the sound of the clip alone."""

    def entry(note: Said, span: Span) -> Entry:
        speaker = one_line(note.speaker or "")[:MOST_LETTERS_OF_A_NAME] or None
        return Entry(section=Section.TRANSCRIPTION, span=span, text=_sound(note.text), speaker=speaker)

    return SectionDefinition(
        section=Section.TRANSCRIPTION,
        wants_audio=True,
        needs="audio",
        schema=Transcription,
        notes=lambda form: form.transcription,
        digest=lambda form: form.digest,
        language=lambda form: form.language,
        entry=entry,
    )


def texts(settings: Settings) -> SectionDefinition[Texts, Written]:
    """The section of what is written, from fewer frames at a resolution at which small print can be read."""

    def entry(note: Written, span: Span) -> Entry:
        lines = tuple(line for line in map(one_line, note.lines) if line)
        return Entry(
            section=Section.TEXTS,
            span=span,
            text=_sound(" / ".join(lines)),
            lines=lines,
            layout=Layout(note.position, direction=note.direction),
            kind=TextKind(note.kind),
        )

    return SectionDefinition(
        section=Section.TEXTS,
        wants_audio=False,
        needs="video",
        schema=Texts,
        notes=lambda form: form.texts,
        entry=entry,
        resolution=settings.vertexai_texts_resolution,
        fps=settings.vertexai_texts_fps,
    )


def _sound(text: str) -> str:
    line = one_line(text)
    if not line:
        raise SpanFault("it says nothing")
    if len(line) > MOST_LETTERS:
        raise SpanFault(f"it is {len(line)} characters long; {MOST_LETTERS} are the most")
    return line

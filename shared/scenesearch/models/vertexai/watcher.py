"""The Gemini scene watcher: it watches a scene in the clip of its chunk, and says which criteria of the question are met."""

from __future__ import annotations

import logging
from datetime import datetime

from pydantic import ValidationError

from scenesearch.config import Settings
from scenesearch.errors import InvalidRequest, ModelError, ObjectNotFound, TooLarge
from scenesearch.metadata import Section, one_line
from scenesearch.models.vertexai import prompts
from scenesearch.models.vertexai.client import ModelRequest, VertexClient
from scenesearch.models.vertexai.media_parts import MediaPart
from scenesearch.models.vertexai.reader import asked, language_of
from scenesearch.models.vertexai.schemas import Watched
from scenesearch.models.vertexai.structured_output import Parsed, Truncated, generate_structured
from scenesearch.ports import Catalog, ObjectStore, Question, Verdict
from scenesearch.timeline import Span
from scenesearch.video import Clip, Profile, Video

LOG = logging.getLogger(__name__)

AROUND_MS = 1_000
"""How many milliseconds before and after a scene are shown: its borders are those of lines, not of pictures."""

SHORTEST_MS = 3_000
"""The shortest stretch that is shown, in milliseconds, as far as the clip has it."""

FEWEST_FRAMES = 8
"""The fewest frames that are shown: the rate rises for short stretches."""

MOST_CRITERIA = 8
"""The most criteria of a question in a valid answer."""

LONGEST_CRITERION = 200
"""The most characters of a criterion: longer ones are cut off."""


class GeminiWatcher:
    """A `SceneWatcher`. Gemini fetches the clips from the work bucket by itself."""

    def __init__(self, client: VertexClient, settings: Settings, catalog: Catalog, work: ObjectStore) -> None:
        self._client = client
        self._settings = settings
        self._model = settings.vertexai_quality_model
        self._catalog, self._work = catalog, work

    def watch(self, question: Question, video: Video, span: Span, *, deadline: datetime) -> Verdict:
        """Return what the clip shows at `span`, criterion by criterion.

        Raises:
            Blocked: the safety rules refused the question or the clip.
            ModelError: the clip is not kept any more or cannot be sent, or there is no usable answer.
            Unavailable: no answer before the deadline.
            Cancelled: nobody waits for it any more.
        """
        clip, shown = self._place(video, span, heard=_needs_sound(question))
        try:
            request = self.request(question, clip, shown, self._catalog.profile(video.collection))
            outcome = generate_structured(self._client, request, _read, deadline=deadline)
        except (ObjectNotFound, TooLarge, InvalidRequest) as error:
            raise ModelError(f"the clip cannot be watched: {error}") from error
        except Truncated as cut_off:
            raise ModelError(f"{self._model} did not finish its answer") from cut_off
        spent = {"tokens": dict(outcome.usage.tokens), "cost_usd": outcome.usage.cost_usd}
        LOG.info("a clip was watched for a question", extra={"model": self._model, "video": video.ref.video_id, **spent})
        return outcome.value

    def request(self, question: Question, clip: Clip, shown: Span, profile: Profile) -> ModelRequest:
        """Return the request: the clip from `shown`'s start to its end (on the clip's own clock), then the question.

        Raises:
            ObjectNotFound: the clip is gone.
            TooLarge, InvalidRequest: it cannot be sent as it is.
        """
        from google.genai.types import Content, Part, VideoMetadata

        settings, small_print = self._settings, Section.TEXTS in question.sections
        fps = max(settings.vertexai_visual_info_fps, FEWEST_FRAMES * 1000 / shown.duration_ms)
        at = VideoMetadata(fps=round(fps, 2), start_offset=f"{shown.start_s:g}s", end_offset=f"{shown.end_s:g}s")
        media = MediaPart(clip, self._work).part(fps).model_copy(update={"video_metadata": at})
        words = prompts.render("watch", profile=prompts.described(profile), question=asked(question))
        return ModelRequest(
            model=self._model,
            system=prompts.render("watching", language=language_of(question)),
            contents=(Content(role="user", parts=[media, Part(text=words)]),),
            schema=Watched,
            resolution=settings.vertexai_texts_resolution if small_print else settings.vertexai_visual_info_resolution,
            needs="video",
            spending=question.spending,
            cancellation=question.cancellation,
        )

    def _place(self, video: Video, span: Span, *, heard: bool) -> tuple[Clip, Span]:
        """Return the clip that holds most of the span (without its sound unless `heard`), and what to show of it, on its own clock."""
        clips = [(chunk, chunk.video_clip if heard else chunk.silent_clip or chunk.video_clip) for chunk in self._catalog.chunks(video.ref)]
        kept = [(chunk, clip) for chunk, clip in clips if clip is not None]
        best = max(kept, key=lambda pair: (pair[0].span.overlap_ms(span), -pair[0].number), default=None)
        if best is None or not best[0].span.overlaps(span):
            raise ModelError(f"there is no clip of {span} in {video.ref.video_id} to watch")
        return best[1], shown_of(span, best[1])


def _needs_sound(question: Question) -> bool:
    """Return whether sound may matter: not when the question is about pictures or texts alone. Sound is billed by the second."""
    return not question.sections or Section.TRANSCRIPTION in question.sections


def shown_of(span: Span, clip: Clip) -> Span:
    """Return `span` with a second before and after, at least three seconds as far as the clip has them, on the clip's own clock."""
    middle = span.midpoint_ms - clip.start_ms
    half = max(span.duration_ms // 2 + AROUND_MS, SHORTEST_MS // 2)
    start = min(max(0, middle - half), max(0, clip.duration_ms - 2 * half))
    end = min(clip.duration_ms, max(middle + half, start + SHORTEST_MS))
    return Span(start, max(end, start + 1))


def _read(text: str) -> Parsed[Verdict]:
    try:
        form = Watched.model_validate_json(text)
    except ValidationError as error:
        return Parsed(None, tuple(f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()))
    criteria = tuple((one_line(c.criterion)[:LONGEST_CRITERION], c.met) for c in form.criteria)
    if not 1 <= len(criteria) <= MOST_CRITERIA:
        return Parsed(None, (f"there are {len(criteria)} criteria: it needs 1 to {MOST_CRITERIA}",))
    if not all(name for name, _ in criteria):
        return Parsed(None, ("a criterion has no words",))
    return Parsed(Verdict(criteria))

"""Media parts of requests: a clip, or a section of it, sent by its `gs://` address or inline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenesearch.errors import InvalidRequest, TooLarge
from scenesearch.media.codecs import MODEL_AUDIO, MODEL_VIDEO
from scenesearch.metadata import Section
from scenesearch.models.vertexai.bisection import Half, bisected
from scenesearch.ports import ObjectStore
from scenesearch.video import Clip

if TYPE_CHECKING:
    from google.genai.types import Part

MOST_INLINE_BYTES = 20_000_000
"""The most bytes of an inline clip: a request with its text may have 20 MB (documentation of the API)."""

_PART_OF = "@"
"""Separates the name of a clip from the section and the milliseconds of one of its halves."""


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A stored clip, or a section of one after bisection. `offset_ms` is its start within the clip."""

    clip: Clip
    store: ObjectStore
    offset_ms: int = 0

    @property
    def duration_ms(self) -> int:
        """The duration in milliseconds."""
        return self.clip.duration_ms

    def part(self, fps: float | None) -> Part:
        """Return the part of a request for this media, sampled `fps` times a second (None: audio).

        Raises:
            ObjectNotFound: it is gone.
            TooLarge: it is not in Cloud Storage, and too large to be sent in the request.
            InvalidRequest: Gemini does not read its type.
        """
        from google.genai import types

        name, mime = self.clip.object_name, self.clip.content_type.partition(";")[0].strip().lower()
        if mime not in MODEL_VIDEO | MODEL_AUDIO:
            raise InvalidRequest(f"Gemini does not read {mime or 'files without a content type'}: {name} must be cut as MP4 or WebM")
        known = self.store.stat(name)
        metadata = types.VideoMetadata(fps=fps) if fps is not None else None
        uri = self.store.uri(name)
        if uri.startswith("gs://"):
            return types.Part(file_data=types.FileData(file_uri=uri, mime_type=mime), video_metadata=metadata)
        if known.size_bytes > MOST_INLINE_BYTES:
            raise TooLarge(
                f"{name} holds {known.size_bytes / 1e6:.1f} MB, and a request at most {MOST_INLINE_BYTES / 1e6:.0f} MB:"
                " keep clips in Cloud Storage (SCENESEARCH_BACKEND=gcp), or make SCENESEARCH_CHUNK_SECONDS smaller"
            )
        with self.store.open(name) as source:
            return types.Part(inline_data=types.Blob(data=source.read(), mime_type=mime), video_metadata=metadata)

    @contextmanager
    def bisected(self, section: Section, *, audio: bool) -> Iterator[tuple[MediaPart, MediaPart]]:
        """Yield both halves, stored beside the clip for the time of the context. Raises `ModelError`, `UnreadableMedia`.

        The names contain the section, so that two sections that bisect the same clip do not delete each other's halves.
        """
        with (
            self.store.as_file(self.clip.object_name) as path,
            path.open("rb") as source,
            bisected(source, audio=audio, duration_ms=self.duration_ms) as halves,
        ):
            first, second = (self._stored(half, section) for half in halves)
        try:
            yield first, second
        finally:
            for part in (first, second):
                self.store.delete(part.clip.object_name)

    def _stored(self, half: Half, section: Section) -> MediaPart:
        offset_ms = self.offset_ms + half.start_ms
        whole = self.clip.object_name.rpartition(".")[0].partition(_PART_OF)[0]
        name = f"{whole}{_PART_OF}{section}-{offset_ms}-{offset_ms + half.duration_ms}{half.wrapper.suffix}"
        stored = self.store.replace(name, half.file, content_type=half.wrapper.content_type)
        clip = Clip(name, stored.content_type, self.clip.start_ms + half.start_ms, half.duration_ms, stored.size_bytes)
        return MediaPart(clip, self.store, offset_ms)

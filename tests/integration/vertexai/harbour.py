"""What happens in the coded video of these tests, and its chunk in a store."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.ports import ClipInput, ObjectInfo
from scenesearch.video import CastMember, Clip, Profile, now

SECONDS = 12.0
NUMBER = 7
FROM_S = 4.0
"""The clip begins here in its video."""

TRUTH: Mapping[str, Any] = {
    "videos": {
        str(NUMBER): {
            "digest": "A car burns at a harbour.",
            "language": "en-GB",
            "visual_info": [
                {"start": 0.0, "end": 4.5, "description": "a harbour at dawn"},
                {"start": 4.5, "end": 7.0, "description": "a red car skids on the pier", "subject_scale": 0.4},
                {"start": 7.0, "end": 14.0, "description": "the car lies on its roof and burns"},
            ],
            "transcription": [
                {"start": 5.0, "end": 6.5, "text": "Look out for the crates!", "speaker": "Anna"},
                {"start": 8.0, "end": 9.0, "text": "だいじょうぶ？", "speaker": "Ken"},
                {"start": 10.0, "end": 11.5, "text": "Call the fire brigade.", "speaker": "Anna"},
            ],
            "texts": [
                {
                    "start": 5.0,
                    "end": 9.0,
                    "lines": ["魚市場", "Fish market"],
                    "position": "top left",
                    "kind": "text",
                    "direction": "vertical",
                },
                {"start": 10.0, "end": 11.0, "lines": ["Call the fire brigade."]},
            ],
        }
    }
}

PROFILE = Profile(
    languages=("en", "ja"),
    cast=(CastMember("Anna", "red coat, short hair"), CastMember("Ken")),
    premises=("A picture of somebody means that the face fills a fifth of the frame.",),
)


class GsFolder(FolderObjectStore):
    """A folder whose objects have `gs://` addresses, under which the stand-in finds them in `gs`."""

    gs: Path

    def uri(self, name: str) -> str:
        return f"gs://{self.bucket}/{name}"

    def replace(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        content = source.read()
        path = self.gs / self.bucket / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return super().replace(name, io.BytesIO(content), content_type=content_type, metadata=metadata)


@dataclass(frozen=True)
class Chunk:
    """A chunk's two clips in a store."""

    video: ClipInput
    audio: ClipInput


def chunk_in(store: FolderObjectStore, clips: tuple[Path, Path], *, start_s: float = FROM_S, seconds: float = SECONDS) -> Chunk:
    """The clips as the inputs of extractors, put into `store`."""
    given = []
    for path, content_type in zip(clips, ("video/mp4", "audio/mp4"), strict=True):
        name = f"v7/3/clips/{path.name}"
        with path.open("rb") as source:
            store.replace(name, source, content_type=content_type)
        clip = Clip(name, content_type, round(start_s * 1000), round(seconds * 1000), path.stat().st_size)
        given.append(ClipInput(clip=clip, store=store, profile=PROFILE, language="en"))
    return Chunk(*given)


def soon(seconds: float = 30) -> datetime:
    return now() + timedelta(seconds=seconds)

"""What travels on the topics. Every message says only *which* work; the catalog says what is left of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scenesearch.errors import InvalidMessage
from scenesearch.video import VideoRef, VideoState


class Topic(StrEnum):
    """The topics of DESIGN.md 2, named for what they carry."""

    OBJECTS = "objects"
    SPLITS = "splits"
    CHUNKS = "chunks"
    EXTRACTED = "extracted"
    VIDEO_EVENTS = "video-events"
    DEAD_LETTERS = "dead-letters"


class Subscription(StrEnum):
    """Who listens: one subscription a function and topic."""

    SPLIT_OBJECTS = "split-objects"
    REMOVE_OBJECTS = "remove-objects"
    SPLIT_SPLITS = "split-splits"
    EXTRACT_VISUAL_INFO = "extract-visual-info"
    EXTRACT_TRANSCRIPTION = "extract-transcription"
    EXTRACT_TEXTS = "extract-texts"
    ASSEMBLE_EXTRACTED = "assemble-extracted"
    RECOVER_DEAD_LETTERS = "recover-dead-letters"


SUBSCRIPTIONS: Mapping[Subscription, Topic] = {
    Subscription.SPLIT_OBJECTS: Topic.OBJECTS,
    Subscription.REMOVE_OBJECTS: Topic.OBJECTS,
    Subscription.SPLIT_SPLITS: Topic.SPLITS,
    Subscription.EXTRACT_VISUAL_INFO: Topic.CHUNKS,
    Subscription.EXTRACT_TRANSCRIPTION: Topic.CHUNKS,
    Subscription.EXTRACT_TEXTS: Topic.CHUNKS,
    Subscription.ASSEMBLE_EXTRACTED: Topic.EXTRACTED,
    Subscription.RECOVER_DEAD_LETTERS: Topic.DEAD_LETTERS,
}
"""The whole wiring: read by the one-machine queue, by the emulated cloud and by the infrastructure."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class ObjectChanged(_Message):
    """A bucket notification: an object was written (`OBJECT_FINALIZE`) or is gone (`OBJECT_DELETE`)."""

    type: Literal["object"] = "object"
    event: Literal["OBJECT_FINALIZE", "OBJECT_DELETE"]
    bucket: str = Field(min_length=1)
    name: str = Field(min_length=1)
    generation: int = Field(gt=0)


class _VideoWork(_Message):
    video_id: str = Field(min_length=1)
    generation: int = Field(gt=0)

    @property
    def ref(self) -> VideoRef:
        return VideoRef(self.video_id, self.generation)


class SplitWork(_VideoWork):
    """Go on cutting this video."""

    type: Literal["split"] = "split"


class ChunkWork(_VideoWork):
    """This chunk's clips are there: extract its sections."""

    type: Literal["chunk"] = "chunk"
    chunk: int = Field(ge=0)


class Extracted(_VideoWork):
    """Every chunk of this video is closed: assemble it."""

    type: Literal["extracted"] = "extracted"


class VideoEvent(_VideoWork):
    """For the outside: a video ended or is gone. The same event may come twice with the same `event_id`."""

    type: Literal["video"] = "video"
    state: Literal[VideoState.READY, VideoState.FAILED] | Literal["removed"]
    title: str = ""
    error: str | None = None

    @property
    def event_id(self) -> str:
        return f"{self.video_id}-{self.generation}-{self.state}"


class DeadLetter(_Message):
    """A delivery that was given up, as it came."""

    type: Literal["dead-letter"] = "dead-letter"
    subscription: str
    reason: str
    data: str
    attributes: Mapping[str, str] = Field(default_factory=dict)


Message = Annotated[ObjectChanged | SplitWork | ChunkWork | Extracted | VideoEvent | DeadLetter, Field(discriminator="type")]

_MESSAGE: TypeAdapter[ObjectChanged | SplitWork | ChunkWork | Extracted | VideoEvent | DeadLetter] = TypeAdapter(Message)


def encode(message: Message) -> tuple[bytes, dict[str, str]]:
    """The message's bytes and attributes. An object's change looks like Cloud Storage's own notification (JSON_API_V1)."""
    if isinstance(message, ObjectChanged):
        attributes = {
            "eventType": message.event,
            "bucketId": message.bucket,
            "objectId": message.name,
            "objectGeneration": str(message.generation),
            "payloadFormat": "NONE",
        }
        return b"{}", attributes
    attributes = {"type": message.type}
    if isinstance(message, VideoEvent):
        attributes["event_id"] = message.event_id
    return message.model_dump_json().encode(), attributes


def decode(data: bytes, attributes: Mapping[str, str]) -> Message:
    """The message that these bytes and attributes carry.

    Raises:
        InvalidMessage: they fit no schema.
    """
    try:
        if "eventType" in attributes:
            return ObjectChanged.model_validate(
                {
                    "event": attributes["eventType"],
                    "bucket": attributes.get("bucketId"),
                    "name": attributes.get("objectId"),
                    "generation": attributes.get("objectGeneration"),
                }
            )
        return _MESSAGE.validate_python(json.loads(data))
    except (ValidationError, ValueError) as error:
        raise InvalidMessage(f"a message fits no schema: {error}; attributes {dict(attributes)}") from error

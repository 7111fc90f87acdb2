"""What travels on the topics, and who listens. Every message says only *which* work; the catalog says what is left of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scenesearch.errors import InvalidMessage
from scenesearch.metadata import Section
from scenesearch.price import Price
from scenesearch.video import VideoRef, VideoState, video_id


class Topic(StrEnum):
    """The topics of DESIGN.md 2, named for what they carry."""

    OBJECTS = "objects"
    SPLITS = "splits"
    CHUNKS = "chunks"
    EXTRACTED = "extracted"
    VIDEO_EVENTS = "video-events"
    DEAD_LETTERS = "dead-letters"
    BATCHES = "batches"


class Subscription(StrEnum):
    """Who listens to a topic; `WIRING` says which function that is."""

    SPLIT_OBJECTS = "split-objects"
    REMOVE_OBJECTS = "remove-objects"
    SPLIT_SPLITS = "split-splits"
    EXTRACT_VISUAL_INFO = "extract-visual-info"
    EXTRACT_TRANSCRIPTION = "extract-transcription"
    EXTRACT_TEXTS = "extract-texts"
    ASSEMBLE_EXTRACTED = "assemble-extracted"
    RECOVER_DEAD_LETTERS = "recover-dead-letters"
    RECOVER_BATCHES = "recover-batches"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class ObjectChanged(_Message):
    """A bucket notification: an object was written (`OBJECT_FINALIZE`) or is gone (`OBJECT_DELETE`).

    `price`: at which models are to be asked about it, in our own announcements of what lay there before.
    """

    type: Literal["object"] = "object"
    event: Literal["OBJECT_FINALIZE", "OBJECT_DELETE"]
    bucket: str = Field(min_length=1)
    name: str = Field(min_length=1)
    generation: int = Field(gt=0)
    price: Price | Literal["cheapest"] | None = None

    @property
    def ref(self) -> VideoRef:
        """The generation of the video that this object is."""
        return VideoRef(video_id(self.bucket, self.name), self.generation)


class _VideoWork(_Message):
    video_id: str = Field(min_length=1)
    generation: int = Field(gt=0)

    @property
    def ref(self) -> VideoRef:
        """The generation of the video that this is about."""
        return VideoRef(self.video_id, self.generation)

    @classmethod
    def of(cls, ref: VideoRef, **fields: Any) -> Self:
        """The message about this generation."""
        return cls(video_id=ref.video_id, generation=ref.generation, **fields)


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
        """The same for every copy of the event."""
        return f"{self.video_id}-{self.generation}-{self.state}"


class DeadLetter(_Message):
    """A delivery that was given up, as it came. `data` is in base64."""

    type: Literal["dead-letter"] = "dead-letter"
    subscription: str
    reason: str
    data: str
    attributes: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, subscription: str, reason: str, data: bytes, attributes: Mapping[str, str]) -> Self:
        """The letter about a delivery of this subscription: its bytes and attributes, and why it was given up."""
        return cls(subscription=subscription, reason=reason, data=base64.b64encode(data).decode(), attributes=dict(attributes))

    @property
    def message(self) -> Message:
        """What was to be delivered. Raises `InvalidMessage` when that fits no schema."""
        try:
            data = base64.b64decode(self.data)
        except ValueError as error:
            raise InvalidMessage(f"a dead letter whose data is not base64: {error}") from error
        return decode(data, self.attributes)


Message = Annotated[ObjectChanged | SplitWork | ChunkWork | Extracted | VideoEvent | DeadLetter, Field(discriminator="type")]

_MESSAGE: TypeAdapter[ObjectChanged | SplitWork | ChunkWork | Extracted | VideoEvent | DeadLetter] = TypeAdapter(Message)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a subscription leads: from `topic` to the folder `functions/FUNCTION`, which is given messages of the kind `takes`.

    `section`: what that function extracts, where it is an extractor.
    """

    topic: Topic
    function: str
    takes: type[_Message]
    section: Section | None = None


WIRING: Mapping[Subscription, Route] = {
    Subscription.SPLIT_OBJECTS: Route(Topic.OBJECTS, "split", ObjectChanged),
    Subscription.REMOVE_OBJECTS: Route(Topic.OBJECTS, "remove", ObjectChanged),
    Subscription.SPLIT_SPLITS: Route(Topic.SPLITS, "split", SplitWork),
    Subscription.EXTRACT_VISUAL_INFO: Route(Topic.CHUNKS, "extract_visual_info", ChunkWork, Section.VISUAL_INFO),
    Subscription.EXTRACT_TRANSCRIPTION: Route(Topic.CHUNKS, "extract_transcription", ChunkWork, Section.TRANSCRIPTION),
    Subscription.EXTRACT_TEXTS: Route(Topic.CHUNKS, "extract_texts", ChunkWork, Section.TEXTS),
    Subscription.ASSEMBLE_EXTRACTED: Route(Topic.EXTRACTED, "assemble", Extracted),
    Subscription.RECOVER_DEAD_LETTERS: Route(Topic.DEAD_LETTERS, "recover", DeadLetter),
    Subscription.RECOVER_BATCHES: Route(Topic.BATCHES, "recover", ObjectChanged),
}
"""The whole wiring: read by the handlers, the queue of one machine, the functions, the emulated cloud and the infrastructure."""

SUBSCRIPTIONS: Mapping[Subscription, Topic] = {subscription: route.topic for subscription, route in WIRING.items()}
"""The topic that each subscription listens to."""

EVENT_FUNCTIONS: Mapping[str, tuple[Subscription, ...]] = {
    function: tuple(subscription for subscription, route in WIRING.items() if route.function == function)
    for function in dict.fromkeys(route.function for route in WIRING.values())
}
"""The functions that messages are pushed to, with the subscriptions that push to each."""

EXTRACTORS: Mapping[Subscription, Section] = {
    subscription: route.section for subscription, route in WIRING.items() if route.section is not None
}
"""The section that each extractor's subscription is about."""


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
        if message.price is not None:
            attributes["price"] = message.price
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
                    "price": attributes.get("price"),
                }
            )
        return _MESSAGE.validate_python(json.loads(data))
    except (ValidationError, ValueError) as error:
        raise InvalidMessage(f"a message fits no schema: {error}; attributes {dict(attributes)}") from error

"""What the first of all who assemble a video makes of it: whoever repeats that, after a crash or at the same time, applies the same.

Where a backend cannot commit all sections of a video at once, a second assembler would else see some of them joined already.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import TypeAdapter

from scenesearch.errors import ObjectNotFound
from scenesearch.ports import Assembly, ObjectStore
from scenesearch.video import SectionRecord, VideoRef, work_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """All sections with their speakers named and their borders joined, and what the video gets beside them."""

    sections: tuple[SectionRecord, ...]
    assembly: Assembly


_ASSEMBLED = TypeAdapter(Assembled)


def assembled_once(ref: VideoRef, records: Sequence[SectionRecord], make: Callable[[], Assembled], work: ObjectStore) -> Assembled:
    """What was made of sections in these states before, or else `make()`, kept in the work bucket."""
    states = repr(sorted((r.key.chunk, r.key.section.value, r.state.value, r.reason) for r in records))
    name = f"{_prefix(ref)}{hashlib.sha256(states.encode()).hexdigest()[:16]}.json"
    with suppress(ObjectNotFound):
        return _read(name, work)
    work.create(name, io.BytesIO(_ASSEMBLED.dump_json(make())), content_type="application/json")
    return _read(name, work)  # another may have been faster


def assemble_anew(ref: VideoRef, work: ObjectStore) -> None:
    """Let the next assembly begin from the sections: the last one lacks something."""
    for item in list(work.list(_prefix(ref))):
        work.delete(item.name)


def _read(name: str, work: ObjectStore) -> Assembled:
    with work.open(name) as file:
        return _ASSEMBLED.validate_json(file.read())


def _prefix(ref: VideoRef) -> str:
    return work_prefix(ref) + "assembled-"

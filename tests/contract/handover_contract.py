"""What a `Catalog` and a `Publisher` promise together: whoever dies between a commit and the message that follows from it loses nothing.

A backend subclasses `HandoverContract` and gives it the fixtures `catalog`, `publisher` and `listener`, all of one place, and `opened`:
a callable that can be sent to another process and opens catalog and publisher of that place there.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import ClassVar, NoReturn, cast

import pytest

from contract.catalog_contract import planned, state_of
from contract.given import a_key, a_record
from contract.processes import SPAWN
from contract.publisher_contract import Listener, arrived
from scenesearch.messages import ChunkWork, Extracted, Message, Subscription, Topic
from scenesearch.metadata import CHUNK_SECTIONS
from scenesearch.pipeline.advance import advance_video
from scenesearch.ports import Catalog, Ports, Publisher
from scenesearch.video import SectionState, VideoRef, VideoState

Opened = Callable[[], tuple[Catalog, Publisher]]

WORK, DONE = Subscription.EXTRACT_TEXTS, Subscription.ASSEMBLE_EXTRACTED


class DyingPublisher:
    """Its process is killed before, or after, a message is published."""

    def __init__(self, publisher: Publisher, *, before: bool) -> None:
        self._publisher, self._before = publisher, before

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        if not self._before:
            self._publisher.publish(topic, message, delay=delay)
        os.kill(os.getpid(), signal.SIGKILL)


def handle(work: ChunkWork, catalog: Catalog, publisher: Publisher) -> None:
    """What an extractor does for the last section of a video, but for the extracting: commit, close the chunk, derive what is due."""
    key = a_key(work.ref, work.chunk)
    if not catalog.section(key).state.terminal:
        catalog.commit_section(a_record(key))
        catalog.close_chunk(work.ref, work.chunk)
    advance_video(work.ref, cast("Ports", SimpleNamespace(catalog=catalog, publisher=publisher)))


def handle_and_die(opened: Opened, work: ChunkWork, before: bool) -> NoReturn:
    """Handle a delivery, and be killed before or after the message that follows from it."""
    catalog, publisher = opened()
    handle(work, catalog, DyingPublisher(publisher, before=before))
    raise AssertionError("nothing was published")


def killed_over(opened: Opened, work: ChunkWork, *, before: bool) -> None:
    process = SPAWN.Process(target=handle_and_die, args=(opened, work, before))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


class HandoverContract:
    """Subclass as `TestXHandover`, with the fixtures `opened` (how a process opens both) and `listener`."""

    patience_s: ClassVar[float] = 20
    """How long an expired delivery may take to come again."""

    @pytest.fixture
    def both(self, opened: Opened) -> tuple[Catalog, Publisher]:
        return opened()

    @pytest.fixture
    def catalog(self, both: tuple[Catalog, Publisher]) -> Catalog:
        return both[0]

    @pytest.fixture
    def publisher(self, both: tuple[Catalog, Publisher]) -> Publisher:
        return both[1]

    @pytest.fixture
    def ref(self, catalog: Catalog, publisher: Publisher) -> VideoRef:
        """A video of one chunk, of which one section is missing, and that section's message."""
        ref = planned(catalog, count=1)
        for section in CHUNK_SECTIONS:
            if section is not a_key().section:
                catalog.commit_section(a_record(a_key(ref, section=section)))
        publisher.publish(Topic.CHUNKS, ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=0))
        return ref

    @pytest.mark.parametrize("before", [True, False], ids=["before the message", "before the acknowledgement"])
    def test_who_dies_between_commit_and_publish_is_followed_by_one_who_finishes(
        self, catalog: Catalog, publisher: Publisher, listener: Listener, opened: Opened, ref: VideoRef, before: bool
    ) -> None:
        taken = arrived(listener, WORK, briefly=True)
        assert isinstance(taken.message, ChunkWork)
        killed_over(opened, taken.message, before=before)
        assert catalog.section(a_key(ref)).state is SectionState.DONE, "what was committed stays"
        if before:
            assert listener.take(DONE) is None, "nobody is told of what was not published"
        again = arrived(listener, WORK, within_s=self.patience_s)
        assert again.message == taken.message
        handle(taken.message, catalog, publisher)
        listener.acknowledge(again)
        assert state_of(catalog, ref) is VideoState.ASSEMBLING
        assert arrived(listener, DONE).message == Extracted(video_id=ref.video_id, generation=ref.generation)

    def test_a_message_that_comes_twice_changes_nothing_the_second_time(
        self, catalog: Catalog, publisher: Publisher, listener: Listener, ref: VideoRef
    ) -> None:
        work = arrived(listener, WORK).message
        assert isinstance(work, ChunkWork)
        handle(work, catalog, publisher)
        once = catalog.generation(ref)
        handle(work, catalog, publisher)
        twice = catalog.generation(ref)
        assert once is not None
        assert twice is not None
        assert (twice.state, twice.open_chunks) == (once.state, once.open_chunks) == (VideoState.ASSEMBLING, frozenset())
        for _ in range(2):  # told twice, and told the same
            told = arrived(listener, DONE)
            assert told.message == Extracted(video_id=ref.video_id, generation=ref.generation)
            listener.acknowledge(told)

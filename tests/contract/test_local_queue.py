"""The queue of one machine: the contract, and what only it promises."""

from __future__ import annotations

import base64
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from contract.given import MEDIA, a_ref, a_video, chunks, together
from contract.local_listener import MINUTE, QueueListener
from contract.processes import SPAWN, claim_and_wait
from contract.publisher_contract import MESSAGES, SPLIT, Listener, PublisherContract
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.liveness import LivenessLock
from scenesearch.backends.local.queue import Claim, LocalQueue
from scenesearch.errors import InvalidMessage
from scenesearch.messages import SUBSCRIPTIONS, ChunkWork, DeadLetter, Subscription, Topic
from scenesearch.ports import Publisher
from waiting import eventually

SPLITS = (Subscription.SPLIT_SPLITS,)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "catalog.db")


@pytest.fixture
def queue(database: Database) -> LocalQueue:
    """Five deliveries, hardly a pause between them."""
    return LocalQueue(database, max_deliveries=5, backoff=timedelta(milliseconds=1), backoff_limit=timedelta(milliseconds=20))


@pytest.fixture
def publisher(queue: LocalQueue) -> Publisher:
    return queue


@pytest.fixture
def listener(queue: LocalQueue) -> Listener:
    return QueueListener(queue)


class TestLocalQueue(PublisherContract):
    pass


def claimed(queue: LocalQueue, lease: timedelta = MINUTE) -> Claim:
    claim = eventually(lambda: queue.claim(SPLITS, lease))
    assert claim is not None
    return claim


def test_of_many_who_claim_one_delivery_exactly_one_gets_it(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    assert sum(claim is not None for claim in together(8, lambda _: queue.claim(SPLITS, MINUTE))) == 1


def test_many_who_claim_many_get_each_once(queue: LocalQueue) -> None:
    for number in range(40):
        queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))

    def take_all(_: int) -> list[int]:
        taken = []
        while claim := queue.claim((Subscription.EXTRACT_TEXTS,), MINUTE):
            assert isinstance(claim.message, ChunkWork)
            taken.append(claim.message.chunk)
            queue.acknowledge(claim)
        return taken

    assert sorted(number for taken in together(4, take_all) for number in taken) == list(range(40))


def test_a_claim_that_was_lost_changes_nothing(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    lost = claimed(queue, timedelta(milliseconds=1))
    held = claimed(queue)
    assert held.attempt == 2
    assert not queue.extend(lost, MINUTE)
    assert not queue.acknowledge(lost)
    assert not queue.reject(lost, "late")
    assert not queue.dead_letter(lost, "late")
    assert queue.acknowledge(held)
    assert queue.status().idle


def test_an_extended_claim_outlives_its_lease(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    claim = claimed(queue, timedelta(milliseconds=1))
    assert queue.extend(claim, MINUTE)
    assert queue.claim(SPLITS, MINUTE) is None


def test_pauses_double_up_to_their_limit(database: Database) -> None:
    slow = LocalQueue(database, backoff=timedelta(seconds=10), backoff_limit=timedelta(seconds=35))
    slow.publish(Topic.SPLITS, SPLIT)
    pauses = []
    for _ in range(4):
        claim = claimed(slow)
        before = database.rows("SELECT strftime('%s', 'now') AS now")[0]["now"]
        slow.reject(claim, "not yet")
        pauses.append(database.rows("SELECT due_at FROM deliveries")[0]["due_at"] - float(before))
        database.execute("UPDATE deliveries SET due_at = 0")
    assert [round(pause, -1) for pause in pauses[:2]] == [10, 20]
    assert pauses[2] == pytest.approx(35, abs=2)
    assert pauses[3] == pytest.approx(35, abs=2)


def test_a_rejection_that_does_not_count_leaves_the_attempts(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    for _ in range(10):
        claim = claimed(queue)
        assert claim.attempt == 1
        queue.reject(claim, "somebody else is at it", delay=timedelta(0), counts=False)


def test_what_is_given_up_is_a_dead_letter_at_once_with_its_reason(queue: LocalQueue) -> None:
    queue.publish(Topic.OBJECTS, MESSAGES[Topic.OBJECTS])
    claim = queue.claim((Subscription.SPLIT_OBJECTS,), MINUTE)
    assert claim is not None
    assert queue.dead_letter(claim, "not a video")
    dead = queue.claim((Subscription.RECOVER_DEAD_LETTERS,), MINUTE)
    assert dead is not None
    letter = dead.message
    assert isinstance(letter, DeadLetter)
    assert (letter.subscription, letter.reason) == ("split-objects", "not a video")
    assert base64.b64decode(letter.data) == b"{}"
    assert letter.attributes["objectId"] == "祭り/a b\n🎆.mp4"


def test_a_delivery_whose_worker_dies_every_time_becomes_a_dead_letter(queue: LocalQueue) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    for _ in range(5):
        claimed(queue, timedelta(0))
    dead = eventually(lambda: queue.claim(SPLITS, MINUTE) or queue.claim((Subscription.RECOVER_DEAD_LETTERS,), MINUTE))
    assert dead is not None
    assert isinstance(dead.message, DeadLetter)
    assert "died" in dead.message.reason


def test_a_queue_whose_only_letters_cannot_be_recovered_is_idle(queue: LocalQueue) -> None:
    queue.publish(Topic.DEAD_LETTERS, MESSAGES[Topic.DEAD_LETTERS])
    for _ in range(5):
        assert not queue.status().idle
        claim = eventually(lambda: queue.claim((Subscription.RECOVER_DEAD_LETTERS,), MINUTE))
        assert claim is not None
        queue.reject(claim, "recover is broken")
    assert queue.status().idle
    assert eventually(lambda: queue.claim((Subscription.RECOVER_DEAD_LETTERS,), MINUTE))


def test_the_status_tells_waiting_from_working(queue: LocalQueue) -> None:
    assert queue.status().idle
    queue.publish(Topic.CHUNKS, MESSAGES[Topic.CHUNKS])
    queue.publish(Topic.SPLITS, SPLIT, delay=timedelta(hours=1))
    claim = queue.claim((Subscription.EXTRACT_TEXTS,), MINUTE)
    assert claim is not None
    status = queue.status()
    assert status.working == {Subscription.EXTRACT_TEXTS: 1}
    assert status.waiting[Subscription.SPLIT_SPLITS] == 1
    queue.acknowledge(claim)
    assert queue.status().counts == {"done extract-texts": 1}


def test_delivering_twice_gives_every_subscription_two(database: Database) -> None:
    twice = LocalQueue(database, deliver_twice=True)
    twice.publish(Topic.CHUNKS, MESSAGES[Topic.CHUNKS])
    assert set(twice.status().waiting.values()) == {2}
    claims = [twice.claim((Subscription.EXTRACT_TEXTS,), MINUTE) for _ in range(3)]
    assert [claim.message if claim else None for claim in claims] == [MESSAGES[Topic.CHUNKS]] * 2 + [None]


def test_preferred_work_goes_first_but_not_far_ahead(queue: LocalQueue) -> None:
    for number in range(20):
        queue.publish(Topic.CHUNKS, ChunkWork(video_id="v1", generation=1, chunk=number))
    extracts = [subscription for subscription, topic in SUBSCRIPTIONS.items() if topic is Topic.CHUNKS]
    order = []
    while claim := queue.claim(extracts, MINUTE, prefer=(Subscription.EXTRACT_TEXTS,)):
        assert isinstance(claim.message, ChunkWork)
        order.append((claim.subscription, claim.message.chunk))
        queue.acknowledge(claim)
    assert [chunk for subscription, chunk in order[:4] if subscription is Subscription.EXTRACT_TEXTS] == [0, 1, 2, 3]
    seen_texts = 0
    for subscription, chunk in order:
        if subscription is Subscription.EXTRACT_TEXTS:
            seen_texts = max(seen_texts, chunk)
        else:
            assert seen_texts - chunk <= 4


def test_an_unreadable_delivery_says_so_when_it_is_read(queue: LocalQueue, database: Database) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    database.execute("UPDATE deliveries SET data = ?", (b'{"type": "split", "chunks": 3}',))
    with pytest.raises(InvalidMessage):
        _ = claimed(queue).message


# one commit with the catalog


def test_what_is_published_in_a_group_that_fails_was_never_sent(queue: LocalQueue, database: Database) -> None:
    catalog = LocalCatalog(database)

    def crash_between_commit_and_publish() -> None:
        with catalog.atomic():
            catalog.begin(a_video())
            queue.publish(Topic.SPLITS, SPLIT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash_between_commit_and_publish()
    assert catalog.video("v1") is None
    assert queue.status().idle


def test_nobody_sees_a_message_before_what_it_is_about(queue: LocalQueue, database: Database) -> None:
    catalog = LocalCatalog(database)

    def look(thread: int) -> bool:
        if thread:
            eventually(lambda: queue.claim(SPLITS, MINUTE))
            return catalog.chunks(a_ref()) == chunks(3)
        with catalog.atomic():
            queue.publish(Topic.SPLITS, SPLIT)
            catalog.begin(a_video())
            catalog.commit_plan(a_ref(), MEDIA, chunks(3))
        return True

    assert all(together(2, look))


# processes that die


def killed_with_a_claim(database: Database, runtime: str = "") -> None:
    claimed_it = SPAWN.Event()
    process = SPAWN.Process(target=claim_and_wait, args=(database, runtime, claimed_it))
    process.start()
    assert claimed_it.wait(60)
    assert process.pid
    assert LocalQueue(database).reclaim() == 0
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_the_claim_of_a_killed_process_comes_back_at_once_and_is_not_held_against_the_message(
    queue: LocalQueue, database: Database
) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    killed_with_a_claim(database)
    assert queue.claim(SPLITS, MINUTE) is None
    assert queue.reclaim() == 1
    assert claimed(queue).attempt == 1


def test_the_claim_of_a_worker_that_died_alone_counts(queue: LocalQueue, database: Database) -> None:
    queue.publish(Topic.SPLITS, SPLIT)
    runtime = LivenessLock(queue.alive)
    killed_with_a_claim(database, runtime.name)
    assert queue.reclaim() == 1
    assert claimed(queue).attempt == 2
    runtime.release()

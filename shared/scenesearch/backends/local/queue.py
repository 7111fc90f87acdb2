"""The durable queue of one machine: a table in the catalog's own file. At least once, in no order, with delays and dead letters."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from scenesearch.backends.local.database import Database, Row
from scenesearch.backends.local.liveness import OwnerState
from scenesearch.messages import SUBSCRIPTIONS, DeadLetter, Message, Subscription, Topic, decode, encode

INTERRUPTIONS_ALLOWED = 50
"""From then on a delivery that ended with its whole runtime counts like any other: it may be what ends it."""

PREFERENCE = 12
"""How many messages a preferred one may overtake: four chunks of three sections, so that chunks are still completed in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One delivery, held until it is acknowledged, rejected, or its time is up. `attempt` counts from 1."""

    delivery: int
    token: str
    subscription: Subscription
    data: bytes
    attributes: Mapping[str, str]
    attempt: int

    @property
    def message(self) -> Message:
        """Raises `InvalidMessage`."""
        return decode(self.data, self.attributes)


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Deliveries that wait or are being worked on, by subscription; what was counted since the queue began."""

    waiting: Mapping[Subscription, int]
    working: Mapping[Subscription, int]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked on."""
        return not self.waiting and not self.working


class LocalQueue:
    """The `Publisher` port, and what a worker asks of a subscription."""

    def __init__(
        self,
        database: Database,
        *,
        max_deliveries: int = 10,
        backoff: timedelta = timedelta(seconds=1),
        backoff_limit: timedelta = timedelta(seconds=60),
        deliver_twice: bool = False,
    ) -> None:
        """`max_deliveries` before a message is a dead letter; the pause before the next one is `backoff`, doubled each time
        up to `backoff_limit`. `deliver_twice` does on purpose what at least once allows.
        """
        self._database = database
        self._max_deliveries = max_deliveries
        self._backoff_s = backoff.total_seconds()
        self._backoff_limit_s = backoff_limit.total_seconds()
        self._copies = 2 if deliver_twice else 1

    @property
    def alive(self) -> Path:
        """The folder in which owners of claims say that they are there."""
        return self._database.liveness.folder

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        """One delivery to every subscription of the topic; in the same commit as the `atomic` around it."""
        data, attributes = encode(message)
        due_at = time.time() + delay.total_seconds()
        with self._database.atomic():
            for subscription, source in SUBSCRIPTIONS.items():
                for _ in range(self._copies if source is topic else 0):
                    self._database.execute(
                        "INSERT INTO deliveries (subscription, data, attributes, due_at) VALUES (?, ?, ?, ?)",
                        (subscription, data, json.dumps(attributes), due_at),
                    )

    def claim(self, subscriptions: Collection[Subscription], lease: timedelta, *, prefer: Collection[Subscription] = ()) -> Claim | None:
        """The oldest delivery that is due on one of these, held for `lease`; None when there is none.

        Deliveries of `prefer` may overtake a few others.
        """
        wanted, preferred = json.dumps(list(subscriptions)), json.dumps(list(prefer))
        if self._due(wanted, preferred) is None:  # a look that takes no lock
            return None
        with self._database.atomic():
            while (row := self._due(wanted, preferred)) is not None:
                if self._is_spent(row):
                    self._dead_letter(row, row["reason"] or "the worker died every time this was delivered")
                    continue
                token = uuid.uuid4().hex
                self._database.execute(
                    "UPDATE deliveries SET due_at = ?, attempts = attempts + 1, token = ?, owner = ? WHERE id = ?",
                    (time.time() + lease.total_seconds(), token, self._database.liveness.owner, row["id"]),
                )
                return Claim(
                    delivery=row["id"],
                    token=token,
                    subscription=Subscription(row["subscription"]),
                    data=row["data"],
                    attributes=json.loads(row["attributes"]),
                    attempt=row["attempts"] + 1,
                )
        return None

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold the claim for `lease` from now. False when it is no longer held."""
        return self._change(
            "UPDATE deliveries SET due_at = :due WHERE id = :id AND token = :token", claim, due=time.time() + lease.total_seconds()
        )

    def acknowledge(self, claim: Claim) -> bool:
        """This delivery is done. False when the claim is no longer held: it will come again."""
        with self._database.atomic():
            done = self._change("DELETE FROM deliveries WHERE id = :id AND token = :token", claim)
            if done:
                self._count("done", claim.subscription)
        return done

    def reject(self, claim: Claim, reason: str, *, delay: timedelta | None = None, counts: bool = True) -> bool:
        """This delivery shall come again: after `delay`, or a pause that doubles with every attempt.

        After too many attempts it becomes a dead letter. `counts=False`: this attempt is not one. False when no longer held.
        """
        pause = min(self._backoff_s * 2 ** (claim.attempt - 1), self._backoff_limit_s) if delay is None else delay.total_seconds()
        with self._database.atomic():
            row = self._held(claim)
            if row is None:
                return False
            self._count("rejected", claim.subscription)
            if counts and self._is_spent(row):
                self._dead_letter(row, reason)
                return True
            self._database.execute(
                "UPDATE deliveries SET due_at = ?, attempts = ?, token = NULL, owner = NULL, reason = ? WHERE id = ?",
                (time.time() + pause, row["attempts"] - (not counts), reason, row["id"]),
            )
        return True

    def dead_letter(self, claim: Claim, reason: str) -> bool:
        """Trying again will not help: make it a dead letter now. What is one already only waits longer."""
        if claim.subscription is Subscription.RECOVER_DEAD_LETTERS:
            return self.reject(claim, reason, delay=timedelta(seconds=self._backoff_limit_s))
        with self._database.atomic():
            row = self._held(claim)
            if row is not None:
                self._dead_letter(row, reason)
        return row is not None

    def reclaim(self) -> int:
        """Make due at once what processes held that are gone; how many deliveries that were."""
        owners = self._database.rows("SELECT DISTINCT owner FROM deliveries WHERE owner IS NOT NULL")
        states = {row["owner"]: self._database.liveness.state(row["owner"]) for row in owners}
        count = 0
        for owner, state in states.items():
            if state is not OwnerState.ALIVE:
                interrupted = state is OwnerState.INTERRUPTED
                count += self._database.execute(
                    """UPDATE deliveries SET due_at = :now, token = NULL, owner = NULL, interruptions = interruptions + :interrupted,
                    attempts = attempts - (:interrupted AND interruptions < :allowed) WHERE owner = :owner""",
                    {"now": time.time(), "owner": owner, "interrupted": interrupted, "allowed": INTERRUPTIONS_ALLOWED},
                ).rowcount
        return count

    def status(self) -> QueueStatus:
        """What is left. Dead letters that `recover` itself could not handle are not waited for: an alert reads their log line."""
        rows = self._database.rows(
            """SELECT subscription, owner IS NOT NULL AS held, COUNT(*) AS number FROM deliveries
            WHERE NOT (subscription = ? AND attempts >= ? AND owner IS NULL) GROUP BY subscription, held""",
            (Subscription.RECOVER_DEAD_LETTERS, self._max_deliveries),
        )
        counts = {row["name"]: row["value"] for row in self._database.rows("SELECT name, value FROM counts")}
        return QueueStatus(
            waiting={Subscription(row["subscription"]): row["number"] for row in rows if not row["held"]},
            working={Subscription(row["subscription"]): row["number"] for row in rows if row["held"]},
            counts=counts,
        )

    def _due(self, wanted: str, preferred: str) -> Row | None:
        return self._database.row(
            """SELECT * FROM deliveries WHERE subscription IN (SELECT value FROM json_each(:wanted)) AND due_at <= :now
            ORDER BY id - :head_start * (subscription IN (SELECT value FROM json_each(:preferred))) LIMIT 1""",
            {"wanted": wanted, "preferred": preferred, "head_start": PREFERENCE, "now": time.time()},
        )

    def _is_spent(self, row: Row) -> bool:
        spent: bool = row["attempts"] >= self._max_deliveries
        return spent and row["subscription"] != Subscription.RECOVER_DEAD_LETTERS

    def _held(self, claim: Claim) -> Row | None:
        return self._database.row("SELECT * FROM deliveries WHERE id = ? AND token = ?", (claim.delivery, claim.token))

    def _change(self, statement: str, claim: Claim, **values: float) -> bool:
        return self._database.execute(statement, {"id": claim.delivery, "token": claim.token, **values}).rowcount == 1

    def _dead_letter(self, row: Row, reason: str) -> None:
        self._database.execute("DELETE FROM deliveries WHERE id = ?", (row["id"],))
        self._count("dead-lettered", Subscription(row["subscription"]))
        self.publish(Topic.DEAD_LETTERS, DeadLetter.of(row["subscription"], reason, row["data"], json.loads(row["attributes"])))

    def _count(self, what: str, subscription: Subscription) -> None:
        self._database.execute(
            "INSERT INTO counts VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (f"{what} {subscription}",)
        )

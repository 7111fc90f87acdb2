"""What goes wrong, when: a script of rules over HTTP. Chance is a hash of the request, so a seed decides whatever the order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "http",  # an error status, with `status`, `message`, `retry_after`
    "slow",  # the right answer, `seconds` late; the record says whether the client `hung_up` before
    "drop",  # the connection ends without an answer
    "drop_midway",  # the connection ends in the middle of the answer
    "garbled",  # a response that is no JSON: `answer`, as it is
    "malformed",  # an answer that is no JSON
    "truncated",  # half an answer, MAX_TOKENS
    "out_of_range",  # times after the clip's end
    "inverted",  # ends before starts
    "unordered",  # late notes first
    "unseen",  # an answer without VIDEO or AUDIO tokens in its usage
    "safety",  # the answer stopped by the safety rules
    "blocked",  # the request refused by the safety rules
    "empty",  # no candidates
    "short_batch",  # one vector for a batch of texts
    "answer",  # `answer`, whatever was asked
]


class Match(BaseModel):
    """Which requests a rule is about; what is None matches everything. `text` is looked for in what the request says."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    kind: str | None = None
    model: str | None = None
    video: str | None = None
    repair: bool | None = None
    text: str | None = None
    uri: str | None = None
    longer_than: float | None = None
    starts_at: float | None = None
    flex: bool | None = None
    batch: bool | None = None


class Rule(BaseModel):
    """One fault. Of the requests that match, it strikes the `nth` (from 1), the first `times`, or any with `probability`; else all."""

    model_config = ConfigDict(extra="forbid")

    fault: Kind
    match: Match = Field(default_factory=Match)
    nth: Sequence[int] = ()
    times: int | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    status: int = 503
    message: str = "scripted"
    retry_after: float | None = None
    seconds: float = 1.0
    answer: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as rules see it. `identity` is the same for the same question about the same clip."""

    method: str
    kind: str
    model: str
    text: str
    identity: str
    repair: bool = False
    flex: bool = False
    batch: bool = False
    uri: str | None = None
    video: str | None = None
    start_s: float | None = None
    duration_s: float | None = None


@dataclass
class Script:
    """The rules in force, and what they have seen. Safe between threads."""

    rules: list[Rule] = field(default_factory=list)
    _matched: Counter[int] = field(default_factory=Counter)
    _asked: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Forget everything and go by these rules."""
        checked = [Rule.model_validate(rule) for rule in rules]
        with self._lock:
            self.rules = checked
            self._matched.clear()
            self._asked.clear()

    def strike(self, asked: Asked) -> Rule | None:
        """The first rule that strikes this request, if any does."""
        with self._lock:
            self._asked[asked.identity] += 1
            time = self._asked[asked.identity]
            struck: Rule | None = None
            for place, rule in enumerate(self.rules):
                if not _matches(rule.match, asked):
                    continue
                self._matched[place] += 1
                if struck is None and _due(rule, self._matched[place], f"{rule.seed}/{place}/{asked.identity}/{time}"):
                    struck = rule
            return struck


def _matches(match: Match, asked: Asked) -> bool:
    same = all(
        wanted is None or wanted == given
        for wanted, given in (
            (match.method, asked.method),
            (match.kind, asked.kind),
            (match.model, asked.model),
            (match.video, asked.video),
            (match.repair, asked.repair),
            (match.flex, asked.flex),
            (match.batch, asked.batch),
        )
    )
    return (
        same
        and (match.text is None or match.text in asked.text)
        and (match.uri is None or match.uri in (asked.uri or ""))
        and (match.longer_than is None or (asked.duration_s or 0) > match.longer_than)
        and (match.starts_at is None or (asked.start_s is not None and abs(asked.start_s - match.starts_at) < 0.1))
    )


def _due(rule: Rule, matched: int, draw: str) -> bool:
    if rule.nth and matched not in rule.nth:
        return False
    if rule.times is not None and matched > rule.times:
        return False
    if rule.probability is None:
        return True
    return int.from_bytes(hashlib.blake2b(draw.encode(), digest_size=8).digest()) / 2**64 < rule.probability

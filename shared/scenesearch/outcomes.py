"""What becomes of a delivery: the one ladder from an error to its outcome, for functions and for workers of one machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from scenesearch.errors import Busy, Gone, Permanent, Retryable

LOG = logging.getLogger(__name__)


class Outcome(Enum):
    """What the transport is told about a delivery."""

    ACKNOWLEDGE = auto()
    """It is done, or nobody needs it any more."""
    WAIT = auto()
    """Somebody else is at this work: deliver it again, without counting an attempt where the transport can tell."""
    RETRY = auto()
    """It may work later: deliver it again."""
    DEAD_LETTER = auto()
    """It can never work: acknowledge it once it is a dead letter."""


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome and its reason; the reason is empty for what was acknowledged."""

    outcome: Outcome
    reason: str = ""


def outcome_of(handle: Callable[[], None], about: Mapping[str, object]) -> Result:
    """Run a handler and turn what it raises into an outcome. Log lines carry `about`. Raises nothing."""
    try:
        handle()
    except Busy as error:
        LOG.info("a delivery waits", extra={**about, "reason": str(error)})
        return Result(Outcome.WAIT, str(error))
    except Retryable as error:
        LOG.warning("a delivery will come again", extra={**about, "reason": str(error)})
        return Result(Outcome.RETRY, str(error))
    except Gone as error:
        LOG.info("dropped: the video was removed or replaced", extra={**about, "reason": str(error)})
    except Permanent as error:
        LOG.error("a delivery was given up", extra={**about, "reason": str(error)})
        return Result(Outcome.DEAD_LETTER, str(error))
    except Exception as error:
        LOG.exception("a handler broke", extra=dict(about))
        return Result(Outcome.RETRY, f"{type(error).__name__}: {error}")
    return Result(Outcome.ACKNOWLEDGE)

"""What goes wrong on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import grpc


@dataclass(kw_only=True)
class Fault:
    """Calls of `method` fail with `code`, so many times; or take `seconds` longer. `documents`: an import does not take those ids."""

    method: str
    code: grpc.StatusCode | None = None
    times: int = 1
    seconds: float = 0.0
    documents: frozenset[str] = frozenset()


@dataclass
class Faults:
    """Those that are still to happen."""

    pending: list[Fault] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def next(self, method: str) -> Fault | None:
        """The one for this call, if any."""
        with self.lock:
            fault = next((fault for fault in self.pending if fault.method == method), None)
            if fault is not None:
                fault.times -= 1
                self.pending = [left for left in self.pending if left.times > 0]
            return fault

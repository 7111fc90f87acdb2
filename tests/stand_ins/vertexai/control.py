"""What tests hold of a stand-in, in this process or in another: its address, its script, its memory."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Control:
    """A stand-in that answers at `url` (the base URL for google-genai)."""

    url: str

    def script(self, *rules: Mapping[str, Any]) -> None:
        """From now on these faults (`faults.Rule`), counted afresh; none: everything works."""
        self._call("PUT", "faults", list(rules))

    def tell(self, truth: Mapping[str, Any]) -> None:
        """From now on this is true (`truth.Truth`)."""
        self._call("PUT", "truth", truth)

    def introduce(self, clips: Mapping[str, Mapping[str, Any]]) -> None:
        """Which video these clips (by SHA-256 or URI) are of, and from which second on."""
        self._call("PUT", "clips", clips)

    def requests(self, **wanted: object) -> list[dict[str, Any]]:
        """The requests so far, oldest first, that have these values."""
        recorded: Sequence[dict[str, Any]] = self._call("GET", "requests")
        return [r for r in recorded if all(r.get(name) == value for name, value in wanted.items())]

    def fate_of_jobs(self, state: str = "JOB_STATE_SUCCEEDED") -> None:
        """Forget the batch jobs so far; new ones come to this state."""
        self._call("PUT", "jobs", state)

    def jobs(self) -> list[dict[str, Any]]:
        """The batch jobs so far, oldest first."""
        return list(self._call("GET", "jobs"))

    def forget(self) -> None:
        """Forget the requests so far."""
        self._call("PUT", "requests", None)

    def is_up(self) -> bool:
        try:
            return bool(self._call("GET", "health")["ok"])
        except OSError:
            return False

    def _call(self, verb: str, what: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if verb == "PUT" else None
        request = urllib.request.Request(f"{self.url}/stand-in/{what}", data=data, method=verb)  # noqa: S310 - a test's own server
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise ValueError(f"the stand-in refused {what}: {error.read().decode()}") from error

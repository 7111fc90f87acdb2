"""Batch prediction jobs: the input file is read from Cloud Storage when a job is made, its output written there at once."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

JOBS = re.compile(r"^/v1(?:beta1)?/(projects/[^/]+/locations/[^/]+/batchPredictionJobs)(?:/([^/:]+))?(?::(cancel))?$")

Answer = Callable[[str, Mapping[str, Any]], tuple[int, Any]]
"""What a model answers to a request's body: status and body, as it would over HTTP."""


@dataclass
class Jobs:
    """The jobs so far. `fate` is the state that new ones come to; "JOB_STATE_RUNNING" is one that lags."""

    fate: str = "JOB_STATE_SUCCEEDED"
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def create(self, parent: str, body: Mapping[str, Any], answer: Answer, storage: Storage) -> dict[str, Any]:
        """A new job, with its output written if it is fated to succeed."""
        with self.lock:
            name = f"{parent}/{len(self.made) + 1}"
            job = {**body, "name": name, "state": self.fate, "createTime": _now()}
            self.made[name] = job
        if self.fate == "JOB_STATE_FAILED":
            job["error"] = {"code": 8, "message": "scripted"}
        if self.fate == "JOB_STATE_SUCCEEDED":
            model = str(body["model"]).rpartition("/")[2]
            lines = storage.read(body["inputConfig"]["gcsSource"]["uris"][0]).splitlines()
            folder = f"{body['outputConfig']['gcsDestination']['outputUriPrefix']}/prediction-model-{_now()}"
            written = [_line(json.loads(line)["request"], model, answer) for line in lines]
            storage.write(f"{folder}/predictions.jsonl", "".join(f"{json.dumps(line)}\n" for line in reversed(written)).encode())
        return job

    def find(self, display_name: str | None) -> list[dict[str, Any]]:
        """The jobs (of this display name), newest first."""
        return [job for job in reversed(self.made.values()) if display_name is None or job.get("displayName") == display_name]


@dataclass(frozen=True)
class Storage:
    """Where `gs://` objects are, to read and to write: behind a Cloud Storage endpoint, or in folders named for their buckets."""

    endpoint: str | None
    folder: Path | None

    def read(self, uri: str) -> bytes:
        """The object's bytes."""
        bucket, name = _parted(uri)
        if self.folder is not None:
            return (self.folder / bucket / name).read_bytes()
        url = f"{self.endpoint}/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media"
        with urllib.request.urlopen(url, timeout=20) as response:  # noqa: S310 - the address of a test's own storage
            content: bytes = response.read()
            return content

    def write(self, uri: str, content: bytes) -> None:
        """Create the object."""
        bucket, name = _parted(uri)
        if self.folder is not None:
            path = self.folder / bucket / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return
        url = f"{self.endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={urllib.parse.quote(name, safe='')}"
        request = urllib.request.Request(url, data=content, headers={"Content-Type": "application/jsonl"})  # noqa: S310 - as above
        with urllib.request.urlopen(request, timeout=20):  # noqa: S310 - as above
            pass


def _line(request: Mapping[str, Any], model: str, answer: Answer) -> dict[str, Any]:
    status, body = answer(model, request)
    said = {"request": request, "processed_time": datetime.now(UTC).isoformat()}
    if status != 200:
        return {**said, "status": f"{body['error']['status']}: {body['error']['message']}", "response": {}}
    return {**said, "status": "", "response": body}


def _parted(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")

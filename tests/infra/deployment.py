"""Both synthesised stacks of one environment, read as one graph."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBER = "1234567890"
REFERENCE = re.compile(r"\$\{(?P<data>data\.)?(?P<kind>google_\w+)\.(?P<key>[\w.-]+?)\.(?P<attribute>\w+)\}")
KNOWN = {"google_project.number": NUMBER, "google_storage_project_service_account.email_address": "agent:storage"}


class Dangling(AssertionError):
    """Something refers to what is not there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `body` has its references replaced by what they mean."""

    kind: str
    key: str
    body: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class Deployment:
    """The resources of both stacks, with every reference resolved."""

    def __init__(self, folders: Mapping[str, Path], project: str) -> None:
        self.project = project
        self.stacks = {name: json.loads((folder / "cdk.tf.json").read_text()) for name, folder in folders.items()}
        self._resources = {
            name: [
                Resource(kind, key, self._resolved({k: v for k, v in body.items() if k != "//"}, stack))
                for kind, ones in stack["resource"].items()
                for key, body in ones.items()
            ]
            for name, stack in self.stacks.items()
        }

    def all(self, kind: str = "", stack: str = "") -> Iterator[Resource]:
        for name, resources in self._resources.items():
            yield from (r for r in resources if kind in ("", r.kind) and stack in ("", name))

    def named(self, kind: str, attribute: str = "name") -> dict[str, Resource]:
        return {r[attribute]: r for r in self.all(kind)}

    def counts(self, stack: str) -> dict[str, int]:
        return {kind: len(ones) for kind, ones in self.stacks[stack]["resource"].items()}

    def resolved(self, value: Any, stack: str) -> Any:
        """`value` with its references replaced by what they mean in that stack. Raises `Dangling`."""
        return self._resolved(value, self.stacks[stack])

    def _resolved(self, value: Any, stack: Mapping[str, Any]) -> Any:
        if isinstance(value, dict):
            return {k: self._resolved(v, stack) for k, v in value.items()}
        if isinstance(value, list):
            return [self._resolved(v, stack) for v in value]
        return REFERENCE.sub(lambda m: self._meaning(m, stack), value) if isinstance(value, str) else value

    def _meaning(self, reference: re.Match[str], stack: Mapping[str, Any]) -> str:
        kind, key, attribute = reference["kind"], reference["key"], reference["attribute"]
        group = stack["data"] if reference["data"] else stack["resource"]
        if key not in group.get(kind, {}):
            raise Dangling(f"{reference[0]} refers to nothing")
        if reference["data"]:
            return KNOWN[f"{kind}.{attribute}"]
        body = self._resolved(group[kind][key], stack)
        if kind == "google_service_account":
            address = f"{body['account_id']}@{self.project}.iam.gserviceaccount.com"
            return address if attribute == "email" else f"projects/{self.project}/serviceAccounts/{address}"
        if kind == "google_project_iam_custom_role":
            return f"projects/{self.project}/roles/{body['role_id']}"
        if kind == "google_firestore_database" and attribute == "id":
            return f"projects/{self.project}/databases/{body['name']}"
        if kind == "google_artifact_registry_repository":
            return str(body["repository_id"])
        if kind == "google_monitoring_notification_channel":
            return str(body["display_name"])
        return str(body["name" if attribute == "id" else attribute])

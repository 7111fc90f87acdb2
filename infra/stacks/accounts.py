"""What each function may do: its account and all that is granted to it.

Accounts and grants belong to the stack that is applied first. A change of IAM takes minutes to be seen everywhere, seven and more at
worst (https://docs.cloud.google.com/iam/docs/access-change-propagation), and a function that is made before that fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.config import EXTRACTORS, Environment, Function, Purpose
from infra.constructs.identity import Identity
from infra.stacks.names import SENDS_SPANS, Stack
from scenesearch.messages import Topic

PUBLISHES: Mapping[Function, tuple[Topic, ...]] = {
    # Every handler buries what it cannot read; what else it publishes follows from the flow (DESIGN.md 2) and `advance`.
    Function.SPLIT: (Topic.SPLITS, Topic.CHUNKS, Topic.EXTRACTED, Topic.VIDEO_EVENTS, Topic.DEAD_LETTERS),
    **dict.fromkeys(EXTRACTORS, (Topic.SPLITS, Topic.CHUNKS, Topic.EXTRACTED, Topic.DEAD_LETTERS)),
    Function.ASSEMBLE: (Topic.VIDEO_EVENTS, Topic.DEAD_LETTERS),
    Function.REMOVE: (Topic.SPLITS, Topic.CHUNKS, Topic.EXTRACTED, Topic.VIDEO_EVENTS, Topic.DEAD_LETTERS),
    Function.RECOVER: (
        Topic.OBJECTS,
        Topic.SPLITS,
        Topic.CHUNKS,
        Topic.EXTRACTED,
        Topic.VIDEO_EVENTS,
        Topic.BATCHES,
        Topic.DEAD_LETTERS,
    ),
    Function.LIBRARY: (Topic.OBJECTS, Topic.SPLITS, Topic.CHUNKS, Topic.EXTRACTED),
}
READS_UPLOADS = (Function.SPLIT, Function.EXTRACT_TRANSCRIPTION, Function.REMOVE, Function.RECOVER)
READS_WORK = (Function.SEARCH,)
WRITES_WORK = (Function.SPLIT, *EXTRACTORS, Function.ASSEMBLE, Function.REMOVE, Function.RECOVER, Function.LIBRARY)
RUNS_BATCHES = (Function.RECOVER,)
ASKS_MODELS = (*EXTRACTORS, Function.ASSEMBLE, Function.RECOVER, Function.SEARCH, Function.LIBRARY)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What can be granted, each by the reference that makes Terraform create it first."""

    buckets: Mapping[Purpose, str]
    topics: Mapping[Topic, str]
    database: str
    models_role: str
    batches_role: str
    secrets: Mapping[str, str]


def function_account(stack: Stack, env: Environment, function: Function, on: Resources, *, deployer: str) -> Identity:
    """Make the account that a function runs as, with all its grants; `deployer` is the address of who may start things as it."""
    identity = Identity(stack, function.account, env, f"runs {function.value}")
    identity.may_be_deployed_by(deployer)
    for topic in PUBLISHES.get(function, ()):
        identity.may_publish(topic, on.topics[topic])
    identity.may_use_database(on.database)
    identity.may_on_project(SENDS_SPANS)
    for purpose, role in _objects(function):
        identity.may_on_bucket(purpose, role, bucket=on.buckets[purpose])
    if function in ASKS_MODELS:
        identity.may_on_project(on.models_role, label="models")
    if function in RUNS_BATCHES:
        identity.may_on_project(on.batches_role, label="batches")
    if function is Function.LIBRARY:
        identity.may_sign_as_itself()
    if env.vertex_ai_search:
        identity.may_on_project(f"roles/discoveryengine.{'viewer' if function is Function.SEARCH else 'editor'}")
    for setting, secret in on.secrets.items():
        identity.may_read_secret(setting, secret)
    return identity


def _objects(function: Function) -> list[tuple[Purpose, str]]:
    """The buckets that a function uses, with its role on each."""
    granted = []
    if function in READS_UPLOADS:
        granted.append((Purpose.UPLOADS, "roles/storage.objectViewer"))
    if function in READS_WORK:
        granted.append((Purpose.WORK, "roles/storage.objectViewer"))
    if function in WRITES_WORK:
        granted.append((Purpose.WORK, "roles/storage.objectUser"))
    if function is Function.LIBRARY:
        granted.append((Purpose.UPLOADS, "roles/storage.objectUser"))
    return granted

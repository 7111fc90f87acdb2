"""An empty project can be applied to: whatever uses something of its own stack refers to it, so Terraform makes that first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.config import Environment
from tests.infra.conftest import Workshop
from tests.infra.deployment import Deployment
from tests.infra.environments import PROD

NAMED_BY = {
    # kind: the attribute by which others would name it, had they no reference
    "google_artifact_registry_repository": "repository_id",
    "google_cloud_run_v2_service": "name",
    "google_cloudfunctions2_function": "name",
    "google_discovery_engine_data_store": "data_store_id",
    "google_firestore_database": "name",
    "google_logging_metric": "name",
    "google_project_iam_custom_role": "role_id",
    "google_pubsub_subscription": "name",
    "google_pubsub_topic": "name",
    "google_secret_manager_secret": "secret_id",
    "google_service_account": "account_id",
    "google_storage_bucket": "name",
}
NO_NAME_OF_A_RESOURCE = {
    ("google_firestore_field", "collection"): "a collection of documents, like `chunks`, is nothing that Terraform makes",
    ("google_firestore_index", "collection"): "likewise",
    ("google_discovery_engine_search_engine", "engine_id"): "its own name; the data store that it belongs to is a reference",
    ("google_discovery_engine_search_engine", "display_name"): "its own name",
}

Place = tuple[str, str]
"""A resource's kind and key."""


@pytest.fixture(scope="module")
def full(shop: Workshop) -> tuple[Deployment, Environment]:
    """An environment with everything that a config may ask for."""
    env = replace(PROD, name="full", vertex_ai_search=True, secret_settings=("vlm_key",))
    return shop.deployment(env), env


def raw(deployment: Deployment, stack: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for kind, ones in deployment.stacks[stack]["resource"].items():
        for key, body in ones.items():
            yield (kind, key), {name: value for name, value in body.items() if name != "//"}


def texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (text for one in value.values() for text in texts(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in texts(one))
    elif isinstance(value, str):
        yield value


def literals(deployment: Deployment, stack: str, env: Environment) -> list[str]:
    """Where a resource says the name of another of the same stack instead of referring to it."""
    named = {body[NAMED_BY[place[0]]]: place for place, body in raw(deployment, stack) if place[0] in NAMED_BY}
    inside = {env.account(name): place for name, place in named.items() if place[0] == "google_service_account"}
    inside |= {f"/roles/{name}'": place for name, place in named.items() if place[0] == "google_project_iam_custom_role"}
    found = []
    for place, body in raw(deployment, stack):
        others = {name: other for name, other in named.items() if name != body.get(NAMED_BY.get(place[0], ""))}
        for attribute, value in body.items():
            for text in texts(value) if (place[0], attribute) not in NO_NAME_OF_A_RESOURCE else ():
                target = others.get(text.rpartition("/")[2]) or next((at for name, at in inside.items() if name in text), None)
                if target is not None:
                    found.append(f"{place} says {attribute}: {text}, which is {target}")
    return found


@pytest.mark.parametrize("stack", ["data", "functions"])
def test_no_resource_says_the_name_of_another_of_its_stack_instead_of_referring_to_it(
    stack: str, full: tuple[Deployment, Environment]
) -> None:
    assert literals(full[0], stack, full[1]) == []


@pytest.mark.parametrize(
    "said",
    [
        {"bucket": PROD.bucket("archives")},
        {"member": f"serviceAccount:{PROD.account('deployer')}"},
        {"role": f"projects/{PROD.project}/roles/scenesearch_planner_database"},
        {"condition": {"expression": f"hasOnly(['projects/{PROD.project}/roles/scenesearch_models'])"}},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_name_in_place_of_a_reference_is_noticed(said: dict[str, Any], shop: Workshop) -> None:
    deployment = shop.deployment(PROD)
    deployment.stacks["data"]["resource"]["google_storage_bucket_iam_member"]["another"] = said
    assert len(literals(deployment, "data", PROD)) == 1


RUNS_AS = {
    "google_cloudfunctions2_function": lambda body: body["service_config"]["service_account_email"],
    "google_cloud_run_v2_service": lambda body: body["template"]["service_account"],
    "google_cloud_scheduler_job": lambda body: body["http_target"]["oidc_token"]["service_account_email"],
}


def test_no_function_races_with_the_grants_that_it_needs(full: tuple[Deployment, Environment]) -> None:
    """Accounts, who may start things as them, and whatever they may do are applied minutes before, in the stack of what is kept."""
    deployment, env = full
    functions = {kind for (kind, _), _ in raw(deployment, "functions")}
    may_follow = {"google_cloud_run_v2_service_iam_member", "google_iap_web_cloud_run_service_iam_member"}
    assert {kind for kind in functions if "_iam_" in kind or "service_account" in kind} == may_follow, "who may call what was just made"
    granted = {
        (grant["member"], grant["role"], grant["service_account_id" if grant.kind == "google_service_account_iam_member" else "secret_id"])
        for kind in ("google_service_account_iam_member", "google_secret_manager_secret_iam_member")
        for grant in deployment.all(kind, "data")
    }
    started = [(r.kind, RUNS_AS[r.kind](r)) for r in deployment.all(stack="functions") if r.kind in RUNS_AS]
    assert len(started) == 10
    for kind, account in started:
        name = f"projects/{env.project}/serviceAccounts/{account}"
        assert (f"serviceAccount:{env.account('deployer')}", "roles/iam.serviceAccountUser", name) in granted, account
        if kind != "google_cloud_scheduler_job":
            assert (f"serviceAccount:{account}", "roles/secretmanager.secretAccessor", "vlm_key") in granted, account


@pytest.mark.parametrize("stack", ["data", "functions"])
def test_whatever_is_waited_for_is_there(stack: str, full: tuple[Deployment, Environment]) -> None:
    there = dict(raw(full[0], stack))
    waited_for = {one for body in there.values() for one in body.get("depends_on", ())}
    assert waited_for or stack == "functions", "whose resources refer to what they need"
    assert waited_for <= {f"{kind}.{key}" for kind, key in there}

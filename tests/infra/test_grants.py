"""Every grant is on the list, and everything on the list is granted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from infra.config import Environment, Function, listener
from infra.stacks.grants import ALLOWED
from scenesearch.messages import WIRING, Topic
from tests.infra.conftest import Workshop
from tests.infra.deployment import NUMBER, Deployment, Resource
from tests.infra.environments import DEV

Grant = tuple[str, str, str]

BOUND_TO = {
    "google_pubsub_topic_iam_member": ("topic", "topic"),
    "google_pubsub_subscription_iam_member": ("subscription", "subscription"),
    "google_cloud_run_v2_service_iam_member": ("service", "name"),
    "google_iap_web_cloud_run_service_iam_member": ("service", "cloud_run_service_name"),
    "google_artifact_registry_repository_iam_member": ("registry", "repository"),
    "google_secret_manager_secret_iam_member": ("secret", "secret_id"),
}


def who(member: str, env: Environment) -> str:
    """The short name of whoever is granted something."""
    if member == f"serviceAccount:{env.account('deployer')}" or member.endswith(f"@{env.project}.iam.gserviceaccount.com"):
        return short(member.removeprefix("serviceAccount:"))
    if agent := re.fullmatch(rf"serviceAccount:service-{NUMBER}@gcp-sa-(\w+)\.iam\.gserviceaccount\.com", member):
        return f"agent:{agent[1]}"
    return member.removeprefix("serviceAccount:")


def short(address: str) -> str:
    """An account by its id; that of a function by the function's name."""
    return address.partition("@")[0].removeprefix("fn-")


def on(grant: Resource, env: Environment) -> str:
    """The short name of what it is granted on."""
    if grant.kind in BOUND_TO:
        label, attribute = BOUND_TO[grant.kind]
        return f"{label}:{grant[attribute]}"
    if grant.kind == "google_storage_bucket_iam_member":
        return f"bucket:{grant['bucket'].removeprefix(env.project + '-')}"
    if grant.kind == "google_service_account_iam_member":
        return f"account:{short(grant['service_account_id'].rpartition('/')[2])}"
    assert grant.kind == "google_project_iam_member", f"grants of kind {grant.kind} are unknown to this test"
    condition = grant.body.get("condition")
    if condition is None:
        return "project"
    if condition["expression"] == f'resource.name == "projects/{env.project}/databases/(default)"':
        return "database"
    if "gcf-v2-sources" in condition["expression"]:
        return "copies of archives"
    return str(condition["title"])


def grants(deployment: Deployment, env: Environment) -> Iterator[Grant]:
    for grant in deployment.all():
        if "_iam_" in grant.kind and "custom_role" not in grant.kind:
            yield who(grant["member"], env), grant["role"].rpartition("roles/")[2], on(grant, env)


def allowed(env: Environment) -> set[Grant]:
    named = {
        "people": env.page_users,
        "approvers": env.approvers,
        "callers": (*env.search_callers, "deployer"),
        "secret:*": tuple(f"secret:{setting}" for setting in env.secret_settings),
    }
    rows = [row for row in ALLOWED if not row.where or getattr(env, row.where)]
    return {
        (one, row.role, thing)
        for row in rows
        for name in row.who
        for one in named.get(name, (name,))
        for on in row.on
        for thing in named.get(on, (on,))
    }


def test_every_grant_is_on_the_list_and_the_list_is_granted(deployment: Deployment, env: Environment) -> None:
    granted = list(grants(deployment, env))
    assert set(granted) == allowed(env)
    assert len(granted) == len(set(granted)), "something is granted twice"


def test_what_a_config_asks_for_is_on_the_list_too(shop: Workshop) -> None:
    full = replace(DEV, name="full", vertex_ai_search=True, secret_settings=("vlm_key", "server_token"))
    assert set(grants(shop.deployment(full), full)) == allowed(full)


def test_every_reason_is_said() -> None:
    assert [row for row in ALLOWED if len(row.why) < 10] == []


def test_whatever_the_deployer_may_change_has_a_reason_of_its_own() -> None:
    reasons = [row.why for row in ALLOWED if "deployer" in row.who]
    assert len(reasons) > 15
    assert sorted(set(reasons)) == sorted(reasons)


def test_nobody_has_a_key_a_primitive_role_or_a_grant_for_everybody(deployment: Deployment, env: Environment) -> None:
    assert list(deployment.all("google_service_account_key")) == []
    for one, role, resource in grants(deployment, env):
        assert role not in {"owner", "editor", "viewer"}, f"{one} on {resource}"
        assert one not in {"allUsers", "allAuthenticatedUsers"}, resource


def test_every_function_runs_as_an_account_of_its_own(deployment: Deployment) -> None:
    runs_as = [f["service_config"]["service_account_email"] for f in deployment.all("google_cloudfunctions2_function")]
    runs_as += [s["template"]["service_account"] for s in deployment.all("google_cloud_run_v2_service")]
    assert len(runs_as) == len(set(runs_as)) == 9


def test_search_is_open_to_all_only_where_the_config_says_so(shop: Workshop) -> None:
    public = replace(DEV, name="public", public_search=True)
    assert [g for g in grants(shop.deployment(public), public) if g[0] == "allUsers"] == [("allUsers", "run.invoker", "service:search")]


def test_whoever_listens_may_bury_what_it_cannot_read(deployment: Deployment, env: Environment) -> None:
    """Only of the dead letters nothing new is made (scenesearch.web.push)."""
    listening = {listener(subscription) for subscription, wire in WIRING.items() if wire.topic is not Topic.DEAD_LETTERS}
    buries = {one for one, role, resource in grants(deployment, env) if (role, resource) == ("pubsub.publisher", "topic:dead-letters")}
    assert {function.resource for function in listening} == buries - {"agent:pubsub"}


def test_whoever_changes_a_trigger_or_makes_a_function_may_act_as_the_account_it_runs_as(deployment: Deployment, env: Environment) -> None:
    acts_as = {resource for one, role, resource in grants(deployment, env) if (one, role) == ("deployer", "iam.serviceAccountUser")}
    runs_as = {short(trigger["service_account"].rpartition("/")[2]) for trigger in deployment.all("google_cloudbuild_trigger")}
    assert {"planner", "deployer"} <= runs_as
    assert {f"account:{one}" for one in runs_as} <= acts_as


def test_a_deployment_can_hand_out_every_role_that_functions_have_on_the_project_and_no_other(shop: Workshop) -> None:
    full = replace(DEV, name="full", vertex_ai_search=True)
    deployment = shop.deployment(full)
    ours = {f"serviceAccount:{full.account(function.account)}" for function in Function}
    needed = {g["role"] for g in deployment.all("google_project_iam_member") if g["member"] in ours}
    may = next(g for g in deployment.all("google_project_iam_member") if g["role"] == "roles/resourcemanager.projectIamAdmin")
    assert set(re.findall(r"'((?:roles|projects)/[^']+)'", may["condition"]["expression"])) == needed

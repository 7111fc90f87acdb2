"""What comes out: the same every time, as the inventories say, and different between environments only where their configs are."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.config import DEV, ENVIRONMENTS, PROD, STAGING, Environment
from scenesearch.backends.vertexai_search.schema import LARGEST_DIMENSION, schema
from tests.infra.conftest import Workshop, workshop
from tests.infra.deployment import Deployment

INVENTORIES = Path(__file__).parent / "inventories"


def test_two_synths_are_equal_to_the_byte(shop: Workshop, tmp_path: Path) -> None:
    again = workshop(tmp_path / "elsewhere")
    for first, second in zip(shop.synth(DEV).values(), again.synth(DEV).values(), strict=True):
        assert (first / "cdk.tf.json").read_bytes() == (second / "cdk.tf.json").read_bytes()


@pytest.mark.parametrize("stack", ["data", "functions"])
def test_the_stack_holds_what_its_inventory_says(stack: str, deployments: Mapping[str, Deployment]) -> None:
    inventory = json.loads((INVENTORIES / f"{stack}.json").read_text())
    deployment = deployments[inventory["environment"]]
    counts = deployment.counts(stack)
    from_the_code = inventory["counted_from_the_code"]
    assert {kind: count for kind, count in counts.items() if kind not in from_the_code} == inventory["counts"]
    for kind, wanted in inventory["resources"].items():
        there = {name_of(r.body): r.body for r in deployment.all(kind, stack)}
        for name, values in wanted.items():
            assert name in there, f"no {kind} is called {name}"
            assert difference(values, there[name]) == [], f"{kind} {name}"


def name_of(body: Mapping[str, Any]) -> str:
    return str(next(body[key] for key in ("name", "display_name", "account_id", "role_id", "schedule", "location") if key in body))


def difference(wanted: Any, there: Any, at: str = "") -> list[str]:
    """What of `wanted` is not so; what else is there does not matter."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        return [fault for key, value in wanted.items() for fault in difference(value, there.get(key), f"{at}.{key}")]
    return [] if wanted == there else [f"{at} is {there!r}, not {wanted!r}"]


def leaves(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*at, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from leaves(one, (*at, str(number)))
    else:
        yield at, value


def neutral(deployment: Deployment, env: Environment) -> dict[tuple[str, ...], Any]:
    """Every value of both stacks, with the environment's own names taken out."""
    flat = {}
    for stack in deployment.stacks.values():
        for at, value in leaves({kind: stack[kind] for kind in ("resource", "provider", "terraform")}):
            said = base64.b64decode(value).decode() if at[-1] == "body" else value
            said = said.replace(env.project, "PROJECT") if isinstance(said, str) else said
            if "//" not in at:
                flat[at] = said
    return flat


CONFIGURED = {
    # attribute of the output: the field of the config that says it
    "max_instance_count": "limits",
    "min_instance_count": "limits",
    "SCENESEARCH_DAILY_HOURS": "daily_hours",
    "SCENESEARCH_TRACE_RATIO": "trace_ratio",
    "environment": "name",
    "dashboard_json": "name",
    "query": "thresholds",
    "content": "thresholds",
    "units": "budget_units",
    "tag": "source",
    "approval_required": "source",
    "_ENV": "name",
    "member": "page_users, search_callers",
    "email_address": "alert_emails",
    "value": "daily_hours, trace_ratio, admins",
}


@pytest.mark.parametrize("other", [STAGING, PROD], ids=lambda env: env.name)
def test_environments_differ_only_in_what_their_config_says(other: Environment, deployments: Mapping[str, Deployment]) -> None:
    ours, theirs = (neutral(deployments[env.name], env) for env in (DEV, other))
    different = {at[-1] for at in ours.keys() & theirs.keys() if ours[at] != theirs[at] and at[-1] not in ("name", "display_name")}
    assert different <= set(CONFIGURED), different - set(CONFIGURED)
    named = [(ours[at], theirs[at]) for at in ours.keys() & theirs.keys() if at[-1] in ("name", "display_name") and ours[at] != theirs[at]]
    for here, there in named:
        assert (DEV.name in here and other.name in there) or "USD" in here or "example.com" in here, (here, there)
    only = {at[2] for at in ours.keys() ^ theirs.keys() if at[0] == "resource"}
    assert only <= {"triggers_check_" + at[2].rpartition("_")[2] for at in ours if at[2].startswith("triggers_check")}


def test_one_environment_with_the_config_of_another_is_that_other(shop: Workshop, deployments: Mapping[str, Deployment]) -> None:
    fields = {field.name: getattr(PROD, field.name) for field in dataclasses.fields(Environment)}
    assert shop.deployment(dataclasses.replace(DEV, **fields)).stacks == deployments["prod"].stacks


def test_optional_parts_come_when_the_config_asks_for_them(shop: Workshop) -> None:
    plain = shop.deployment(dataclasses.replace(DEV, name="plain"))
    full = shop.deployment(dataclasses.replace(DEV, name="full", vertex_ai_search=True, secret_settings=("vlm_key",)))
    searching = ("google_discovery_engine_data_store", "google_discovery_engine_schema", "google_discovery_engine_search_engine")
    for kind in (*searching, "google_secret_manager_secret"):
        assert len(list(plain.all(kind))) == 0
        assert len(list(full.all(kind))) == 1
    split = full.named("google_cloudfunctions2_function")["split"]["service_config"]
    assert split["environment_variables"]["SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE"] == "moments"
    assert [s["key"] for s in split["secret_environment_variables"]] == ["SCENESEARCH_VLM_KEY"]
    assert "SCENESEARCH_VLM_KEY" not in split["environment_variables"]


def test_the_search_data_store_has_the_fields_that_the_index_writes_before_anything_is_written(shop: Workshop) -> None:
    full = shop.deployment(dataclasses.replace(DEV, name="full", vertex_ai_search=True))
    [made] = full.all("google_discovery_engine_schema")
    assert json.loads(made.body["json_schema"]) == schema(DEV.models.dimension)
    assert DEV.models.dimension <= LARGEST_DIMENSION
    [store] = full.all("google_discovery_engine_data_store")
    assert store.body["skip_default_schema_creation"] is True
    [engine] = full.all("google_discovery_engine_search_engine")
    assert any("schema" in name for name in engine.body["depends_on"])


def test_an_alert_leads_to_a_section_of_the_runbook(deployments: Mapping[str, Deployment]) -> None:
    headings = {
        line.lstrip("#").strip().lower().replace(" ", "-")
        for line in (Path(__file__).parents[2] / "docs" / "operate.md").read_text().splitlines()
        if line.startswith("#")
    }
    for policy in deployments["prod"].all("google_monitoring_alert_policy"):
        (link,) = policy["documentation"]["links"]
        assert link["url"].partition("#")[2] in headings, policy["display_name"]
        assert policy["notification_channels"], policy["display_name"]


def test_there_is_an_environment_for_each_name() -> None:
    assert {name: env.name for name, env in ENVIRONMENTS.items()} == {"dev": "dev", "staging": "staging", "prod": "prod"}
    assert len({env.project for env in ENVIRONMENTS.values()}) == len(ENVIRONMENTS)

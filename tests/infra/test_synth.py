"""What comes out: the same every time, as the inventories say, and different between environments only where their configs are."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.config import Environment
from scenesearch.backends.vertexai_search.schema import LARGEST_DIMENSION, schema
from tests.infra.conftest import Workshop, workshop
from tests.infra.deployment import Deployment
from tests.infra.environments import DEV, ENVIRONMENTS, PROD, STAGING

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
    from_the_code = inventory["counted_from_the_code"]  # and grants by test_grants
    assert {kind: n for kind, n in counts.items() if kind not in from_the_code and "_iam_member" not in kind} == inventory["counts"]
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


def neutral(folder: Path, env: Environment) -> str:
    """A stack's file, with the environment's own name and project taken out."""
    text = (folder / "cdk.tf.json").read_text()
    text = re.sub(r'(?<="body": ")[\w+/=]+(?=")', lambda encoded: base64.b64decode(encoded[0]).decode(), text)
    text = re.sub(rf"\b{env.project}\b", "PROJECT", text)
    return re.sub(rf"(?<![\w.]){env.name}\b", "NAME", text)  # the `dev` of `pkg.dev` is a domain


@pytest.mark.parametrize("other", [STAGING, PROD], ids=lambda env: env.name)
def test_environments_differ_only_in_what_their_config_says(other: Environment, shop: Workshop) -> None:
    """With the other's config and its own name, an environment is the other: nothing looks at which environment it is."""
    config = {field.name: getattr(other, field.name) for field in dataclasses.fields(Environment)}
    ours = dataclasses.replace(DEV, **config | {"name": DEV.name, "project": DEV.project})
    for here, there in zip(shop.synth(ours).values(), shop.synth(other).values(), strict=True):
        assert neutral(here, ours) == neutral(there, other)
        assert len(neutral(here, ours)) > 10_000


def test_what_environments_say_differently_is_seen(shop: Workshop) -> None:
    """So the test above can fail: one number more, and the neutral texts differ."""
    more = dataclasses.replace(PROD, daily_hours=PROD.daily_hours + 1)
    there = neutral(shop.synth(PROD)["functions"], PROD)
    assert neutral(shop.synth(more)["functions"], more) != there


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

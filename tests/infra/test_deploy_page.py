"""docs/deploy.md says what is so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from infra.archives import ROOT
from infra.stacks.data import APIS
from tests.infra.conftest import Workshop
from tests.infra.deployment import Deployment
from tests.infra.environments import DEV
from tests.infra.test_synth import name_of

PAGE = (ROOT / "docs" / "deploy.md").read_text()
TABLE = PAGE[PAGE.index("## Every resource") :]


def test_every_api_is_enabled_before_anything_needs_it() -> None:
    assert set(re.findall(r"(?<!\$)\b(\w+)\.googleapis\.com", PAGE[: PAGE.index("## 3.")])) == set(APIS)


def test_every_kind_of_resource_is_in_the_table_under_its_stack(shop: Workshop, deployments: Mapping[str, Deployment]) -> None:
    full = shop.deployment(replace(DEV, name="full", vertex_ai_search=True, secret_settings=("vlm_key",)))
    said = {(row[0], kind) for row in re.findall(r"^\| (\w+) \| (.+?) \|", TABLE, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row[1])}
    said = {(stack, kind) for where, kind in said for stack in (("data", "functions") if where == "both" else (where,))}
    there = {(stack, kind) for stack in ("data", "functions") for kind in full.counts(stack)}
    assert there == said


def test_every_name_is_in_the_table(deployments: Mapping[str, Deployment]) -> None:
    listed = {"google_pubsub_topic", "google_pubsub_subscription", "google_storage_bucket", "google_cloudfunctions2_function"}
    listed |= {"google_cloud_run_v2_service", "google_logging_metric", "google_cloudbuild_trigger", "google_project_iam_custom_role"}
    for kind in listed:
        for resource in deployments["dev"].all(kind):
            name = name_of(resource.body).replace(DEV.project, "PROJECT").replace(f"-{DEV.name}", "-ENV")
            assert f"`{name}`" in TABLE, f"{kind} {name}"


def test_the_counts_in_the_table_are_right(deployments: Mapping[str, Deployment]) -> None:
    assert len(list(deployments["dev"].all("google_monitoring_alert_policy"))) == 8
    assert len(list(deployments["dev"].all("google_service_account"))) == 15

"""What outside checkers say: of the synthesised Terraform, and of the build file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from infra.archives import ROOT
from infra.config import HTTP_FUNCTIONS
from infra.images import images
from tests.infra.conftest import Workshop
from tests.infra.environments import DEV, ENVIRONMENTS

BIN = Path(sys.executable).parent
POLICY = ROOT / "infra" / "checkov.yaml"
BUILD, APPLY = ROOT / "cloudbuild.yaml", ROOT / "cloudbuild.apply.yaml"


def steps(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text())["steps"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("env", ENVIRONMENTS.values(), ids=lambda env: env.name)
def test_checkov_finds_nothing(env: object, shop: Workshop) -> None:
    folders = shop.synth(env)  # type: ignore[arg-type]
    below = next(iter(folders.values())).parent
    ran = subprocess.run(
        [BIN / "checkov", "--config-file", POLICY, "--directory", below, "--output", "json"], capture_output=True, text=True, check=False
    )
    summary = json.loads(ran.stdout)["summary"]
    assert ran.returncode == 0, ran.stdout
    assert summary["failed"] == summary["parsing_errors"] == 0
    assert summary["passed"] > 200


def test_checkov_skips_nothing_without_a_reason_beside_it() -> None:
    lines = POLICY.read_text().splitlines()
    skips = [number for number, line in enumerate(lines) if line.strip().startswith("- CKV")]
    assert {line.strip().removeprefix("- ").partition(" ")[0] for line in lines if line.strip().startswith("- CKV")} == set(
        yaml.safe_load(POLICY.read_text())["skip-check"]
    )
    for number in skips:
        above = next(line for line in reversed(lines[:number]) if not line.strip().startswith("- CKV"))
        assert above.strip().startswith("#"), lines[number]


def test_the_build_files_fit_their_public_schema() -> None:
    ran = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.cloudbuild", BUILD, APPLY], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_every_query_of_alerts_and_charts_is_promql_and_says_whose_logs_it_counts(shop: Workshop) -> None:
    made = shop.deployment(DEV)
    conditions = [condition for policy in made.all("google_monitoring_alert_policy") for condition in policy["conditions"]]
    queries = [condition["condition_prometheus_query_language"]["query"] for condition in conditions]
    (page,) = made.all("google_monitoring_dashboard")
    charts = [tile["widget"]["xyChart"]["dataSets"] for tile in json.loads(page["dashboard_json"])["mosaicLayout"]["tiles"]]
    queries += [series["timeSeriesQuery"]["prometheusQuery"] for chart in charts for series in chart]
    assert len(queries) == 19
    for query in queries:
        promql_parser.parse(query)
        assert "user_" not in query or 'monitored_resource="cloud_run_revision"' in query
    with pytest.raises(ValueError, match="unexpected"):
        promql_parser.parse(queries[0] + ")")


def test_a_build_checks_both_files_and_installs_what_the_tests_need_as_ci_does() -> None:
    script = {step["id"]: step["script"] for step in steps(BUILD)}
    assert f"vendor.cloudbuild {BUILD.name} {APPLY.name}" in script["policy"]
    assert script["test"].index("bash .ci/packages") < script["test"].index("make test")


def test_both_builds_go_through_every_step_in_order() -> None:
    assert [step["id"] for step in steps(BUILD)] == ["check", "test", "build", "synth", "policy", "plan", "keep-plan"]
    assert [step["id"] for step in steps(APPLY)] == ["fetch-plan", "apply-data", "images", "apply-functions", "smoke"]


def test_both_stacks_are_validated_with_their_provider_before_they_are_planned() -> None:
    (plan,) = (step["script"] for step in steps(BUILD) if step["id"] == "plan")
    assert "set -eu" in plan
    (loop,) = re.findall(r"for stack in data functions; do\n(.+?)\ndone", plan, re.DOTALL)
    assert re.findall(r"^ *terraform (\w+)", loop, re.MULTILINE) == ["init", "validate", "plan", "show"]


def test_people_approve_a_plan_that_they_can_read(shop: Workshop) -> None:
    """Cloud Build asks before a build starts: so the plan is made by another build of the same tag."""
    triggers = shop.deployment(DEV).named("google_cloudbuild_trigger")
    plan, apply = triggers["plan-dev"], triggers["apply-dev"]
    assert plan["github"] == apply["github"]
    assert (plan["filename"], apply["filename"]) == (BUILD.name, APPLY.name)
    assert apply["approval_config"]["approval_required"] is True
    assert "approval_config" not in plan.body


def test_a_pull_request_changes_nothing_and_plants_no_plan(shop: Workshop) -> None:
    made = shop.deployment(DEV)
    check = made.named("google_cloudbuild_trigger")["check-pull-request"]
    checker = check["service_account"].rpartition("/")[2]
    granted = {grant["role"] for grant in made.all() if grant.body.get("member") == f"serviceAccount:{checker}"}
    assert {role for role in granted if re.search(r"[Aa]dmin|[Ee]ditor|[Cc]reator|objectUser|developer|[Dd]eployer", role)} == set()
    assert not [step for step in steps(BUILD) if re.search(r"terraform apply|docker push|infra\.smoke", step["script"])]


def test_docker_speaks_the_version_of_cloud_builds_daemon() -> None:
    docker = [step for file in (BUILD, APPLY) for step in steps(file) if step["name"].endswith("/docker")]
    assert [step["env"] for step in docker] == [["DOCKER_API_VERSION=1.41"]]


def test_the_stacks_are_where_the_build_looks_for_them(shop: Workshop) -> None:
    for name, folder in shop.synth(DEV).items():
        assert folder.relative_to(shop.folder).as_posix() == f"infra/dev/stacks/dev-{name}"
        assert "build/infra/$_ENV/stacks/$_ENV-$stack" in BUILD.read_text()
        assert f"build/infra/$_ENV/stacks/$_ENV-{name}" in APPLY.read_text()
        assert (folder / "cdk.tf.json").exists()


def test_there_is_an_image_of_every_http_function_at_the_version_that_is_deployed(shop: Workshop) -> None:
    deployed = {s["template"]["containers"][0]["image"] for s in shop.deployment(DEV).all("google_cloud_run_v2_service")}
    made = list(images(DEV, shop.archives))
    assert {image for image, *_ in made} == deployed
    assert [(folder, target) for _, folder, target, *_ in made] == [(f"build/functions/{f.value}", f.entry_point) for f in HTTP_FUNCTIONS]
    assert {python for *_, python in made} == {"3.11.x"}

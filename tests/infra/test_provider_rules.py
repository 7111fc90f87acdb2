"""Whatever the provider and Google's APIs would refuse is refused here, before anybody has an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.config import Environment
from tests.infra.conftest import Workshop
from tests.infra.deployment import Deployment
from tests.infra.environments import DEV, ENVIRONMENTS, PROD
from tests.infra.provider_rules import LABEL_KEY, LABEL_VALUE, RULES, UNIQUE, documented, enumerations, has_source, values

EVERYTHING = replace(PROD, name="everything", vertex_ai_search=True, secret_settings=("vlm_key",), public_search=True)
"""All that a config may ask for."""


@pytest.fixture(scope="module", params=[*ENVIRONMENTS.values(), EVERYTHING], ids=lambda env: env.name)
def made(request: pytest.FixtureRequest, shop: Workshop, deployments: Mapping[str, Deployment]) -> Deployment:
    env: Environment = request.param
    return deployments[env.name] if env.name in deployments else shop.deployment(env)


def faults(made: Deployment) -> Iterator[str]:
    """What would be refused, and by which rule."""
    for resource in made.all():
        for rule in (rule for rule in RULES if rule.kind == resource.kind):
            found = list(values(resource.body, rule.at))
            if rule.required and not found:
                yield f"{resource.kind} {resource.key} lacks {rule.at} ({rule.says}; {rule.source})"
            for value in found:
                if not rule.check(value):
                    yield f"{resource.kind} {rule.at} {value!r}: {rule.says} ({rule.source})"
        for fault in documented(resource.body, enumerations(resource.kind)):
            yield f"{resource.kind} {resource.key} {fault} (the provider's documentation)"


def test_nothing_would_be_refused(made: Deployment) -> None:
    assert list(faults(made)) == []


def test_every_kind_of_resource_is_in_the_table_and_nothing_else_is(made: Deployment, shop: Workshop) -> None:
    kinds = {resource.kind for resource in made.all()}
    known = {rule.kind for rule in RULES}
    assert kinds <= known, "say what the provider and the API refuse of it, and where you read that"
    if "google_discovery_engine_data_store" in kinds:
        assert kinds == known


def test_every_row_names_its_source() -> None:
    assert [(rule.kind, rule.at, rule.source) for rule in RULES if not has_source(rule)] == []


@pytest.mark.parametrize("source", ["", "8.7", "I remember it", "8.7 no_such_attribute", "the provider's documentation"])
def test_what_is_no_source_is_noticed(source: str) -> None:
    assert not has_source(replace(RULES[0], source=source))


def test_no_name_is_taken_twice(made: Deployment) -> None:
    for kind, names in UNIQUE.items():
        taken = [tuple(resource[name] for name in names) for resource in made.all(kind)]
        assert len(taken) == len(set(taken)), kind
    services = [r["name"] for kind in ("google_cloudfunctions2_function", "google_cloud_run_v2_service") for r in made.all(kind)]
    assert len(services) == len(set(services)), "a function is a Cloud Run service of the same name"


def test_labels_are_such_as_google_takes(made: Deployment) -> None:
    for stack in made.stacks.values():
        (provider,) = stack["provider"]["google"]
        for key, value in provider["default_labels"].items():
            assert LABEL_KEY(key), key
            assert LABEL_VALUE(value), value


def test_requests_of_a_persons_credentials_are_counted_on_the_project(made: Deployment) -> None:
    """Else budgets and data stores refuse them (docs of the provider: user_project_override)."""
    for stack in made.stacks.values():
        (provider,) = stack["provider"]["google"]
        assert (provider["user_project_override"], provider["billing_project"]) == (True, made.project)


@pytest.mark.parametrize(
    ("kind", "at", "wrong"),
    [
        ("google_service_account", "account_id", "split"),  # three real ones, which this table came too late for
        ("google_service_account", "account_id", "push"),
        ("google_service_account", "account_id", "timer"),
        ("google_service_account", "account_id", "fn-" + "a" * 28),
        ("google_storage_bucket", "name", "my-google-videos"),
        ("google_pubsub_subscription", "filter", "x" * 257),
        ("google_monitoring_alert_policy", "combiner", "XOR"),
        ("google_billing_budget", "billing_account", "my account"),
        ("google_cloudfunctions2_function", "name", "f" * 50),
    ],
)
def test_a_value_that_would_be_refused_is_noticed(kind: str, at: str, wrong: Any, shop: Workshop) -> None:
    made = Deployment(shop.synth(DEV), DEV.project)
    resource = next(made.all(kind))
    resource.body[at] = wrong  # type: ignore[index]
    assert any(kind in fault for fault in faults(made))


@pytest.mark.parametrize(
    ("memory", "cpu", "taken"),
    [
        (4096, 1, True),
        (4097, 1, False),
        (8192, 2, True),
        (8193, 2, False),
        (16_384, 4, True),
        (16_385, 4, False),
        (2047, 4, False),
        (256, 1, False),
        (1024, 3, False),
    ],
)
def test_memory_must_fit_the_cpus_of_functions_and_services_alike(memory: int, cpu: int, taken: bool, shop: Workshop) -> None:
    made = Deployment(shop.synth(DEV), DEV.project)
    function = next(made.all("google_cloudfunctions2_function"))
    function["service_config"].update(available_memory=f"{memory}Mi", available_cpu=str(cpu))
    (container,) = next(made.all("google_cloud_run_v2_service"))["template"]["containers"]
    container["resources"]["limits"].update(memory=f"{memory}Mi", cpu=str(cpu))
    faulty = {fault.partition(" ")[0] for fault in faults(made) if "CPUs" in fault}
    assert faulty == (set() if taken else {function.kind, "google_cloud_run_v2_service"})

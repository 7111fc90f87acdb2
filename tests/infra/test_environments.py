"""What is wrong with an environment's file is said in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.environments import FOLDER, NAMES, load
from infra.main import main
from scenesearch.errors import ConfigurationError
from tests.infra.conftest import Workshop
from tests.infra.test_provider_rules import faults

SOUND = (FOLDER / "dev.toml").read_text()


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ("daily_hours", "daily_hour", "daily_hour is no key of an environment; is it daily_hours?"),
        ("pull_requests", "pullrequests", "source.pullrequests is no key of an environment; is it pull_requests?"),
        ("trace_ratio", "colour", "colour is no key of an environment: infra/config.py lists them"),
        ("budget_units", "# budget_units", "budget_units is missing"),
        ('"scenesearch-dev"', '"My Project"', "project = 'My Project': a project id is 6 to 30 lower-case letters"),
        ('"scenesearch-dev"', '"video"', "project = 'video': a project id is 6 to 30"),
        ('"scenesearch-dev"', '"123456789012"', "project = '123456789012': a project id is"),
        ('"scenesearch-dev"', '"scenesearch-"', "project = 'scenesearch-': a project id is"),
        ('"000000-000000-000000"', '"my billing"', "a billing account looks like"),
        ("trace_ratio", 'region = "Belgium"\ntrace_ratio', "region = 'Belgium': a region looks like europe-west1"),
        ("daily_hours = 2", 'daily_hours = "two"', "daily_hours = 'two': input should be a valid number"),
        ('"scenesearch-dev"', '"my-google-videos"', "has no google in it"),
        ('page_users = ["group:', 'page_users = ["', "page_users = 'scenesearch-developers@example.com': somebody is named like user:"),
        ('approvers = ["group:', 'approvers = ["team:', "approvers = 'team:"),
        ("alert_emails = [", 'alert_emails = ["1@a.eu", "2@a.eu", "3@a.eu", "4@a.eu", "5@a.eu", ', "a budget tells 5 at most"),
        ("trace_ratio", 'secret_settings = ["no_such"]\ntrace_ratio', "a secret is a setting of scenesearch"),
        (
            "trace_ratio",
            'price = "flex"\nmodels = { location = "eu" }\ntrace_ratio',
            "price = 'flex', models.location = 'eu': flex is offered",
        ),
        ("trace_ratio", 'price = "cheap"\ntrace_ratio', "price = 'cheap': input should be 'standard', 'flex' or 'batch'"),
        ("daily_hours = 2", "daily_hours 2", "this is no TOML file that can be read"),
    ],
)
def test_a_fault_in_a_file_is_one_line_that_names_the_file_and_the_key(tmp_path: Path, changed: str, to: str, said: str) -> None:
    file = tmp_path / "dev.toml"
    file.write_text(SOUND.replace(changed, to, 1))
    with pytest.raises(ConfigurationError) as raised:
        load(file)
    line = str(raised.value)
    assert line.startswith(f"{file}: ")
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "project"),
    [("ab", "abcdef"), ("a-name-of-20-letters", "a" + "1" * 29), ("e2e", "p-" + "x-" * 13 + "xy")],
    ids=["shortest", "longest", "hyphens"],
)
def test_whatever_names_are_accepted_make_names_that_google_takes(name: str, project: str, tmp_path: Path, shop: Workshop) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text(re.sub(r"alert_emails = .*", "alert_emails = []", SOUND.replace('scenesearch-dev"', f'{project}"', 1)))
    env = load(file)
    assert (env.name, env.project) == (name, project)
    assert list(faults(shop.deployment(env))) == []


@pytest.mark.parametrize(
    ("price", "location"), [("standard", "eu"), ("batch", "eu"), ("batch", "global"), ("flex", "global")], ids=lambda said: said
)
def test_a_price_that_its_endpoint_offers_is_taken(price: str, location: str, tmp_path: Path) -> None:
    file = tmp_path / "dev.toml"
    file.write_text(f'price = "{price}"\nmodels = {{ location = "{location}" }}\n{SOUND}')
    assert (load(file).price, load(file).models.location) == (price, location)


@pytest.mark.parametrize("name", ["a", "Dev", "dev_1", "an-environment-of-more-letters"])
def test_a_name_of_which_google_would_make_nothing_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text(SOUND)
    with pytest.raises(ConfigurationError, match="2 to 20 lower-case letters"):
        load(file)


def test_limits_are_capped_and_warmed_by_a_word_each() -> None:
    dev, prod = (load(FOLDER / f"{name}.toml") for name in ("dev", "prod"))
    assert {limits.max_instances for limits in dev.limits.values()} == {1, 2}
    assert [function for function, limits in prod.limits.items() if limits.min_instances] == ["search", "library"]


def test_an_unknown_environment_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["production"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err == f"say which environment: one of {', '.join(NAMES)}\n"

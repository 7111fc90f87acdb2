"""What is wrong with an environment's file is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.environments import FOLDER, NAMES, load
from infra.main import main
from scenesearch.errors import ConfigurationError

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


def test_limits_are_capped_and_warmed_by_a_word_each() -> None:
    dev, prod = (load(FOLDER / f"{name}.toml") for name in ("dev", "prod"))
    assert {limits.max_instances for limits in dev.limits.values()} == {1, 2}
    assert [function for function, limits in prod.limits.items() if limits.min_instances] == ["search", "library"]


def test_an_unknown_environment_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["production"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err == f"say which environment: one of {', '.join(NAMES)}\n"

"""What the emulated cloud needs of a machine: whatever is not there is named, with the command that brings it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scenesearch.config import Models, Settings
from scenesearch.doctor import examine
from scenesearch.emulator import needs
from scenesearch.emulator.cloud import EmulatedCloud, Options
from scenesearch.emulator.needs import check, missing, models_lack
from scenesearch.emulator.services import Services
from scenesearch.errors import ConfigurationError

ALL = {"core": "2026.11.03", "beta": "2026.11.03", "pubsub-emulator": "0.8.20", "cloud-firestore-emulator": "1.19.9"}

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a program on a PATH that holds nothing else but a shell."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(needs, "storage_program", lambda: Path("/there"))

    def put(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    return put


def says(components: dict[str, str]) -> str:
    return f"echo '{json.dumps(components)}'"


def test_nothing_is_missing_where_all_is_there(install: Install) -> None:
    install("java", "")
    install("gcloud", says(ALL))
    assert missing() == []


def test_without_the_cli_and_java_both_are_named(install: Install) -> None:
    cli, java = missing()
    assert "gcloud components install beta pubsub-emulator cloud-firestore-emulator" in str(cli)
    assert "apt-get install default-jre-headless" in str(java)


@pytest.mark.parametrize(
    ("absent", "package"),
    [
        ("cloud-firestore-emulator", "google-cloud-cli-firestore-emulator"),
        ("pubsub-emulator", "google-cloud-cli-pubsub-emulator"),
        ("beta", "google-cloud-cli"),
    ],
)
def test_a_component_that_is_not_installed_is_named_with_its_command(install: Install, absent: str, package: str) -> None:
    install("java", "")
    install("gcloud", says({name: version for name, version in ALL.items() if name != absent}))
    (lack,) = missing()
    assert lack.what == f"{absent} of the Google Cloud CLI"
    assert lack.remedy == f"run: gcloud components install {absent} (where the CLI is a Debian package: apt-get install {package})"


@pytest.mark.parametrize("script", ["exit 1", "echo 'no json'", "echo '[1, 2]'", "echo 3"])
def test_a_cli_that_does_not_work_is_said_not_to(install: Install, script: str) -> None:
    install("java", "")
    install("gcloud", script)
    (lack,) = missing()
    assert "a Google Cloud CLI that works" in lack.what
    assert lack.remedy == "install it again"


def test_the_cli_keeps_nothing_in_the_home_directory(install: Install, tmp_path: Path) -> None:
    install("java", "")
    install("gcloud", f'echo "$CLOUDSDK_CONFIG" > {tmp_path}/kept\n{says(ALL)}')
    missing()
    kept = Path((tmp_path / "kept").read_text().strip())
    assert kept.name == "gcloud"
    assert not kept.parent.exists(), "what it kept is gone again"


def test_packages_of_the_functions_are_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("java", "")
    install("gcloud", says(ALL))
    monkeypatch.setattr(needs, "is_installed", lambda module: module != "functions_framework")
    (lack,) = missing()
    assert "functions_framework" in lack.what
    assert "requirements/cloud.txt" in lack.remedy


def test_the_doctor_says_the_same_and_needs_none_of_it(install: Install) -> None:
    install("java", "")
    install("gcloud", says({name: version for name, version in ALL.items() if name != "pubsub-emulator"}))
    (finding,) = [finding for finding in examine() if finding.what == "emulators"]
    assert (finding.ok, finding.needed) == (False, False)
    assert "gcloud components install pubsub-emulator" in finding.advice


# models


def vertexai(**settings: str) -> Settings:
    return Settings.model_validate({"models": Models.VERTEXAI, **settings})


def test_local_models_need_no_settings() -> None:
    assert models_lack(Settings()) == []


def test_gemini_needs_a_project_or_a_server_on_this_machine() -> None:
    (lack,) = models_lack(vertexai())
    assert "SCENESEARCH_VERTEXAI_PROJECT" in lack.what
    assert "SCENESEARCH_VERTEXAI_BASE_URL" in lack.remedy
    assert models_lack(vertexai(vertexai_base_url="http://127.0.0.1:9")) == []


def test_an_address_that_cannot_be_asked_is_refused() -> None:
    (lack,) = models_lack(vertexai(vertexai_base_url="http://models.example"))
    assert "http://models.example" in lack.what


def test_googles_own_gemini_needs_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    (lack,) = models_lack(vertexai(vertexai_project="films"))
    assert lack.remedy == "run: gcloud auth application-default login"


def test_everything_that_is_missing_is_said_at_once(install: Install) -> None:
    with pytest.raises(ConfigurationError, match=r"Google Cloud CLI.*; Java.*; what Gemini needs"):
        check(vertexai())


def test_whoever_works_on_the_emulated_cloud_is_told_of_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_VERTEXAI_BASE_URL", "http://127.0.0.1:9")
    assert environment(Models.VERTEXAI)["SCENESEARCH_VERTEXAI_BASE_URL"] == "http://127.0.0.1:9"
    assert "SCENESEARCH_VERTEXAI_BASE_URL" not in environment(Models.LOCAL)


def environment(models: Models) -> dict[str, str]:
    cloud = EmulatedCloud(Options(models=models))
    cloud.services = Services("127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3")
    try:
        return dict(cloud.environment)
    finally:
        cloud.close()

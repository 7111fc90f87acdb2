"""What Terraform itself says of the stacks. Cloud Build asks it for every plan; here it is asked where it is installed (see conftest).

Where the provider cannot be had it reads the stacks and validates nothing: a warning, and `terraform_validate` in the report, say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.infra.conftest import Workshop
from tests.infra.environments import PROD

NO_PROVIDER = "Failed to query available provider packages"


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["data", "functions"])
def test_terraform_reads_the_stack_and_finds_it_valid_where_the_provider_can_be_had(
    stack: str, shop: Workshop, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    folder = tmp_path / stack
    shutil.copytree(shop.synth(PROD)[stack], folder)
    initialised = terraform(folder, "init", "-backend=false", "-input=false")
    if initialised.returncode and NO_PROVIDER in initialised.stdout + initialised.stderr:
        # It has read the blocks of the configuration by then (see below), not what only the provider knows.
        record_property("terraform_validate", f"{stack}: not run, the provider cannot be had here")
        warnings.warn(f"terraform did not validate the stack {stack}: its provider cannot be had here", stacklevel=1)
        return
    assert initialised.returncode == 0, initialised.stderr
    validated = json.loads(terraform(folder, "validate", "-json").stdout)
    assert validated["valid"], validated["diagnostics"]
    record_property("terraform_validate", f"{stack}: valid")


@pytest.mark.slow
def test_a_stack_that_terraform_cannot_read_fails_before_any_provider_is_asked_for(shop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(shop.synth(PROD)["data"], folder)
    file = folder / "cdk.tf.json"
    file.write_text(file.read_text().replace('"resource":', '"resourse":', 1))
    broken = terraform(folder, "init", "-backend=false", "-input=false")
    assert broken.returncode != 0
    assert NO_PROVIDER not in broken.stdout + broken.stderr


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_CLI_ARGS": "-no-color"}
    return subprocess.run(["terraform", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240)

"""A walk through docs/deploy.md, and through both builds, with stand-ins that record every command.

What gcloud makes of the commands is asked of the real gcloud, which can check a command without running it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from infra.archives import ROOT
from infra.config import EVENT_FUNCTIONS, Function
from infra.images import images
from tests.infra.conftest import Workshop
from tests.infra.deployment import Deployment
from tests.infra.environments import DEV
from tests.infra.test_order import raw, texts

DEPLOY = (ROOT / "docs" / "deploy.md").read_text("utf-8")
OPERATE = (ROOT / "docs" / "operate.md").read_text("utf-8")
PLAN, APPLY = (yaml.safe_load((ROOT / name).read_text()) for name in ("cloudbuild.yaml", "cloudbuild.apply.yaml"))
STANDS_IN_FOR = ("gcloud", "terraform", "docker", "make", "bash", "curl", "apt-get", "python", "mypy", "checkov", "check-jsonschema")
LATER = {
    "NEXT": "dev-2",
    "OLDER": "dev-1",
    "MINUTE": "2026-11-25T10:00:00Z",
    "NAME": "a/video.mp4",
    "SECRETS": "vlm_key",
    "vlm_key": "secret",
}
"""What a reader puts in for the variables that the page's first block does not set."""


class Walk:
    """A folder with the repository's `build`, commands that are only recorded, and the buckets that they write to."""

    def __init__(self, folder: Path, shop: Workshop) -> None:
        self.folder, self.shop = folder, shop
        self.bin, self.record = folder / "bin", folder / "record"
        self.bin.mkdir(parents=True)
        self.record.mkdir()
        for name in STANDS_IN_FOR:
            program = self.bin / name
            program.write_text(f"#!{sys.executable}\n" + (Path(__file__).parent / "stand_in.py").read_text())
            program.chmod(0o755)
        (self.record / "images.txt").write_text("".join(" ".join(line) + "\n" for line in images(DEV, shop.archives)))

    def clone(self, name: str, *, built: bool) -> Path:
        """A fresh working copy; `built`: what `make build` and `make synth` leave is there."""
        place = self.folder / name
        (place / ".venv").mkdir(parents=True)
        (place / ".venv" / "bin").symlink_to(self.bin)
        if built:
            self.shop.synth(DEV)
            shutil.copytree(self.shop.folder, place / "build")
        return place

    def run(self, script: str, where: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        paths = {"PATH": f"{self.bin}:{os.environ['PATH']}", "WALK": str(self.record), "HOME": str(self.folder)}
        paths["REPOSITORY"] = str(ROOT)
        shell = script.partition("\n")[0].rpartition("/")[2].split()[-1] if script.startswith("#!") else "bash"
        program = where / "script"
        program.write_text(script)
        return subprocess.run(
            [str(shutil.which(shell)), program],
            cwd=where,
            env={**paths, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.record / "calls.jsonl").read_text().splitlines()]

    def build(self, file: Mapping[str, object], where: Path, **variables: str) -> list[str]:
        """Run the steps of a build as Cloud Build does, up to the first that fails; returns the ids of those that succeeded."""
        done = []
        for step in file["steps"]:  # type: ignore[attr-defined]
            given = {"PROJECT_ID": DEV.project, "_ENV": DEV.name, **variables, **dict(one.split("=", 1) for one in step.get("env", ()))}
            ran = self.run(step["script"].replace("/workspace", str(where)), where, **given)
            self.said = ran.stdout + ran.stderr
            if ran.returncode:
                break
            done.append(step["id"])
        return done


@pytest.fixture
def walk(tmp_path: Path, shop: Workshop) -> Walk:
    return Walk(tmp_path / "walk", shop)


def blocks(page: str) -> list[str]:
    return re.findall(r"```bash\n(.*?)```", page, re.DOTALL)


def inline(page: str) -> Iterator[str]:
    """Commands of gcloud within sentences and other fences."""
    for said in re.findall(r"`(gcloud [^`]+)`", re.sub(r"```bash\n.*?```", "", page, flags=re.DOTALL)):
        yield from said.split(" && ")
    yield from re.findall(r"^(gcloud .+)$", "\n".join(re.findall(r"```\n(.*?)```", page, re.DOTALL)), re.MULTILINE)
    yield from re.findall(r"do (gcloud [^;`]+); done", page)


@pytest.fixture
def walked(walk: Walk) -> list[list[str]]:
    """Every command of the page, in its order, in a clone whose origin is there to be pushed to."""
    clone = walk.clone("clone", built=True)
    git = """
        git init -q --bare ../origin && git init -q . && git remote add origin ../origin
        git add script && git -c user.name=a -c user.email=a@b commit -qm first
        plans="$WALK/$KEPT/plans/$(git rev-parse HEAD)"
        mkdir -p "$plans/b-newest" "$plans/a-older" "$plans/c-older"
        touch -d yesterday "$plans/a-older/plan.tar.gz" "$plans/c-older/plan.tar.gz"
        touch "$plans/b-newest/plan.tar.gz"
    """
    first, *others = blocks(DEPLOY)
    ran = walk.run(
        "set -euo pipefail\n" + git + first + "export SECRETS=vlm_key\n" + "\n".join(others), clone, KEPT=f"{DEV.project}-builds", **LATER
    )
    assert ran.returncode == 0, ran.stderr
    pushed = subprocess.run(["git", "tag"], cwd=walk.folder / "origin", capture_output=True, text=True, check=True).stdout.split()
    assert pushed == ["dev-1", "dev-2"]
    return walk.calls


def place(calls: list[list[str]], *start: str) -> int:
    """Where in the walk a command is first called so."""
    return next(number for number, call in enumerate(calls) if call[: len(start)] == list(start))


def test_every_command_of_the_page_runs_and_each_after_what_it_needs(walked: list[list[str]]) -> None:
    data, functions = (f"-chdir=build/infra/dev/stacks/dev-{stack}" for stack in ("data", "functions"))
    order = [
        place(walked, "gcloud", "projects", "create"),
        place(walked, "gcloud", "billing", "projects", "link"),
        place(walked, "gcloud", "services", "enable"),
        place(walked, "gcloud", "beta", "services", "identity", "create"),
        place(walked, "gcloud", "storage", "buckets", "create"),
        place(walked, "make", "synth", "ENV=dev"),
        place(walked, "terraform", data, "init"),
        place(walked, "terraform", data, "apply"),
        place(walked, "gcloud", "billing", "accounts", "add-iam-policy-binding"),
        place(walked, "gcloud", "secrets", "versions", "add", "vlm_key"),
        place(walked, "gcloud", "builds", "list"),
        place(walked, "gcloud", "storage", "cat"),
        place(walked, "gcloud", "beta", "builds", "approve"),
        place(walked, "curl"),
        place(walked, "terraform", functions, "destroy"),
        place(walked, "gcloud", "billing", "accounts", "remove-iam-policy-binding"),
        place(walked, "terraform", data, "destroy"),
        place(walked, "gcloud", "storage", "rm"),
    ]
    assert order == sorted(order)
    assert ["terraform", functions, "apply"] not in walked, "functions come by an approved plan only"
    after = walked[place(walked, "terraform", data, "destroy") :]
    assert not [call for call in after if "--member=" in str(call)], "a deleted account is no longer found under its name"


def test_of_several_plans_of_a_tag_the_page_shows_the_one_that_would_be_applied(walked: list[list[str]]) -> None:
    (shown,) = (call[-1] for call in walked if call[:3] == ["gcloud", "storage", "cat"])
    assert re.fullmatch(rf"gs://{DEV.project}-builds/plans/[0-9a-f]{{40}}/b-newest/\*\.txt", shown)
    (asked,) = (call for call in walked if call[:4] == ["gcloud", "storage", "objects", "list"])
    (fetch,) = (step["script"] for step in APPLY["steps"] if step["id"] == "fetch-plan")
    assert " ".join(asked[5:-1]) in fetch, "both ask for the newest in the same way"
    assert "applying $plan" in fetch


def test_google_services_that_need_an_account_of_their_own_have_it_before_anything_is_granted_to_it(
    walked: list[list[str]], deployments: Mapping[str, Deployment]
) -> None:
    made = {call[-1].removeprefix("--service=").partition(".")[0] for call in walked if "identity" in call}
    granted = set(re.findall(r"@gcp-sa-(\w+)\.", json.dumps([r.body for d in deployments.values() for r in d.all()])))
    assert granted <= made
    assert "aiplatform" in made, "Vertex AI reads clips from the bucket: without its account the first request fails"


@pytest.mark.slow
def test_gcloud_knows_every_command_of_both_pages_and_builds(walk: Walk, walked: list[list[str]]) -> None:
    if not shutil.which("gcloud"):
        pytest.skip("no gcloud here")
    tag = {"COMMIT_SHA": "c0ffee", "BUILD_ID": "first", "_KEEP": "true"}
    walk.build(PLAN, walk.clone("planning", built=True), **tag)
    walk.build(APPLY, walk.clone("applying", built=False), **tag)
    said = [shlex.join(call) for call in walk.calls if call[0] == "gcloud"]
    said += [command for page in (DEPLOY, OPERATE) for command in inline(page) if len(command.split()) > 3]  # fewer only name a command
    assert len(said) > 45
    file = walk.folder / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in said]))
    ran = subprocess.run(["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={file}"], capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    assert [(one["command_string"], one["error_message"]) for one in json.loads(ran.stdout) if not one["success"]] == []


def test_what_was_planned_is_kept_and_applied_and_nothing_else(walk: Walk) -> None:
    tag = {"COMMIT_SHA": "c0ffee", "_KEEP": "true"}
    planning, applying = walk.clone("planning", built=True), walk.clone("applying", built=False)
    assert walk.build(PLAN, planning, BUILD_ID="first", **tag) == [step["id"] for step in PLAN["steps"]], walk.said
    kept = {path.relative_to(walk.record).as_posix() for path in walk.record.rglob("*") if path.is_file()} - {"calls.jsonl", "images.txt"}
    folder = f"{DEV.project}-builds/plans/c0ffee/first"
    assert kept == {f"{folder}/{name}" for name in ("data.txt", "functions.txt", "plan.tar.gz")}
    before = len(walk.calls)
    assert walk.build(APPLY, applying, BUILD_ID="second", **tag) == [step["id"] for step in APPLY["steps"]], walk.said
    done = [call for call in walk.calls[before:] if call[0] in ("terraform", "docker")]
    assert not [call for call in done if call[1] == "plan"]
    assert [call[-1] for call in done if call[1] == "apply"] == ["plan.tfplan", "plan.tfplan"]
    first_apply, last_apply = (number for number, call in enumerate(done) if call[1] == "apply")
    pushes = [number for number, call in enumerate(done) if call[1] == "push"]
    assert first_apply < min(pushes) <= max(pushes) < last_apply, "data ▸ images ▸ functions"
    pushed = {done[number][2] for number in pushes}
    assert pushed == {
        service["template"]["containers"][0]["image"] for service in walk.shop.deployment(DEV).all("google_cloud_run_v2_service")
    }
    for stack in ("data", "functions"):
        ours, theirs = (place / f"build/infra/dev/stacks/dev-{stack}" for place in (planning, applying))
        assert (ours / "plan.tfplan").read_bytes() == (theirs / "plan.tfplan").read_bytes()
    for archive in walk.shop.archives.values():
        assert (applying / "build" / "functions" / archive.path.name).read_bytes() == archive.path.read_bytes()


def test_a_plan_that_failed_is_not_kept_and_without_a_plan_nothing_is_applied(walk: Walk) -> None:
    tag = {"COMMIT_SHA": "c0ffee", "BUILD_ID": "first", "_KEEP": "true"}
    assert walk.build(PLAN, walk.clone("planning", built=True), FAIL="terraform plan", **tag)[-1] == "policy"
    assert walk.build(APPLY, walk.clone("applying", built=False), **tag) == []
    assert "let plan-dev end for this tag" in walk.said
    assert not [call for call in walk.calls if call[:2] == ["terraform", "apply"]]


def test_when_data_cannot_be_applied_no_image_is_built_and_no_function_changed(walk: Walk) -> None:
    tag = {"COMMIT_SHA": "c0ffee", "BUILD_ID": "first", "_KEEP": "true"}
    walk.build(PLAN, walk.clone("planning", built=True), **tag)
    assert walk.build(APPLY, walk.clone("applying", built=False), FAIL="terraform apply", **tag) == ["fetch-plan"]
    assert not [call for call in walk.calls if call[0] == "docker"]


def test_a_pull_request_keeps_no_plan(walk: Walk) -> None:
    walk.build(PLAN, walk.clone("pull", built=True), COMMIT_SHA="c0ffee", BUILD_ID="pull", _KEEP="false")
    assert not list(walk.record.glob(f"{DEV.project}-builds"))


def test_data_needs_nothing_of_the_functions_and_they_need_data_and_images(deployments: Mapping[str, Deployment]) -> None:
    """The order of a first deployment, read off the graph: what one stack names, the other makes."""
    made = deployments["dev"]
    named = {
        stack: {
            r[key] for r in made.all(stack=stack) for key in ("name", "account_id", "repository_id") if isinstance(r.body.get(key), str)
        }
        for stack in made.stacks
    }

    def needs(stack: str, other: str) -> set[str]:
        """Names of the other stack in this one, but for addresses, which nobody looks up before a message is sent."""
        own = {
            text for (kind, _), body in raw(made, stack) for text in texts(body) if not text.startswith("https://") and "_iam_" not in kind
        }
        words = {word for text in own for word in re.split(r"[/@:]", made.resolved(text, stack))}
        return words & (named[other] - named[stack])

    assert needs("data", "functions") == set()
    accounts = {"builder", "timer-caller", *(function.account for function in Function)}
    assert needs("functions", "data") >= {*accounts, "functions", f"{DEV.project}-archives"}
    functions = dict(raw(made, "functions"))
    events = [body for (kind, _), body in functions.items() if kind == "google_cloudfunctions2_function"]
    assert len(events) == len(EVENT_FUNCTIONS)
    for body in events:
        refers = re.fullmatch(r"\$\{(\w+)\.([\w.-]+)\.name\}", body["build_config"]["source"]["storage_source"]["object"])
        assert refers, "by its name alone Terraform would not upload the archive first"
        assert (refers[1], refers[2]) in functions
        assert refers[1] == "google_storage_bucket_object"
    for service in made.all("google_cloud_run_v2_service"):
        assert service["template"]["containers"][0]["image"].startswith(f"{DEV.registry}/"), (
            "an image, which is built once its registry is there"
        )
    steps = [step["id"] for step in APPLY["steps"]]
    assert steps.index("apply-data") < steps.index("images") < steps.index("apply-functions")

"""Who builds and deploys, from which repository, and when."""

from __future__ import annotations

from cdktn_provider_google.cloudbuild_trigger import (
    CloudbuildTrigger,
    CloudbuildTriggerApprovalConfig,
    CloudbuildTriggerGithub,
    CloudbuildTriggerGithubPullRequest,
    CloudbuildTriggerGithubPush,
)
from constructs import Construct

from infra.config import Environment

FILE = "cloudbuild.yaml"


class Triggers(Construct):
    """A tag deploys; a pull request is tested and planned, by an account that can change nothing."""

    def __init__(self, scope: Construct, env: Environment, *, planner: str, deployer: str) -> None:
        super().__init__(scope, "triggers")
        source = env.source
        CloudbuildTrigger(
            self,
            "deploy",
            name=f"deploy-{env.name}",
            location=env.region,
            service_account=deployer,
            filename=FILE,
            substitutions={"_ENV": env.name, "_APPLY": "true"},
            approval_config=CloudbuildTriggerApprovalConfig(approval_required=source.approval),
            github=CloudbuildTriggerGithub(owner=source.owner, name=source.repository, push=CloudbuildTriggerGithubPush(tag=source.tags)),
        )
        if source.pull_requests:
            CloudbuildTrigger(
                self,
                "check",
                name="check-pull-request",
                location=env.region,
                service_account=planner,
                filename=FILE,
                substitutions={"_ENV": env.name, "_APPLY": "false"},
                github=CloudbuildTriggerGithub(
                    owner=source.owner,
                    name=source.repository,
                    pull_request=CloudbuildTriggerGithubPullRequest(
                        branch="^main$", comment_control="COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
                    ),
                ),
            )

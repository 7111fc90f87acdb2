"""Who plans and who deploys, from which repository, and when."""

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

PLAN, APPLY = "cloudbuild.yaml", "cloudbuild.apply.yaml"


class Triggers(Construct):
    """A tag is tested and planned, and what was planned is applied once somebody approves; a pull request is tested and planned.

    Cloud Build asks for an approval before a build starts. So these are two triggers: one build could show nobody its plan.
    """

    def __init__(self, scope: Construct, env: Environment, *, checker: str, planner: str, deployer: str) -> None:
        super().__init__(scope, "triggers")
        source = env.source
        tag = CloudbuildTriggerGithub(owner=source.owner, name=source.repository, push=CloudbuildTriggerGithubPush(tag=source.tags))
        CloudbuildTrigger(
            self,
            "plan",
            name=f"plan-{env.name}",
            location=env.region,
            service_account=planner,
            filename=PLAN,
            substitutions={"_ENV": env.name, "_KEEP": "true"},
            github=tag,
        )
        CloudbuildTrigger(
            self,
            "apply",
            name=f"apply-{env.name}",
            location=env.region,
            service_account=deployer,
            filename=APPLY,
            substitutions={"_ENV": env.name},
            approval_config=CloudbuildTriggerApprovalConfig(approval_required=True),
            github=tag,
        )
        if source.pull_requests:
            CloudbuildTrigger(
                self,
                "check",
                name="check-pull-request",
                location=env.region,
                service_account=checker,
                filename=PLAN,
                substitutions={"_ENV": env.name, "_KEEP": "false"},
                github=CloudbuildTriggerGithub(
                    owner=source.owner,
                    name=source.repository,
                    pull_request=CloudbuildTriggerGithubPullRequest(
                        branch="^main$", comment_control="COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
                    ),
                ),
            )

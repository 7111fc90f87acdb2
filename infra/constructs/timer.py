"""What happens every few minutes."""

from __future__ import annotations

import base64
import json

from cdktn_provider_google.cloud_scheduler_job import (
    CloudSchedulerJob,
    CloudSchedulerJobHttpTarget,
    CloudSchedulerJobHttpTargetOidcToken,
    CloudSchedulerJobRetryConfig,
)
from constructs import Construct

from infra.config import EVENT_SECONDS, Environment


class Timer(Construct):
    """Calls a function on a schedule, with what looks like a Pub/Sub push of an empty message from the subscription `timer`.

    So the function has one kind of caller and one entry point. Signed as `account` (its address).
    """

    def __init__(self, scope: Construct, env: Environment, *, endpoint: str, account: str) -> None:
        super().__init__(scope, "timer")
        push = {
            "subscription": f"projects/{env.project}/subscriptions/timer",
            "message": {"messageId": "timer", "publishTime": "1970-01-01T00:00:00Z", "data": "", "attributes": {"type": "tick"}},
        }
        CloudSchedulerJob(
            self,
            "job",
            name="tick",
            region=env.region,
            schedule=f"*/{env.tick_minutes} * * * *",
            time_zone="Etc/UTC",
            attempt_deadline=f"{EVENT_SECONDS}s",
            retry_config=CloudSchedulerJobRetryConfig(retry_count=0),  # the next tick is the retry
            http_target=CloudSchedulerJobHttpTarget(
                uri=endpoint,
                http_method="POST",
                headers={"Content-Type": "application/json"},
                body=base64.b64encode(json.dumps(push, sort_keys=True).encode()).decode(),
                oidc_token=CloudSchedulerJobHttpTargetOidcToken(service_account_email=account, audience=endpoint),
            ),
        )

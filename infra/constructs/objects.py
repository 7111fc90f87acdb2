"""Buckets and what they announce."""

from __future__ import annotations

from cdktn_provider_google.data_google_storage_project_service_account import DataGoogleStorageProjectServiceAccount
from cdktn_provider_google.pubsub_topic_iam_member import PubsubTopicIamMember
from cdktn_provider_google.storage_bucket import (
    StorageBucket,
    StorageBucketCors,
    StorageBucketLifecycleRule,
    StorageBucketLifecycleRuleAction,
    StorageBucketLifecycleRuleCondition,
    StorageBucketSoftDeletePolicy,
    StorageBucketVersioning,
)
from cdktn_provider_google.storage_notification import StorageNotification
from constructs import Construct

from infra.config import Environment, Purpose
from scenesearch.messages import Topic

SECONDS_PER_DAY = 86_400

PLAYS = ("GET", "HEAD")
UPLOADS = ("PUT", "DELETE")
"""The pieces of a session that the library opened, and giving it up; the session's own address is the right to do so."""

SHOWN = ("Accept-Ranges", "Content-Length", "Content-Range", "Content-Type", "ETag", "Range")
"""What a page may send with a request (`Content-Range`: which piece this is) and read of an answer (`Range`: how much is there)."""


class Bucket(Construct):
    """A private bucket: no object ACLs, never public, unfinished uploads swept after a week.

    `expire` says which objects go after how many days, by the end or the beginning of their names; `undo_days` for how long a
    deleted object can be had back; `versioned` keeps overwritten objects (never where deletion must be announced: a versioned
    bucket announces an archiving instead). Pages of `origins` may do what `methods` says, with links and sessions that we signed.
    """

    def __init__(
        self,
        scope: Construct,
        purpose: Purpose,
        env: Environment,
        *,
        expire: tuple[tuple[StorageBucketLifecycleRuleCondition, str], ...] = (),
        undo_days: int = 0,
        versioned: bool = False,
        origins: tuple[str, ...] = (),
        methods: tuple[str, ...] = PLAYS,
    ) -> None:
        super().__init__(scope, purpose)
        rules = [(StorageBucketLifecycleRuleCondition(age=7), "AbortIncompleteMultipartUpload"), *expire]
        self.bucket = StorageBucket(
            self,
            "bucket",
            name=env.bucket(purpose),
            location=env.region,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            force_destroy=not env.protect_data,
            versioning=StorageBucketVersioning(enabled=versioned),
            soft_delete_policy=StorageBucketSoftDeletePolicy(retention_duration_seconds=undo_days * SECONDS_PER_DAY),
            lifecycle_rule=[
                StorageBucketLifecycleRule(action=StorageBucketLifecycleRuleAction(type=action), condition=condition)
                for condition, action in rules
            ],
            cors=[
                StorageBucketCors(
                    origin=list(origins),
                    method=list(methods),
                    response_header=list(SHOWN),
                    max_age_seconds=3600,
                )
            ]
            if origins
            else None,
        )


class Announcements(Construct):
    """Tells a topic of every object that is written to, or gone from, a bucket; with `prefix`, of those written below it only."""

    def __init__(self, scope: Construct, bucket: Bucket, topic: Topic, topic_id: str, *, prefix: str | None = None) -> None:
        super().__init__(scope, f"announce-{topic.value}")
        agent = DataGoogleStorageProjectServiceAccount(self, "agent")
        may_publish = PubsubTopicIamMember(
            self, "may-publish", topic=topic_id, role="roles/pubsub.publisher", member=f"serviceAccount:{agent.email_address}"
        )
        StorageNotification(
            self,
            "notification",
            bucket=bucket.bucket.name,
            topic=topic_id,
            payload_format="JSON_API_V1",
            event_types=["OBJECT_FINALIZE"] if prefix else ["OBJECT_FINALIZE", "OBJECT_DELETE"],
            object_name_prefix=prefix,
            depends_on=[may_publish],
        )

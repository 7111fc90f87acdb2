"""A topic with everything that listens to it."""

from __future__ import annotations

from dataclasses import dataclass

from cdktn_provider_google.pubsub_subscription import (
    PubsubSubscription,
    PubsubSubscriptionDeadLetterPolicy,
    PubsubSubscriptionExpirationPolicy,
    PubsubSubscriptionPushConfig,
    PubsubSubscriptionPushConfigOidcToken,
    PubsubSubscriptionRetryPolicy,
)
from cdktn_provider_google.pubsub_subscription_iam_member import PubsubSubscriptionIamMember
from cdktn_provider_google.pubsub_topic import PubsubTopic, PubsubTopicMessageStoragePolicy
from cdktn_provider_google.pubsub_topic_iam_member import PubsubTopicIamMember
from constructs import Construct

from infra.config import Environment
from scenesearch.messages import Subscription, Topic


@dataclass(frozen=True, kw_only=True)
class Push:
    """Where a subscription delivers, and as whom it signs: the token's audience is the endpoint."""

    endpoint: str
    account: str
    filter: str = ""


class Pipe(Construct):
    """A topic, its push subscriptions with backoff and dead letters, and the grants that Pub/Sub itself needs for those.

    Without `dead_letters` the chain of dead letters ends here: such a pipe keeps its messages longest. A topic that nobody of
    ours hears (`outside`) gets a subscription to pull from, since a topic without one forgets at once.
    """

    def __init__(
        self,
        scope: Construct,
        topic: Topic,
        env: Environment,
        *,
        agent: str,
        dead_letters: Pipe | None,
        listeners: dict[Subscription, Push],
        outside: str = "",
    ) -> None:
        super().__init__(scope, f"pipe-{topic.value}")
        self._env, self._agent, self._dead_letters = env, agent, dead_letters
        self.topic = PubsubTopic(
            self,
            "topic",
            name=topic.value,
            message_storage_policy=PubsubTopicMessageStoragePolicy(allowed_persistence_regions=[env.region]),
        )
        for subscription, push in listeners.items():
            self._listen(subscription.value, push)
        if outside:
            self._listen(outside, None)

    def accept_dead_letters(self) -> None:
        """Let Pub/Sub itself publish here."""
        PubsubTopicIamMember(self, "agent-publishes", topic=self.topic.id, role="roles/pubsub.publisher", member=self._agent)

    def _listen(self, name: str, push: Push | None) -> None:
        delivery = self._env.delivery
        bury = self._dead_letters if push else None
        subscription = PubsubSubscription(
            self,
            name,
            name=name,
            topic=self.topic.id,
            ack_deadline_seconds=delivery.ack_deadline_s,
            message_retention_duration=f"{delivery.retention_s if bury else delivery.dead_letter_retention_s}s",
            expiration_policy=PubsubSubscriptionExpirationPolicy(ttl=""),
            retry_policy=PubsubSubscriptionRetryPolicy(
                minimum_backoff=f"{delivery.backoff_min_s}s", maximum_backoff=f"{delivery.backoff_max_s}s"
            ),
            filter=push.filter if push and push.filter else None,
            push_config=PubsubSubscriptionPushConfig(
                push_endpoint=push.endpoint,
                oidc_token=PubsubSubscriptionPushConfigOidcToken(service_account_email=push.account, audience=push.endpoint),
            )
            if push
            else None,
            dead_letter_policy=PubsubSubscriptionDeadLetterPolicy(dead_letter_topic=bury.topic.id, max_delivery_attempts=delivery.attempts)
            if bury
            else None,
        )
        if bury:
            PubsubSubscriptionIamMember(
                self, f"{name}-agent-buries", subscription=subscription.name, role="roles/pubsub.subscriber", member=self._agent
            )

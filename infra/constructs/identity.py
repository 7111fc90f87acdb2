"""Service accounts and what they may do. Every grant is on one resource; those on the project say so by their condition."""

from __future__ import annotations

from cdktn_provider_google.project_iam_member import ProjectIamMember, ProjectIamMemberCondition
from cdktn_provider_google.pubsub_topic_iam_member import PubsubTopicIamMember
from cdktn_provider_google.secret_manager_secret_iam_member import SecretManagerSecretIamMember
from cdktn_provider_google.service_account import ServiceAccount
from cdktn_provider_google.service_account_iam_member import ServiceAccountIamMember
from cdktn_provider_google.storage_bucket_iam_member import StorageBucketIamMember
from constructs import Construct

from infra.config import Environment, Purpose
from scenesearch.messages import Topic


class Identity(Construct):
    """One service account. Nobody holds a key of it."""

    def __init__(self, scope: Construct, name: str, env: Environment, description: str) -> None:
        super().__init__(scope, f"account-{name}")
        self._env, self.account_name = env, name
        self.account = ServiceAccount(self, "account", account_id=name, display_name=f"scenesearch {name}", description=description)

    @property
    def email(self) -> str:
        return self.account.email

    @property
    def member(self) -> str:
        return f"serviceAccount:{self.account.email}"

    def may_publish(self, topic: Topic, topic_id: str) -> None:
        PubsubTopicIamMember(self, f"publishes-{topic.value}", topic=topic_id, role="roles/pubsub.publisher", member=self.member)

    def may_on_bucket(self, purpose: Purpose, role: str, *, bucket: str = "") -> None:
        """Grant `role` on the bucket of that purpose; `bucket` refers to it where the same stack makes it."""
        name = f"{role.rpartition('.')[2]}-{purpose}"
        StorageBucketIamMember(self, name, bucket=bucket or self._env.bucket(purpose), role=role, member=self.member)

    def may_on_project(self, role: str, *, when: ProjectIamMemberCondition | None = None, label: str = "") -> None:
        """Grant `role` on the project: only for what has no resource of its own to bind to, or under a condition.

        A `role` that is a reference needs a `label`.
        """
        name = label or role.rpartition("/")[2].replace(".", "-")
        ProjectIamMember(self, name, project=self._env.project, role=role, member=self.member, condition=when)

    def may_use_database(self, database_id: str) -> None:
        """Read and write documents of this database (`projects/…/databases/…`) and no other."""
        when = ProjectIamMemberCondition(title="this database", expression=f'resource.name == "{database_id}"')
        self.may_on_project("roles/datastore.user", when=when)

    def may_sign_as_itself(self) -> None:
        """Sign URLs without a key: the account may ask for signatures of its own."""
        self.grant_on_itself(self.member, "roles/iam.serviceAccountTokenCreator", "signs")

    def may_be_deployed_by(self, email: str) -> None:
        """Let another account start things that run as this one."""
        self.grant_on_itself(f"serviceAccount:{email}", "roles/iam.serviceAccountUser", "deployed")

    def grant_on_itself(self, member: str, role: str, label: str) -> ServiceAccountIamMember:
        """Let somebody else use this account."""
        return ServiceAccountIamMember(self, label, service_account_id=self.account.name, role=role, member=member)

    def may_read_secret(self, name: str, secret_id: str) -> None:
        role = "roles/secretmanager.secretAccessor"
        SecretManagerSecretIamMember(self, f"reads-{name}", secret_id=secret_id, role=role, member=self.member)

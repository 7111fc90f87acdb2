"""What is kept: buckets, database, topics and what waits in them, secrets, every account and what it may do."""

from __future__ import annotations

import json

from cdktn_provider_google.artifact_registry_repository import (
    ArtifactRegistryRepository,
    ArtifactRegistryRepositoryCleanupPolicies,
    ArtifactRegistryRepositoryCleanupPoliciesCondition,
    ArtifactRegistryRepositoryCleanupPoliciesMostRecentVersions,
)
from cdktn_provider_google.discovery_engine_data_store import DiscoveryEngineDataStore
from cdktn_provider_google.discovery_engine_schema import DiscoveryEngineSchema
from cdktn_provider_google.discovery_engine_search_engine import (
    DiscoveryEngineSearchEngine,
    DiscoveryEngineSearchEngineSearchEngineConfig,
)
from cdktn_provider_google.project_service import ProjectService
from cdktn_provider_google.secret_manager_secret import (
    SecretManagerSecret,
    SecretManagerSecretReplication,
    SecretManagerSecretReplicationAuto,
)
from cdktn_provider_google.storage_bucket import StorageBucketLifecycleRuleCondition as When
from cdktn_provider_google.storage_bucket_iam_member import StorageBucketIamMember
from constructs import Construct

from infra.config import REGISTRY, Environment, Function, Purpose, listener
from infra.constructs.database import Database
from infra.constructs.identity import Identity
from infra.constructs.objects import PLAYS, UPLOADS, Announcements, Bucket
from infra.constructs.pipe import Pipe, Push
from infra.stacks.accounts import Resources, function_account
from infra.stacks.builders import BATCH_JOBS, MODELS, builders, own_role
from infra.stacks.names import BATCHES_ROLE, CALLER, DATABASE, MODELS_ROLE, SEARCH_DATA_STORE, TIMER, Stack
from scenesearch.backends.vertexai_search.schema import SCHEMA_ID, schema
from scenesearch.media.codecs import COPYABLE_AUDIO, MP4, WEBM, audio_wrapper
from scenesearch.messages import SUBSCRIPTIONS, Subscription, Topic
from scenesearch.pipeline.batch import BATCHES
from scenesearch.pipeline.recover import PARKED

APIS = (
    "aiplatform",
    "artifactregistry",
    "billingbudgets",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "cloudscheduler",
    "cloudtrace",
    "discoveryengine",
    "firestore",
    "iam",
    "iamcredentials",
    "iap",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "serviceusage",
    "storage",
    "telemetry",
)

CLIP_SUFFIXES = sorted({MP4.suffix, WEBM.suffix, *(audio_wrapper(codec).suffix for codec in COPYABLE_AUDIO)})
"""How the names of clips end; whatever else is derived (metadata text, thumbnails) stays as long as its video."""

FILTERS = {
    Subscription.SPLIT_OBJECTS: 'attributes.eventType = "OBJECT_FINALIZE"',
    Subscription.REMOVE_OBJECTS: 'attributes.eventType = "OBJECT_DELETE"',
}
"""A filter spares calls; the functions check for themselves, since a filter promises nothing about what waits already."""

OUTSIDE = "video-events-outside"
"""Where others read that a video is ready, failed or removed."""


class DataStack(Stack):
    """Everything whose loss would lose work."""

    def __init__(self, scope: Construct, env: Environment) -> None:
        super().__init__(scope, "data", env)
        for api in APIS:
            ProjectService(self, f"api-{api}", service=f"{api}.googleapis.com", disable_on_destroy=False)
        buckets = self._buckets()
        caller = Identity(self, CALLER, env, "signs what Pub/Sub pushes to the functions")
        topics = self._pipes(caller)
        Announcements(self, buckets[Purpose.UPLOADS], Topic.OBJECTS, topics[Topic.OBJECTS].topic.id)
        Announcements(self, buckets[Purpose.WORK], Topic.BATCHES, topics[Topic.BATCHES].topic.id, prefix=BATCHES)
        # Vertex AI reads requests and clips of batch jobs, and writes their answers, as itself.
        StorageBucketIamMember(
            self,
            "vertexai-works",
            bucket=buckets[Purpose.WORK].bucket.name,
            role="roles/storage.objectUser",
            member=self.agent("aiplatform"),
        )
        database = Database(self, DATABASE, env)
        if env.vertex_ai_search:
            self._search_data_store()
        models_role = own_role(self, MODELS_ROLE, "ask models, nothing else of Vertex AI", MODELS).name
        batches_role = own_role(self, BATCHES_ROLE, "batch jobs of models, nothing else of Vertex AI", BATCH_JOBS).name
        ours = (models_role, batches_role)
        deployer = builders(self, env, buckets=buckets, registry=self._registry().name, own_roles=ours).email
        timer = Identity(self, TIMER, env, "signs the calls of the timer")
        for account in (caller, timer):
            account.may_be_deployed_by(deployer)
        resources = Resources(
            buckets={purpose: bucket.bucket.name for purpose, bucket in buckets.items()},
            topics={topic: pipe.topic.id for topic, pipe in topics.items()},
            database=database.database.id,
            models_role=models_role,
            batches_role=batches_role,
            secrets={setting: self._secret(setting) for setting in env.secret_settings},
        )
        for function in Function:
            function_account(self, env, function, resources, deployer=deployer)

    def _secret(self, setting: str) -> str:
        """The secret that holds a setting; people fill it. Returns its id."""
        replication = SecretManagerSecretReplication(auto=SecretManagerSecretReplicationAuto())
        return SecretManagerSecret(self, f"secret-{setting}", secret_id=setting, replication=replication).secret_id

    def _search_data_store(self) -> None:
        """The optional index. Its schema comes first, since fields that it does not know are dropped from documents in silence; and
        without an engine its searches find nothing, also in silence.
        """
        store = DiscoveryEngineDataStore(
            self,
            "moments",
            data_store_id=SEARCH_DATA_STORE,
            display_name="moments",
            location="global",
            industry_vertical="GENERIC",
            content_config="NO_CONTENT",
            solution_types=["SOLUTION_TYPE_SEARCH"],
            skip_default_schema_creation=True,
        )
        fields = DiscoveryEngineSchema(
            self,
            "moments-schema",
            data_store_id=store.data_store_id,
            location=store.location,
            schema_id=SCHEMA_ID,
            json_schema=json.dumps(schema(self.env.models.dimension), sort_keys=True),
        )
        DiscoveryEngineSearchEngine(
            self,
            "moments-engine",
            engine_id=SEARCH_DATA_STORE,
            display_name="moments",
            location=store.location,
            collection_id="default_collection",
            data_store_ids=[store.data_store_id],
            search_engine_config=DiscoveryEngineSearchEngineSearchEngineConfig(search_tier="SEARCH_TIER_STANDARD"),
            depends_on=[fields],
        )

    def _buckets(self) -> dict[Purpose, Bucket]:
        env = self.env
        page = (self.url(Function.LIBRARY),)
        uploads = Bucket(self, Purpose.UPLOADS, env, undo_days=env.keeping.deleted_uploads, origins=page, methods=(*PLAYS, *UPLOADS))
        work = Bucket(
            self,
            Purpose.WORK,
            env,
            expire=(
                (When(age=env.keeping.clips, matches_suffix=CLIP_SUFFIXES), "Delete"),
                (When(age=env.keeping.parked, matches_prefix=[PARKED]), "Delete"),
                (When(age=env.keeping.clips, matches_prefix=[BATCHES]), "Delete"),  # what no round of the timer took away
            ),
            origins=page,
        )
        archives = Bucket(self, Purpose.ARCHIVES, env, undo_days=env.keeping.deleted_uploads)
        builds = Bucket(self, Purpose.BUILDS, env, expire=((When(age=env.keeping.builds), "Delete"),))
        return {Purpose.UPLOADS: uploads, Purpose.WORK: work, Purpose.ARCHIVES: archives, Purpose.BUILDS: builds}

    def _pipes(self, caller: Identity) -> dict[Topic, Pipe]:
        """Every topic with its listeners, as the code's own list says."""
        agent = self.agent("pubsub")
        # Pub/Sub signs as the caller. Projects older than April 2021 need the grant, and nothing says that it will never be needed again.
        caller.grant_on_itself(agent, "roles/iam.serviceAccountTokenCreator", "agent-signs")

        def pipe(topic: Topic, dead_letters: Pipe | None) -> Pipe:
            listeners = {
                subscription: Push(endpoint=self.url(listener(subscription)), account=caller.email, filter=FILTERS.get(subscription, ""))
                for subscription, heard in SUBSCRIPTIONS.items()
                if heard is topic
            }
            return Pipe(
                self,
                topic,
                self.env,
                agent=agent,
                dead_letters=dead_letters,
                listeners=listeners,
                outside=OUTSIDE if topic is Topic.VIDEO_EVENTS else "",
            )

        last = pipe(Topic.DEAD_LETTERS, None)
        last.accept_dead_letters()
        return {topic: last if topic is Topic.DEAD_LETTERS else pipe(topic, last) for topic in Topic}

    def _registry(self) -> ArtifactRegistryRepository:
        policies = (
            ArtifactRegistryRepositoryCleanupPolicies(
                id="keep-recent",
                action="KEEP",
                most_recent_versions=ArtifactRegistryRepositoryCleanupPoliciesMostRecentVersions(keep_count=10),
            ),
            ArtifactRegistryRepositoryCleanupPolicies(
                id="drop-old",
                action="DELETE",
                condition=ArtifactRegistryRepositoryCleanupPoliciesCondition(older_than=f"{self.env.keeping.builds}d"),
            ),
        )
        return ArtifactRegistryRepository(
            self,
            "registry",
            repository_id=REGISTRY,
            location=self.env.region,
            format="DOCKER",
            description="images of the functions",
            cleanup_policies=list(policies),
        )

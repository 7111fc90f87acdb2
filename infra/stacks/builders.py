"""The accounts that build: who checks pull requests, who plans tags, who deploys, who turns archives into images. And roles of our own.

A deployment cannot change what is granted here on the project (there it may hand out `HANDED_OUT`, our two roles and, with Vertex AI
Search, its two, and nothing else), nor a role of our own: a person applies that. Who may use a bucket, a topic, the registry, a service or
an account it can change, since it makes those: whoever may push a deploying tag is trusted with them.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdktn_provider_google.artifact_registry_repository_iam_member import ArtifactRegistryRepositoryIamMember
from cdktn_provider_google.project_iam_custom_role import ProjectIamCustomRole
from cdktn_provider_google.project_iam_member import ProjectIamMember, ProjectIamMemberCondition
from cdktn_provider_google.storage_bucket_iam_member import StorageBucketIamMember

from infra.config import Environment, Purpose
from infra.constructs.builds import Triggers
from infra.constructs.identity import Identity
from infra.constructs.objects import Bucket
from infra.stacks.names import BUILDER, CHECKER, DEPLOYER, PLANNER, SENDS_SPANS, Stack

DATABASE_READ = ("datastore.databases.get", "datastore.databases.getMetadata", "datastore.indexes.get", "datastore.indexes.list")
DATABASE_CHANGE = (
    *DATABASE_READ,
    "datastore.databases.create",
    "datastore.databases.update",
    "datastore.indexes.create",
    "datastore.indexes.delete",
    "datastore.indexes.update",
    "datastore.operations.get",
    "datastore.operations.list",
)
"""Shape of the database without its documents: no predefined role has the one and not the other."""

MODELS = ("aiplatform.endpoints.predict",)
"""`roles/aiplatform.user` has some 300 permissions; asking a model takes one."""

BATCH_JOBS = tuple(f"aiplatform.batchPredictionJobs.{verb}" for verb in ("cancel", "create", "get", "list"))

PLANS = (
    "roles/artifactregistry.reader",
    "roles/cloudbuild.builds.viewer",
    "roles/cloudfunctions.viewer",
    "roles/cloudscheduler.viewer",
    "roles/iam.securityReviewer",
    "roles/logging.viewer",
    "roles/logging.logWriter",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
)
DEPLOYS = (
    "roles/artifactregistry.admin",
    "roles/cloudbuild.builds.editor",
    "roles/cloudfunctions.developer",
    "roles/cloudscheduler.admin",
    "roles/iam.roleViewer",
    "roles/iam.serviceAccountAdmin",
    "roles/iap.admin",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.editor",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
)
HANDED_OUT = (SENDS_SPANS, "roles/datastore.user")
"""The roles on the project that a deployment may give to others, and no more: it cannot make itself an owner."""


def builders(stack: Stack, env: Environment, *, buckets: Mapping[Purpose, Bucket], registry: str, own_roles: tuple[str, ...]) -> Identity:
    """Make the accounts and the triggers that use them; returns the one that deploys."""
    archives, builds = (buckets[purpose].bucket.name for purpose in (Purpose.ARCHIVES, Purpose.BUILDS))
    checker = Identity(stack, CHECKER, env, "tests and plans pull requests; writes nothing, so that none can plant a plan")
    planner = Identity(stack, PLANNER, env, "tests and plans tags; keeps the plans")
    deployer = Identity(stack, DEPLOYER, env, "applies both stacks")
    builder = Identity(stack, BUILDER, env, "turns archives into images")

    for identity, roles in ((checker, PLANS), (planner, PLANS), (deployer, DEPLOYS)):
        for role in roles:
            identity.may_on_project(role)
    for identities, permissions in (((planner, checker), DATABASE_READ), ((deployer,), DATABASE_CHANGE)):
        name = f"scenesearch_{identities[0].account_name}_database"
        shape = own_role(stack, name, "the shape of the database without its documents", permissions)
        for identity in identities:
            identity.may_on_project(shape.name, label=name)
    for reader in (planner, checker):
        reader.may_on_bucket(Purpose.STATE, "roles/storage.objectViewer")
        reader.may_on_bucket(Purpose.ARCHIVES, "roles/storage.objectViewer", bucket=archives)
        if env.vertex_ai_search:
            reader.may_on_project("roles/discoveryengine.viewer")
    if env.vertex_ai_search:
        deployer.may_on_project("roles/discoveryengine.admin")
    if env.secret_settings:
        deployer.may_on_project("roles/secretmanager.admin")
    planner.may_on_bucket(Purpose.BUILDS, "roles/storage.objectCreator", bucket=builds)
    # `gcloud storage cp` looks at its destination first, and lists it where nothing is there.
    planner.may_on_bucket(Purpose.BUILDS, "roles/storage.objectViewer", bucket=builds)

    searching = ("roles/discoveryengine.viewer", "roles/discoveryengine.editor") if env.vertex_ai_search else ()
    handed_out = ", ".join(f"'{role}'" for role in (*HANDED_OUT, *own_roles, *searching))
    deployer.may_on_project(
        "roles/resourcemanager.projectIamAdmin",
        when=ProjectIamMemberCondition(
            title="only what functions need",
            expression=f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{handed_out}])",
        ),
    )

    builder.may_on_project("roles/logging.logWriter")
    builder.may_on_bucket(Purpose.ARCHIVES, "roles/storage.objectViewer", bucket=archives)
    sources = f"projects/_/buckets/gcf-v2-sources-{stack.project_number}-{env.region}"
    builder.may_on_project(
        "roles/storage.objectViewer",
        when=ProjectIamMemberCondition(title="copies of the archives", expression=f'resource.name.startsWith("{sources}")'),
    )
    ArtifactRegistryRepositoryIamMember(
        stack,
        "builder-pushes",
        repository=registry,
        location=env.region,
        role="roles/artifactregistry.writer",
        member=builder.member,
    )
    for starts in (builder, checker, planner, deployer):  # functions are built by the first, triggers run as the others
        starts.may_be_deployed_by(deployer.email)
    # The smoke test calls search with a token of its own making.
    deployer.grant_on_itself(deployer.member, "roles/iam.serviceAccountOpenIdTokenCreator", "names-itself")
    for number, member in enumerate(env.approvers):
        ProjectIamMember(stack, f"approves-{number}", project=env.project, role="roles/cloudbuild.builds.approver", member=member)
        StorageBucketIamMember(stack, f"reads-plans-{number}", bucket=builds, role="roles/storage.objectViewer", member=member)
    Triggers(stack, env, checker=checker.account.name, planner=planner.account.name, deployer=deployer.account.name)
    return deployer


def own_role(stack: Stack, name: str, title: str, permissions: tuple[str, ...]) -> ProjectIamCustomRole:
    """Define a role of our own."""
    return ProjectIamCustomRole(stack, name, role_id=name, title=f"scenesearch: {title}", permissions=sorted(permissions))

"""Both stacks as one graph: whatever refers to something, that something is there and may be used so."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from infra.config import EVENT_FUNCTIONS, EXTRACTORS, Environment, Function, listener
from infra.stacks.accounts import PUBLISHES
from infra.stacks.data import OUTSIDE
from scenesearch.backends.gcp.queries import COMPOSITE_QUERIES, EXPIRIES, UNINDEXED
from scenesearch.config import Settings
from scenesearch.messages import SUBSCRIPTIONS, Subscription, Topic
from scenesearch.pipeline.batch import BATCHES
from scenesearch.pipeline.extract import LEASE_PER_WORK
from tests.infra.deployment import NUMBER, Dangling, Deployment
from tests.infra.published import Place, published_from, publishes, topic_of


def short(account: str) -> str:
    return account.removeprefix("serviceAccount:").partition("@")[0]


def granted(deployment: Deployment, kind: str, attribute: str, role: str) -> set[tuple[str, str]]:
    return {(short(g["member"]), g[attribute]) for g in deployment.all(kind) if g["role"] == role}


def function_behind(endpoint: str, env: Environment) -> str:
    """The function that a Cloud Run address leads to."""
    name, _, rest = (urlsplit(endpoint).hostname or "").partition(f"-{NUMBER}.")
    assert rest == f"{env.region}.run.app"
    return name


def test_every_subscription_of_the_code_is_there_and_no_other(deployment: Deployment) -> None:
    there = {(s["name"], s["topic"]) for s in deployment.all("google_pubsub_subscription")}
    assert there == {(s.value, t.value) for s, t in SUBSCRIPTIONS.items()} | {(OUTSIDE, Topic.VIDEO_EVENTS.value)}


def test_every_topic_of_the_code_is_there_and_somebody_hears_it(deployment: Deployment) -> None:
    topics = set(deployment.named("google_pubsub_topic"))
    assert topics == {topic.value for topic in Topic}
    assert topics == {s["topic"] for s in deployment.all("google_pubsub_subscription")}


def test_every_push_reaches_a_function_that_lets_its_signer_in(deployment: Deployment, env: Environment) -> None:
    functions = deployment.named("google_cloudfunctions2_function")
    may_call = granted(deployment, "google_cloud_run_v2_service_iam_member", "name", "roles/run.invoker")
    for name, subscription in deployment.named("google_pubsub_subscription").items():
        if name == OUTSIDE:
            assert "push_config" not in subscription.body
            continue
        push = subscription["push_config"]
        function = function_behind(push["push_endpoint"], env)
        assert function == listener(Subscription(name)).resource
        assert function in functions
        assert push["oidc_token"]["audience"] == push["push_endpoint"]
        assert (short(push["oidc_token"]["service_account_email"]), function) in may_call


def test_every_event_function_is_called_by_something(deployment: Deployment, env: Environment) -> None:
    pushed = {
        function_behind(s["push_config"]["push_endpoint"], env)
        for s in deployment.all("google_pubsub_subscription")
        if "push_config" in s.body
    }
    assert pushed == {f.resource for f in EVENT_FUNCTIONS} == set(deployment.named("google_cloudfunctions2_function"))


def test_every_accounts_name_in_use_belongs_to_an_account(deployment: Deployment, env: Environment) -> None:
    ours = {a["account_id"] for a in deployment.all("google_service_account")}
    suffix = f"@{env.project}.iam.gserviceaccount.com"
    used = {word for r in deployment.all() for word in words(r.body) if word.endswith(suffix)}
    assert {short(word.rpartition("/")[2]) for word in used} <= ours


def words(value: object) -> list[str]:
    if isinstance(value, dict):
        return [w for v in value.values() for w in words(v)]
    if isinstance(value, list):
        return [w for v in value for w in words(v)]
    return value.replace(",", " ").split() if isinstance(value, str) else []


def test_every_dead_letter_is_buried_where_recover_reads_and_the_agent_may_bury_it(deployment: Deployment) -> None:
    agent = f"service-{NUMBER}"
    buries = granted(deployment, "google_pubsub_subscription_iam_member", "subscription", "roles/pubsub.subscriber")
    publishes = granted(deployment, "google_pubsub_topic_iam_member", "topic", "roles/pubsub.publisher")
    for name, subscription in deployment.named("google_pubsub_subscription").items():
        if SUBSCRIPTIONS.get(name) in (None, Topic.DEAD_LETTERS):  # type: ignore[call-overload]
            assert "dead_letter_policy" not in subscription.body, "the chain of dead letters ends with the ones that recover reads"
            continue
        policy = subscription["dead_letter_policy"]
        assert 20 <= policy["max_delivery_attempts"] <= 100
        assert (agent, policy["dead_letter_topic"]) in publishes
        assert (agent, name) in buries
        assert policy["dead_letter_topic"] in {s["topic"] for s in deployment.all("google_pubsub_subscription")}


def test_every_function_publishes_only_to_topics_that_are_there(deployment: Deployment) -> None:
    publishes = granted(deployment, "google_pubsub_topic_iam_member", "topic", "roles/pubsub.publisher")
    for function, topics in PUBLISHES.items():
        assert {(function.account, topic.value) for topic in topics} <= publishes
    assert {topic for _, topic in publishes} <= set(deployment.named("google_pubsub_topic"))


WORK_OF: Mapping[Function, tuple[Place, ...]] = {
    # where the work of each function begins: as `bootstrap` says, and for the library what its routes import of the pipeline
    Function.SPLIT: (("split", "split"),),
    **dict.fromkeys(EXTRACTORS, (("extract", "extract"),)),
    Function.ASSEMBLE: (("assemble", "assemble"),),
    Function.REMOVE: (("remove", "remove"),),
    Function.RECOVER: (("recover", "recover"), ("tick", "tick"), ("batch", "tend_batches"), ("batch", "output_written")),
    Function.LIBRARY: (("retry", "retry"),),
}


@pytest.mark.parametrize("function", Function)
def test_a_function_may_publish_where_the_code_that_it_runs_does_and_nowhere_else(function: Function) -> None:
    buries = {Topic.DEAD_LETTERS} if function in EVENT_FUNCTIONS else set()
    assert set(PUBLISHES.get(function, ())) == published_from(*WORK_OF.get(function, ())) | buries


def test_every_publish_of_the_pipeline_names_its_topic() -> None:
    assert len(publishes()) > 5
    assert [ast.unparse(call) for call in publishes() if topic_of(call) is None] == []


def test_every_grant_is_on_something_that_is_there(deployment: Deployment, env: Environment) -> None:
    buckets = {*deployment.named("google_storage_bucket"), env.bucket("terraform-state")}
    services = {*deployment.named("google_cloudfunctions2_function"), *deployment.named("google_cloud_run_v2_service")}
    roles = {f"projects/{env.project}/roles/{r['role_id']}" for r in deployment.all("google_project_iam_custom_role")}
    for grant in deployment.all("google_storage_bucket_iam_member"):
        assert grant["bucket"] in buckets
    for grant in deployment.all("google_cloud_run_v2_service_iam_member"):
        assert grant["name"] in services
    for grant in deployment.all("google_project_iam_member"):
        assert grant["role"].startswith("roles/") or grant["role"] in roles


def test_uploads_are_announced_to_split_and_remove(deployment: Deployment, env: Environment) -> None:
    (announcement,) = (one for one in deployment.all("google_storage_notification") if one["topic"] == Topic.OBJECTS)
    assert announcement["bucket"] == env.bucket("uploads")
    assert announcement["topic"] == Topic.OBJECTS
    assert set(announcement["event_types"]) == {"OBJECT_FINALIZE", "OBJECT_DELETE"}
    assert ("agent:storage", "objects") in granted(deployment, "google_pubsub_topic_iam_member", "topic", "roles/pubsub.publisher")
    subscriptions = deployment.named("google_pubsub_subscription")
    assert "OBJECT_FINALIZE" in subscriptions["split-objects"]["filter"]
    assert "OBJECT_DELETE" in subscriptions["remove-objects"]["filter"]


def test_what_batch_jobs_write_is_announced_to_recover_and_vertex_ai_may_write_it(deployment: Deployment, env: Environment) -> None:
    (announcement,) = (one for one in deployment.all("google_storage_notification") if one["topic"] == Topic.BATCHES)
    assert announcement["bucket"] == env.bucket("work")
    assert (announcement["object_name_prefix"], announcement["event_types"]) == (BATCHES, ["OBJECT_FINALIZE"])
    assert ("agent:storage", "batches") in granted(deployment, "google_pubsub_topic_iam_member", "topic", "roles/pubsub.publisher")
    agent = f"serviceAccount:service-{NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    works = [g for g in deployment.all("google_storage_bucket_iam_member") if g["member"] == agent]
    assert [(g["bucket"], g["role"]) for g in works] == [(env.bucket("work"), "roles/storage.objectUser")]


def test_the_timer_calls_recover_as_somebody_it_lets_in(deployment: Deployment, env: Environment) -> None:
    (job,) = deployment.all("google_cloud_scheduler_job")
    target = job["http_target"]
    assert function_behind(target["uri"], env) == Function.RECOVER.resource
    may_call = granted(deployment, "google_cloud_run_v2_service_iam_member", "name", "roles/run.invoker")
    assert (short(target["oidc_token"]["service_account_email"]), Function.RECOVER.resource) in may_call


def test_every_query_of_the_code_has_its_index_and_there_is_no_index_without_a_query(deployment: Deployment, env: Environment) -> None:
    def described(index: dict[str, object]) -> tuple[object, ...]:
        fields = [f for f in index["fields"] if f["field_path"] != "__name__"]  # type: ignore[attr-defined]
        plain = tuple((f["field_path"], f["order"]) for f in fields if "vector_config" not in f)
        vectors = tuple((f["field_path"], f["vector_config"]["dimension"]) for f in fields if "vector_config" in f)
        return index["collection"], index["query_scope"], plain, vectors

    wanted = {
        (
            query.collection,
            "COLLECTION_GROUP" if query.group else "COLLECTION",
            tuple((f.path, "DESCENDING" if f.descending else "ASCENDING") for f in query.fields),
            ((query.vector, env.models.dimension),) if query.vector else (),
        )
        for query in COMPOSITE_QUERIES
    }
    assert {described(dict(i.body)) for i in deployment.all("google_firestore_index")} == wanted
    assert len({query.name for query in COMPOSITE_QUERIES}) == len(COMPOSITE_QUERIES)


def test_fields_that_expire_and_fields_that_nobody_asks_by_are_those_of_the_code(deployment: Deployment) -> None:
    def those(what: str) -> set[tuple[str, str]]:
        return {(f["collection"], f["field"]) for f in deployment.all("google_firestore_field") if what in f.body}

    assert those("ttl_config") == {(e.collection, e.field) for e in EXPIRIES}
    assert those("index_config") == {(u.collection, u.field) for u in UNINDEXED}
    assert {tuple(f["index_config"]) for f in deployment.all("google_firestore_field") if "index_config" in f.body} == {()}
    asked = {(query.collection, field.path) for query in COMPOSITE_QUERIES for field in query.fields}
    assert asked & those("index_config") == set()


def test_every_setting_of_a_function_is_one_that_the_code_reads_and_accepts(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = [f["service_config"]["environment_variables"] for f in deployment.all("google_cloudfunctions2_function")]
    services = deployment.all("google_cloud_run_v2_service")
    environments += [{e["name"]: e["value"] for e in service["template"]["containers"][0]["env"]} for service in services]
    for environment in environments:
        ours = {name: value for name, value in environment.items() if name.startswith("SCENESEARCH_")}
        assert {name.removeprefix("SCENESEARCH_").lower() for name in ours} <= set(Settings.model_fields)
        for name, value in ours.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("K_SERVICE", environment["OTEL_SERVICE_NAME"])
        settings = Settings.load()
        assert settings.uploads_bucket in deployment.named("google_storage_bucket")
        assert settings.work_bucket in deployment.named("google_storage_bucket")
        assert settings.gcp_database in deployment.named("google_firestore_database")


def test_work_ends_before_its_instance_and_the_lease_outlasts_both(deployment: Deployment) -> None:
    for function in deployment.all("google_cloudfunctions2_function"):
        config = function["service_config"]
        values = config["environment_variables"]
        work = float(values["SCENESEARCH_WORK_SECONDS"])
        lease = work * LEASE_PER_WORK
        ack = {s["ack_deadline_seconds"] for s in deployment.all("google_pubsub_subscription")}
        assert work < config["timeout_seconds"] < lease < min(ack)
        assert Settings.model_fields["split_seconds"].default < config["timeout_seconds"]


def test_a_reference_to_nothing_is_noticed(deployment: Deployment) -> None:
    with pytest.raises(Dangling):
        deployment.resolved({"topic": "${google_pubsub_topic.no-such-topic.id}"}, "data")

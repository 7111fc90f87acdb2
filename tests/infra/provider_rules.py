"""What Terraform's Google provider and Google's APIs refuse, for every kind of resource that is synthesised: each row with its source.

Sources: `8.7 X` is the documentation of attribute X in the provider's release that is locked here (the docstrings of
`cdktn_provider_google` hold it); a file name is the provider's source; `google.cloud.…` is the documentation in that client library;
the rest are Google's pages. What the provider documents as "Possible values" is not repeated here: `enumerations` reads that.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Body = Mapping[str, Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """`check` holds for every value at `at` (`a.b[].c`; empty: the whole resource) of each resource of this kind."""

    kind: str
    at: str
    says: str
    check: Check
    source: str
    required: bool = False


def pattern(expression: str) -> Check:
    return lambda value: bool(re.fullmatch(expression, str(value)))


def at_most(characters: int) -> Check:
    return lambda value: len(str(value)) <= characters


def between(low: float, high: float) -> Check:
    """Numbers, and durations such as `600s`."""
    return lambda value: low <= float(str(value).removesuffix("s")) <= high


def items(low: int, high: int) -> Check:
    return lambda value: low <= len(value) <= high


def exactly_one(*names: str) -> Check:
    return lambda body: sum(name in body for name in names) == 1


def lacks(name: str) -> Check:
    return lambda body: name not in body


def is_json(value: str) -> bool:
    return isinstance(json.loads(value), dict)


MEMBER = (
    r"allUsers|allAuthenticatedUsers|domain:[\w.-]+\.\w+|(user|group):[^@\s]+@[\w.-]+\.\w+"
    r"|serviceAccount:([a-z][-a-z0-9]{4,28}[a-z0-9]@[a-z][-a-z0-9]{4,28}[a-z0-9]|service-\d+@gcp-sa-[a-z-]+)\.iam\.gserviceaccount\.com"
    r"|serviceAccount:agent:storage"  # what this folder's tests put for a data source that only Google can answer
)
ROLE = r"roles/[a-zA-Z]+\.[a-zA-Z.]+|projects/[a-z][-a-z0-9]{4,28}[a-z0-9]/roles/[\w.]{3,64}"
RUN_NAME = r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?"
RFC1034_63 = r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?"
PUBSUB_NAME = r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"
RUN_CREATE = "https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create (serviceId)"
RESERVED = "https://cloud.google.com/run/docs/container-contract#env-vars"
MEMORY_SAYS = "enough memory for the CPUs, of which there are 1, 2, 4, 6 or 8, and no more than they may have"
MEMORY_SOURCE = (
    "https://cloud.google.com/run/docs/configuring/services/cpu; https://cloud.google.com/run/docs/configuring/services/memory-limits"
)
ENV_NAME = r"(?!X_GOOGLE_|(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|FUNCTION_TARGET|FUNCTION_SIGNATURE_TYPE)$)[A-Za-z_]\w*"
IAM = (
    "google_artifact_registry_repository_iam_member",
    "google_cloud_run_v2_service_iam_member",
    "google_iap_web_cloud_run_service_iam_member",
    "google_project_iam_member",
    "google_pubsub_subscription_iam_member",
    "google_pubsub_topic_iam_member",
    "google_secret_manager_secret_iam_member",
    "google_service_account_iam_member",
    "google_storage_bucket_iam_member",
)


def _cpu_for_concurrency(config: Body) -> bool:
    return config["max_instance_request_concurrency"] == 1 or float(config["available_cpu"]) >= 1


MEMORY_GIB = {"1": (0.5, 4), "2": (0.5, 8), "4": (2, 16), "6": (4, 24), "8": (4, 32)}
"""The least and the most memory for so many CPUs, in GiB (`MEMORY_SOURCE`); no instance of the second generation has less than 0.5."""


def _memory_for_cpu(memory: str, cpu: str) -> bool:
    least, most = MEMORY_GIB.get(cpu, (1, 0))
    return least <= float(memory.removesuffix("Mi")) / 1024 <= most


def _vector_comes_last(fields: list[Body]) -> bool:
    vectors = ["vector_config" in field for field in fields]
    return sum(vectors) <= 1 and not any(vectors[:-1])


def _is_composite(fields: list[Body]) -> bool:
    named = [field for field in fields if field["field_path"] != "__name__"]
    return len(named) >= 2 or "vector_config" in named[0]


def _lifecycle(rule: Body) -> bool:
    return rule["action"]["type"] != "AbortIncompleteMultipartUpload" or set(rule["condition"]) <= {
        "age",
        "matches_prefix",
        "matches_suffix",
    }


def _soft_delete(seconds: float) -> bool:
    return seconds == 0 or 7 * 86_400 <= seconds <= 90 * 86_400


def _distribution(metric: Body) -> bool:
    distribution = metric["metric_descriptor"]["value_type"] == "DISTRIBUTION"
    return ("value_extractor" in metric) == ("bucket_options" in metric) == distribution


def _mosaic(text: str) -> bool:
    page = json.loads(text)["mosaicLayout"]
    return 1 <= page["columns"] <= 48 and all(tile["xPos"] + tile["width"] <= page["columns"] for tile in page["tiles"])


RULES = (
    Rule(
        "google_service_account",
        "account_id",
        "6 to 30 of a-z, 0-9 and -, beginning with a letter",
        pattern(r"[a-z][-a-z0-9]{4,28}[a-z0-9]"),
        "resource_google_service_account.go: ValidateRFC1035Name(6, 30)",
        required=True,
    ),
    Rule("google_service_account", "description", "at most 256 bytes", at_most(256), "resource_google_service_account.go"),
    Rule(
        "google_service_account", "display_name", "at most 100 bytes", at_most(100), "google.cloud.iam_admin_v1 ServiceAccount.display_name"
    ),
    *(
        Rule(kind, "member", "somebody, of a known kind", pattern(MEMBER), "https://cloud.google.com/iam/docs/principal-identifiers", True)
        for kind in IAM
    ),
    *(Rule(kind, "role", "a predefined role, or one of our own by its full name", pattern(ROLE), "8.7 role", True) for kind in IAM),
    Rule(
        "google_project_iam_member", "condition.title", "1 to 100 characters", pattern(".{1,100}"), "8.7 condition.title; google.type.Expr"
    ),
    Rule(
        "google_project_iam_custom_role",
        "role_id",
        "3 to 64 letters, digits, _ and .",
        pattern(r"[a-zA-Z0-9_.]{3,64}"),
        "validation.go: IAMCustomRoleIDRegex",
        required=True,
    ),
    Rule("google_project_iam_custom_role", "title", "at most 100 bytes", at_most(100), "google.cloud.iam_admin_v1 Role.title"),
    Rule(
        "google_project_iam_custom_role",
        "permissions[]",
        "SERVICE.RESOURCE.VERB",
        pattern(r"[a-z]+(\.[a-zA-Z]+){2}"),
        "https://cloud.google.com/iam/docs/custom-roles-permissions-support",
        required=True,
    ),
    Rule("google_project_service", "service", "an API's full name", pattern(r"[a-z]+\.googleapis\.com"), "8.7 service", required=True),
    Rule(
        "google_storage_bucket",
        "name",
        "3 to 63 of a-z, 0-9, -, _; no goog… and no google in it",
        pattern(r"(?!goog)(?!.*google)[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]"),
        "https://cloud.google.com/storage/docs/buckets#naming; ValidateGCSName",
        required=True,
    ),
    Rule(
        "google_storage_bucket",
        "soft_delete_policy.retention_duration_seconds",
        "0, or 7 to 90 days",
        _soft_delete,
        "https://cloud.google.com/storage/docs/soft-delete",
    ),
    Rule("google_storage_bucket", "lifecycle_rule", "at most 100", items(0, 100), "resource_storage_bucket.go: MaxItems"),
    Rule(
        "google_storage_bucket",
        "lifecycle_rule[].action.type",
        "an action there is",
        pattern("Delete|SetStorageClass|AbortIncompleteMultipartUpload"),
        "8.7 lifecycle_rule.action.type",
    ),
    Rule(
        "google_storage_bucket",
        "lifecycle_rule[]",
        "unfinished uploads know their age and name only",
        _lifecycle,
        "https://cloud.google.com/storage/docs/lifecycle#abort-mpu",
    ),
    Rule("google_storage_bucket", "public_access_prevention", "", pattern("inherited|enforced"), "8.7 public_access_prevention"),
    Rule("google_storage_bucket", "cors[].method[]", "an HTTP method", pattern("GET|HEAD|PUT|POST|DELETE|OPTIONS|\\*"), "8.7 cors.method"),
    Rule("google_storage_bucket_object", "", "a source or a content", exactly_one("source", "content"), "8.7 source, content"),
    Rule(
        "google_storage_bucket_object",
        "name",
        "1 to 1024 bytes without line ends",
        pattern(r"[^\r\n]{1,1024}"),
        "https://cloud.google.com/storage/docs/objects#naming",
        required=True,
    ),
    Rule("google_storage_notification", "payload_format", "", pattern("JSON_API_V1|NONE"), "8.7 payload_format", required=True),
    Rule(
        "google_storage_notification",
        "event_types[]",
        "an event there is",
        pattern("OBJECT_(FINALIZE|METADATA_UPDATE|DELETE|ARCHIVE)"),
        "8.7 event_types",
    ),
    Rule("google_pubsub_topic", "name", "3 to 255, no goog…", pattern(PUBSUB_NAME), "google.pubsub_v1 Topic.name", required=True),
    Rule(
        "google_pubsub_topic",
        "message_storage_policy.allowed_persistence_regions",
        "some region",
        items(1, 100),
        "8.7 allowed_persistence_regions: an empty list is not a valid configuration",
    ),
    Rule(
        "google_pubsub_subscription",
        "name",
        "3 to 255, no goog…",
        pattern(PUBSUB_NAME),
        "google.pubsub_v1 Subscription.name",
        required=True,
    ),
    Rule("google_pubsub_subscription", "ack_deadline_seconds", "10 to 600 s", between(10, 600), "8.7 ack_deadline_seconds"),
    Rule(
        "google_pubsub_subscription",
        "message_retention_duration",
        "10 minutes to 31 days",
        between(600, 31 * 86_400),
        "8.7 message_retention_duration",
    ),
    Rule("google_pubsub_subscription", "filter", "at most 256 bytes", at_most(256), "8.7 filter"),
    Rule("google_pubsub_subscription", "retry_policy.minimum_backoff", "0 to 600 s", between(0, 600), "8.7 retry_policy"),
    Rule("google_pubsub_subscription", "retry_policy.maximum_backoff", "0 to 600 s", between(0, 600), "8.7 retry_policy"),
    Rule("google_pubsub_subscription", "dead_letter_policy.max_delivery_attempts", "5 to 100", between(5, 100), "8.7 dead_letter_policy"),
    Rule(
        "google_pubsub_subscription",
        "push_config.push_endpoint",
        "https, each part of the host at most 63 characters",
        pattern(r"https://[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+(/.*)?"),
        "https://cloud.google.com/pubsub/docs/push; RFC 1035",
    ),
    Rule(
        "google_firestore_database",
        "name",
        "(default), or 4 to 63 of a-z, 0-9 and -",
        pattern(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]"),
        "8.7 name",
        required=True,
    ),
    Rule("google_firestore_database", "deletion_policy", "", pattern("ABANDON|DELETE|PREVENT"), "8.7 deletion_policy"),
    Rule("google_firestore_index", "fields", "1 to 100", items(1, 100), "https://cloud.google.com/firestore/quotas#indexes", required=True),
    Rule(
        "google_firestore_index",
        "fields[]",
        "one thing a field",
        exactly_one("order", "array_config", "vector_config", "search_config"),
        "8.7 fields: only one of order, arrayConfig, searchConfig and vectorConfig",
    ),
    Rule("google_firestore_index", "fields", "the vector comes last", _vector_comes_last, "google.cloud.firestore_admin_v1 Index.fields"),
    Rule(
        "google_firestore_index",
        "fields",
        "two fields or a vector: of one field Firestore has an index already",
        _is_composite,
        "https://cloud.google.com/firestore/docs/query-data/index-overview (400: this index is not necessary)",
    ),
    Rule(
        "google_firestore_index",
        "fields[].vector_config.dimension",
        "at most 2048",
        between(1, 2048),
        "https://cloud.google.com/firestore/docs/vector-search#limitations",
    ),
    Rule("google_firestore_field", "", "indexes or an expiry", exactly_one("index_config", "ttl_config"), "8.7 index_config, ttl_config"),
    Rule(
        "google_cloudfunctions2_function",
        "name",
        "that of a Cloud Run service, fewer than 50",
        pattern(RUN_NAME),
        RUN_CREATE,
        required=True,
    ),
    Rule(
        "google_cloudfunctions2_function",
        "service_config.timeout_seconds",
        "at most 540 s, as long as Pub/Sub waits",
        between(1, 540),
        "https://cloud.google.com/functions/quotas",
    ),
    Rule(
        "google_cloudfunctions2_function",
        "service_config.available_memory",
        "k, M, G, Mi or Gi",
        pattern(r"\d+(k|M|G|Mi|Gi)"),
        "8.7 available_memory",
    ),
    Rule(
        "google_cloudfunctions2_function",
        "service_config.max_instance_request_concurrency",
        "at most 1000",
        between(1, 1000),
        "https://cloud.google.com/functions/docs/configuring/concurrency",
    ),
    Rule(
        "google_cloudfunctions2_function",
        "service_config",
        "several requests at once take a whole CPU",
        _cpu_for_concurrency,
        "https://cloud.google.com/functions/docs/configuring/concurrency",
    ),
    Rule(
        "google_cloudfunctions2_function",
        "service_config",
        MEMORY_SAYS,
        lambda config: _memory_for_cpu(config["available_memory"], config["available_cpu"]),
        MEMORY_SOURCE,
        required=True,
    ),
    Rule("google_cloudfunctions2_function", "service_config.environment_variables{}", "not reserved", pattern(ENV_NAME), RESERVED),
    Rule(
        "google_cloudfunctions2_function", "service_config.secret_environment_variables[].key", "not reserved", pattern(ENV_NAME), RESERVED
    ),
    Rule(
        "google_cloudfunctions2_function",
        "build_config.runtime",
        "a Python there is",
        pattern("python3(10|11|12|13|14)"),
        "https://cloud.google.com/functions/docs/runtime-support",
    ),
    Rule("google_cloud_run_v2_service", "name", "fewer than 50 characters", pattern(RUN_NAME), RUN_CREATE, required=True),
    Rule(
        "google_cloud_run_v2_service",
        "template.timeout",
        "at most an hour",
        between(1, 3600),
        "https://cloud.google.com/run/docs/configuring/request-timeout",
    ),
    Rule(
        "google_cloud_run_v2_service",
        "template.max_instance_request_concurrency",
        "at most 1000",
        between(1, 1000),
        "https://cloud.google.com/run/docs/about-concurrency",
    ),
    Rule(
        "google_cloud_run_v2_service",
        "template.containers[].resources.limits",
        MEMORY_SAYS,
        lambda limits: _memory_for_cpu(limits["memory"], limits["cpu"]),
        MEMORY_SOURCE,
        required=True,
    ),
    Rule("google_cloud_run_v2_service", "template.containers[].env[].name", "not reserved", pattern(ENV_NAME), RESERVED),
    Rule(
        "google_cloud_run_v2_service",
        "template.containers[].env[]",
        "a value or the source of one",
        lambda one: not {"value", "value_source"} <= set(one),
        "8.7 env.value, env.value_source",
    ),
    Rule(
        "google_cloud_run_v2_service",
        "template.containers[].image",
        "REPOSITORY/NAME:TAG, a tag of at most 128",
        pattern(r"[a-z0-9.-]+-docker\.pkg\.dev/[^/]+/[a-z0-9-]+/[a-z0-9-]+:\w[\w.-]{0,127}"),
        "https://cloud.google.com/artifact-registry/docs/docker/names",
        required=True,
    ),
    Rule(
        "google_artifact_registry_repository",
        "repository_id",
        "1 to 63 of a-z, 0-9 and -",
        pattern(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
        "https://cloud.google.com/artifact-registry/docs/repositories/create-repos",
        required=True,
    ),
    Rule(
        "google_artifact_registry_repository",
        "cleanup_policies[]",
        "one way to choose versions",
        exactly_one("condition", "most_recent_versions"),
        "google.devtools.artifactregistry.v1 CleanupPolicy: a oneof",
    ),
    Rule(
        "google_artifact_registry_repository",
        "cleanup_policies[].condition.older_than",
        "days or seconds",
        pattern(r"\d+[ds]"),
        "8.7 older_than",
    ),
    Rule(
        "google_cloud_scheduler_job",
        "name",
        "1 to 500 letters, digits, - and _",
        pattern(r"[\w-]{1,500}"),
        "google.cloud.scheduler_v1 Job.name",
        True,
    ),
    Rule("google_cloud_scheduler_job", "attempt_deadline", "15 s to 30 minutes", between(15, 1800), "8.7 attempt_deadline, HTTP targets"),
    Rule("google_cloud_scheduler_job", "retry_config.retry_count", "0 to 5", between(0, 5), "8.7 retry_count"),
    Rule(
        "google_cloud_scheduler_job",
        "",
        "one target",
        exactly_one("http_target", "pubsub_target", "app_engine_http_target"),
        "8.7 http_target, pubsub_target, app_engine_http_target: ExactlyOneOf",
    ),
    Rule(
        "google_cloud_scheduler_job",
        "schedule",
        "five fields of cron",
        pattern(r"(\S+ ){4}\S+"),
        "https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules",
        True,
    ),
    Rule("google_monitoring_alert_policy", "display_name", "at most 512 characters", at_most(512), "8.7 display_name", required=True),
    Rule(
        "google_monitoring_alert_policy",
        "conditions[].condition_prometheus_query_language.evaluation_interval",
        "a multiple of 30 s",
        lambda value: int(value.removesuffix("s")) % 30 == 0,
        "8.7 evaluation_interval",
    ),
    Rule(
        "google_monitoring_alert_policy",
        "conditions[].condition_prometheus_query_language.disable_metric_validation",
        "true: a metric does not exist before its first value, and the policy would be refused",
        lambda value: value is True,
        "8.7 disable_metric_validation; terraform-provider-google issue 20491",
        required=True,
    ),
    Rule(
        "google_monitoring_alert_policy",
        "conditions",
        "a PromQL condition is alone",
        items(1, 1),
        "google.monitoring.v3 AlertPolicy.conditions",
    ),
    Rule("google_monitoring_alert_policy", "documentation.content", "at most 8192 characters", at_most(8192), "8.7 content"),
    Rule("google_monitoring_alert_policy", "documentation.mime_type", "", pattern("text/markdown"), "8.7 mime_type"),
    Rule(
        "google_monitoring_alert_policy",
        "documentation.links",
        "at most 3",
        items(0, 3),
        "google.monitoring.v3 AlertPolicy.Documentation.links",
    ),
    Rule(
        "google_monitoring_alert_policy",
        "alert_strategy.auto_close",
        "half an hour to a week",
        between(1800, 604_800),
        "https://cloud.google.com/monitoring/alerts/incidents-events#auto-close",
    ),
    Rule("google_monitoring_notification_channel", "type", "we only mail", pattern("email"), "8.7 type", required=True),
    Rule(
        "google_monitoring_notification_channel",
        "labels.email_address",
        "an address",
        pattern(r"[^@\s]+@[\w.-]+\.\w+"),
        "8.7 labels",
        required=True,
    ),
    Rule(
        "google_monitoring_dashboard",
        "dashboard_json",
        "tiles within 1 to 48 columns",
        _mosaic,
        "google.monitoring.dashboard.v1 MosaicLayout",
        True,
    ),
    Rule(
        "google_logging_metric",
        "name",
        "at most 100 of a few signs, no / first",
        pattern(r"(?!/)[A-Za-z0-9_\-.,+!*',()%/]{1,100}"),
        "8.7 name",
        required=True,
    ),
    Rule(
        "google_logging_metric",
        "filter",
        "at most 20,000 characters",
        at_most(20_000),
        "https://cloud.google.com/logging/quotas",
        required=True,
    ),
    Rule(
        "google_logging_metric",
        "",
        "what is drawn out is a distribution in buckets, a counter has neither",
        _distribution,
        "8.7 value_extractor, bucket_options",
    ),
    Rule(
        "google_logging_metric", "bucket_options.exponential_buckets.growth_factor", "above 1", lambda value: value > 1, "8.7 growth_factor"
    ),
    Rule(
        "google_logging_metric",
        "bucket_options.exponential_buckets.num_finite_buckets",
        "above 0",
        lambda value: value > 0,
        "8.7 num_finite_buckets",
    ),
    Rule("google_logging_metric", "bucket_options.exponential_buckets.scale", "above 0", lambda value: value > 0, "8.7 scale"),
    Rule(
        "google_logging_project_exclusion",
        "name",
        "fewer than 100 letters, digits, -, _ and .",
        pattern(r"[A-Za-z0-9][\w.-]{0,98}"),
        "google.logging.v2 LogExclusion.name",
        required=True,
    ),
    Rule(
        "google_logging_project_exclusion",
        "filter",
        "at most 20,000 characters",
        at_most(20_000),
        "https://cloud.google.com/logging/quotas",
        True,
    ),
    Rule("google_billing_budget", "display_name", "at most 60 characters", at_most(60), "8.7 display_name"),
    Rule(
        "google_billing_budget",
        "amount.specified_amount",
        "no currency: it must be the billing account's",
        lacks("currency_code"),
        "resource_billing_budget.go: specified_amount",
        required=True,
    ),
    Rule("google_billing_budget", "amount.specified_amount.units", "a whole number", pattern(r"[1-9]\d*"), "8.7 units", required=True),
    Rule(
        "google_billing_budget", "billing_account", "an account's id", pattern(r"[0-9A-F]{6}(-[0-9A-F]{6}){2}"), "8.7 billing_account", True
    ),
    Rule("google_billing_budget", "budget_filter.projects[]", "by number", pattern(r"projects/\d+"), "8.7 budget_filter.projects"),
    Rule("google_billing_budget", "threshold_rules[].threshold_percent", "at least 0", lambda value: value >= 0, "8.7 threshold_percent"),
    Rule(
        "google_billing_budget",
        "all_updates_rule.monitoring_notification_channels",
        "1 to 5",
        items(1, 5),
        "resource_billing_budget.go: MaxItems 5, AtLeastOneOf",
    ),
    Rule(
        "google_secret_manager_secret",
        "secret_id",
        "1 to 255 letters, digits, - and _",
        pattern(r"[\w-]{1,255}"),
        "https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create",
        required=True,
    ),
    Rule(
        "google_cloudbuild_trigger",
        "name",
        "1 to 64 letters, digits and -",
        pattern(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?"),
        "https://cloud.google.com/build/docs/api/reference/rest/v1/projects.triggers#BuildTrigger",
        required=True,
    ),
    Rule(
        "google_cloudbuild_trigger", "", "a file goes with GitHub", lambda body: "filename" not in body or "github" in body, "8.7 filename"
    ),
    Rule("google_cloudbuild_trigger", "github", "one event", exactly_one("push", "pull_request"), "8.7 github: ExactlyOneOf"),
    Rule("google_cloudbuild_trigger", "github.push", "one of tag and branch", exactly_one("tag", "branch"), "8.7 push: ExactlyOneOf"),
    Rule(
        "google_cloudbuild_trigger",
        "substitutions{}",
        "_ and capitals",
        pattern(r"_[A-Z0-9_]{1,99}"),
        "https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values",
    ),
    Rule(
        "google_cloudbuild_trigger",
        "service_account",
        "by its full name",
        pattern(r"projects/[a-z0-9-]+/serviceAccounts/[^@/]+@[a-z0-9-]+\.iam\.gserviceaccount\.com"),
        "8.7 service_account",
        required=True,
    ),
    Rule(
        "google_discovery_engine_data_store",
        "data_store_id",
        "RFC 1034, at most 63",
        pattern(RFC1034_63),
        "google.cloud.discoveryengine_v1 CreateDataStoreRequest",
        required=True,
    ),
    Rule(
        "google_discovery_engine_data_store", "display_name", "at most 128", at_most(128), "google.cloud.discoveryengine_v1 DataStore", True
    ),
    Rule("google_discovery_engine_data_store", "location", "", pattern("global|us|eu"), "8.7 location", required=True),
    Rule(
        "google_discovery_engine_schema",
        "schema_id",
        "RFC 1034, at most 63",
        pattern(RFC1034_63),
        "google.cloud.discoveryengine_v1 CreateSchemaRequest",
        True,
    ),
    Rule("google_discovery_engine_schema", "json_schema", "an object in JSON", is_json, "8.7 json_schema", required=True),
    Rule(
        "google_discovery_engine_search_engine",
        "engine_id",
        "RFC 1034, at most 63",
        pattern(RFC1034_63),
        "google.cloud.discoveryengine_v1 CreateEngineRequest",
        True,
    ),
    Rule(
        "google_discovery_engine_search_engine",
        "display_name",
        "at most 1024",
        at_most(1024),
        "google.cloud.discoveryengine_v1 Engine",
        True,
    ),
)

LABEL_KEY, LABEL_VALUE = pattern(r"[a-z][a-z0-9_-]{0,62}"), pattern(r"[a-z0-9_-]{0,63}")
"""https://cloud.google.com/resource-manager/docs/labels-overview; the provider puts its default labels on everything that takes labels."""

UNIQUE = {
    # kind: what names it among all others of its kind in the project
    "google_artifact_registry_repository": ("repository_id",),
    "google_cloud_scheduler_job": ("name",),
    "google_cloudbuild_trigger": ("name",),
    "google_firestore_field": ("collection", "field"),
    "google_logging_metric": ("name",),
    "google_monitoring_alert_policy": ("display_name",),
    "google_project_iam_custom_role": ("role_id",),
    "google_project_service": ("service",),
    "google_pubsub_subscription": ("name",),
    "google_pubsub_topic": ("name",),
    "google_secret_manager_secret": ("secret_id",),
    "google_service_account": ("account_id",),
    "google_storage_bucket": ("name",),
    "google_storage_bucket_object": ("bucket", "name"),
}


def values(body: Any, at: str) -> Iterator[Any]:
    """Every value at the path; `[]` is each item of a list, `{}` each key of a map."""
    if not at:
        yield body
        return
    head, _, rest = at.partition(".")
    name = head.removesuffix("[]").removesuffix("{}")
    if not isinstance(body, Mapping) or body.get(name) is None:
        return
    inner = body[name]
    if head.endswith("[]"):
        for one in inner if isinstance(inner, list) else [inner]:
            yield from values(one, rest)
    elif head.endswith("{}"):
        yield from inner
    else:
        yield from values(inner, rest)


SOURCE = re.compile(
    r"8\.7 (?P<attribute>[\w.]+)"  # the provider's documentation of that attribute
    r"|(?:resource_\w+|validation)\.go\b"  # the provider's source
    r"|google(?:\.\w+)+ [A-Z]\w+"  # a message in Google's client libraries
    r"|https://(?:docs\.)?cloud\.google\.com/\S+"
)


def has_source(rule: Rule) -> bool:
    """Whether the row begins with a source of one of these forms; an attribute of the provider must be documented there."""
    found = SOURCE.match(rule.source)
    if found is None or found["attribute"] is None:
        return found is not None
    return f":param {found['attribute'].rpartition('.')[2]}:" in _documentation(rule.kind)


def _documentation(kind: str) -> str:
    module = importlib.import_module(f"cdktn_provider_google.{kind.removeprefix('google_')}")
    return Path(inspect.getfile(module)).read_text()


@cache
def enumerations(kind: str) -> Mapping[str, frozenset[str]]:
    """The values that the provider's own documentation allows, by attribute name; an attribute that means several things: all of them."""
    text = _documentation(kind)
    found: dict[str, set[str]] = {}
    free = set()
    for name, said in re.findall(r":param (\w+): (.*?)(?=\n\s*:param|\n\s*'''|\n\s*\"\"\")", text, re.DOTALL):
        if listed := re.search(r"Possible values: \[(.*?)\]", said):
            found.setdefault(name, set()).update(re.findall(r'"(.*?)"', listed[1]))
        else:
            free.add(name)
    return {name: frozenset(allowed) for name, allowed in found.items() if name not in free}


def documented(body: Any, allowed: Mapping[str, frozenset[str]], at: str = "") -> Iterator[str]:
    """Where a value is none of those that the documentation lists."""
    for name, value in body.items() if isinstance(body, Mapping) else ():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                yield from documented(one, allowed, f"{at}{name}.")
            elif isinstance(one, str) and name in allowed and one not in allowed[name]:
                yield f"{at}{name} is {one!r}, none of {', '.join(sorted(allowed[name]))}"

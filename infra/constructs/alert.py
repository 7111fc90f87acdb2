"""Metrics out of our own logs, and alerts that say what to do."""

from __future__ import annotations

from dataclasses import dataclass

from cdktn_provider_google.logging_metric import (
    LoggingMetric,
    LoggingMetricBucketOptions,
    LoggingMetricBucketOptionsExponentialBuckets,
    LoggingMetricMetricDescriptor,
)
from cdktn_provider_google.monitoring_alert_policy import (
    MonitoringAlertPolicy,
    MonitoringAlertPolicyAlertStrategy,
    MonitoringAlertPolicyConditions,
    MonitoringAlertPolicyConditionsConditionPrometheusQueryLanguage,
    MonitoringAlertPolicyDocumentation,
    MonitoringAlertPolicyDocumentationLinks,
)
from constructs import Construct

DAY_S = 86_400

RUN = 'monitored_resource="cloud_run_revision"'
"""Selects what Cloud Run measures and logs, in queries."""


class LogMetric(Construct):
    """How often our own log says `message`; or, with `value`, how much of that field it says (a distribution).

    The log lines are the JSON objects of `scenesearch.observability.logs`: fields of `jsonPayload`.
    """

    def __init__(self, scope: Construct, name: str, message: str, *, value: str = "", unit: str = "1") -> None:
        super().__init__(scope, f"log-{name}")
        self._name = name.replace("-", "_")
        LoggingMetric(
            self,
            "metric",
            name=self._name,
            description=f"log lines that say: {message}",
            filter=f'resource.type="cloud_run_revision" AND jsonPayload.message="{message}"',
            value_extractor=f"EXTRACT(jsonPayload.{value})" if value else None,
            metric_descriptor=LoggingMetricMetricDescriptor(
                metric_kind="DELTA", value_type="DISTRIBUTION" if value else "INT64", unit=unit
            ),
            bucket_options=LoggingMetricBucketOptions(
                exponential_buckets=LoggingMetricBucketOptionsExponentialBuckets(num_finite_buckets=32, growth_factor=2, scale=0.0001)
            )
            if value
            else None,
        )

    def series(self, part: str = "") -> str:
        """Its name in queries; `part` of a distribution: `sum` or `count`. Without the kind of resource it could be ambiguous."""
        return f"logging_googleapis_com:user_{self._name}{part and '_' + part}{{{RUN}}}"


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """When an alert fires: a query that has a value, for so long. `anchor` is its section of docs/operate.md."""

    title: str
    anchor: str
    query: str
    for_s: int = 0
    severity: str = "WARNING"


class Alert(Construct):
    """One symptom, told to the channels, with the section of the runbook that says what to do."""

    def __init__(self, scope: Construct, symptom: Symptom, *, channels: list[str], runbook: str) -> None:
        super().__init__(scope, f"alert-{symptom.anchor}")
        where = f"{runbook}#{symptom.anchor}"
        query = MonitoringAlertPolicyConditionsConditionPrometheusQueryLanguage(
            query=symptom.query,
            duration=f"{symptom.for_s}s",
            evaluation_interval="60s",
            # Our own metrics, and those of functions that never ran, do not exist until the first line is written.
            disable_metric_validation=True,
        )
        MonitoringAlertPolicy(
            self,
            "policy",
            display_name=symptom.title,
            combiner="OR",
            severity=symptom.severity,
            notification_channels=channels,
            conditions=[MonitoringAlertPolicyConditions(display_name=symptom.title, condition_prometheus_query_language=query)],
            documentation=MonitoringAlertPolicyDocumentation(
                content=f"{symptom.title}. What to do: {where}",
                mime_type="text/markdown",
                links=[MonitoringAlertPolicyDocumentationLinks(display_name="runbook", url=where)],
            ),
            alert_strategy=MonitoringAlertPolicyAlertStrategy(auto_close=f"{DAY_S}s"),
        )

"""What is measured, who is told, and what it may cost."""

from __future__ import annotations

from cdktn_provider_google.billing_budget import (
    BillingBudget,
    BillingBudgetAllUpdatesRule,
    BillingBudgetAmount,
    BillingBudgetAmountSpecifiedAmount,
    BillingBudgetBudgetFilter,
    BillingBudgetThresholdRules,
)
from cdktn_provider_google.logging_project_exclusion import LoggingProjectExclusion
from cdktn_provider_google.monitoring_notification_channel import MonitoringNotificationChannel

from infra.config import EVENT_FUNCTIONS, HTTP_FUNCTIONS, Environment, Function
from infra.constructs.alert import RUN, Alert, LogMetric, Symptom
from infra.constructs.dashboard import Chart, Dashboard
from infra.stacks.names import Stack
from scenesearch.messages import SUBSCRIPTIONS, Subscription

RUNBOOK = "docs/operate.md"
BUDGET_STEPS = (0.5, 0.9, 1.0)
EVENTS = "|".join(f.resource for f in EVENT_FUNCTIONS)
OURS = "|".join(s.value for s in SUBSCRIPTIONS)
REQUESTS = "run_googleapis_com:request_count"
LATENCIES = "run_googleapis_com:request_latencies_bucket"
PUSHES = "pubsub_googleapis_com:subscription_push_request_count"
UNACKED = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
BACKLOG = "pubsub_googleapis_com:subscription_num_undelivered_messages"
QUESTIONS = " AND ".join(
    [
        'log_id("run.googleapis.com/requests")',
        f'resource.labels.service_name=~"^({"|".join(f.resource for f in HTTP_FUNCTIONS)})$"',
        'httpRequest.requestUrl=~"[?&](q|query)="',
    ]
)
"""Lines of the platform's own request log that would keep what people ask: the address of an asked question holds it."""


def operations(stack: Stack, env: Environment) -> None:
    """Metrics, alerts, the dashboard and the budget of one environment."""
    cost = LogMetric(stack, "model-cost", "a model answered", value="cost_usd", unit="USD")
    stalled = LogMetric(stack, "stalled-videos", "resuming a stalled video")
    unended = LogMetric(stack, "unended-videos", "a video has not ended")
    parked = LogMetric(stack, "parked-messages", "parked a message that names no work")
    failed = LogMetric(stack, "failed-sections", "a section failed")
    channels = [
        MonitoringNotificationChannel(stack, f"mail-{number}", type="email", display_name=mail, labels={"email_address": mail}).id
        for number, mail in enumerate(env.alert_emails)
    ]
    runbook = f"{env.source.url}/blob/main/{RUNBOOK}"
    for symptom in symptoms(env, cost=cost.series("sum"), unended=unended.series(), parked=parked.series()):
        Alert(stack, symptom, channels=channels, runbook=runbook)
    charts = [
        Chart("Messages that wait", f"sum by (subscription_id) ({BACKLOG})"),
        Chart("Oldest message, seconds", f"max by (subscription_id) ({UNACKED})"),
        Chart("Calls by answer", f"sum by (service_name, response_code_class) (rate({REQUESTS}{{{RUN}}}[5m]))"),
        Chart("Instances", f"sum by (service_name) (run_googleapis_com:container_instance_count{{{RUN}}})"),
        Chart("Search: p50", _quantile(0.5)),
        Chart("Search: p95", _quantile(0.95)),
        Chart("Sections that failed", f"sum(increase({failed.series()}[1h]))"),
        Chart("Videos that stalled", f"sum(increase({stalled.series()}[1h]))"),
        Chart("Videos that have not ended in time", f"sum(increase({unended.series()}[{env.tick_minutes}m]))"),
        Chart("Models, USD a day", f"sum(increase({cost.series('sum')}[1d]))"),
        Chart("Model answers", f"sum(rate({cost.series('count')}[5m]))"),
    ]
    Dashboard(stack, f"scenesearch {env.name}", charts)
    _budget(stack, env, channels)
    LoggingProjectExclusion(stack, "questions", name="scenesearch-questions", description="What people ask is in no log.", filter=QUESTIONS)


def symptoms(env: Environment, *, cost: str, unended: str, parked: str) -> list[Symptom]:
    """What somebody is told about. Each has its section in the runbook."""
    limits = env.thresholds
    letters = f'subscription_id="{Subscription.RECOVER_DEAD_LETTERS.value}"'
    search = f'{RUN}, service_name="{Function.SEARCH.resource}"'
    return [
        Symptom(title="A message was given up", anchor="alert-dead-letters", query=f"sum(increase({PUSHES}{{{letters}}}[10m])) > 0"),
        Symptom(
            title="A message names no work and was parked",
            anchor="alert-parked-messages",
            query=f"sum(increase({parked}[10m])) > 0",
            severity="ERROR",
        ),
        Symptom(
            title=f"A message waits for more than {limits.unacked_minutes} minutes",
            anchor="alert-oldest-message",
            query=f'max by (subscription_id) ({UNACKED}{{subscription_id=~"{OURS}"}}) > {limits.unacked_minutes * 60}',
            for_s=300,
        ),
        Symptom(
            title=f"More than {limits.error_ratio:.0%} of a function's calls fail",
            anchor="alert-error-ratio",
            query=_error_ratio(f'{RUN}, service_name=~"{EVENTS}"', limits.error_ratio),
            for_s=900,
        ),
        Symptom(
            # Every tick names such a video, so the window always holds two or three of its lines. One line is gone from it before the
            # time is up: a retry of an old video that ends soon tells nobody.
            title=f"A video has not ended in {limits.unended_hours} hours",
            anchor="alert-stalled-videos",
            query=f"sum(increase({unended}[{3 * env.tick_minutes}m])) > 0",
            for_s=4 * env.tick_minutes * 60,
            severity="ERROR",
        ),
        Symptom(
            title=f"The models cost more than {limits.daily_model_usd:g} USD in a day",
            anchor="alert-model-cost",
            query=f"sum(increase({cost}[1d])) > {limits.daily_model_usd:g}",
        ),
        Symptom(
            title=f"More than {limits.search_error_ratio:.0%} of questions fail",
            anchor="alert-search-errors",
            query=_error_ratio(search, limits.search_error_ratio),
            for_s=300,
            severity="CRITICAL",
        ),
        Symptom(
            title=f"One question in twenty takes more than {limits.search_p95_ms} ms",
            anchor="alert-search-slow",
            query=f"{_quantile(0.95)} > {limits.search_p95_ms}",
            for_s=600,
        ),
    ]


def _error_ratio(selector: str, above: float) -> str:
    failed = f'sum by (service_name) (rate({REQUESTS}{{{selector}, response_code_class="5xx"}}[10m]))'
    return f"{failed} / sum by (service_name) (rate({REQUESTS}{{{selector}}}[10m])) > {above:g}"


def _quantile(q: float) -> str:
    selector = f'{RUN}, service_name="{Function.SEARCH.resource}"'
    return f"histogram_quantile({q:g}, sum by (le) (rate({LATENCIES}{{{selector}}}[10m])))"


def _budget(stack: Stack, env: Environment, channels: list[str]) -> None:
    """Without a currency of its own: the API takes none but the billing account's."""
    BillingBudget(
        stack,
        "budget",
        billing_account=env.billing_account,
        display_name=f"scenesearch {env.name}",
        budget_filter=BillingBudgetBudgetFilter(projects=[f"projects/{stack.project_number}"]),
        amount=BillingBudgetAmount(specified_amount=BillingBudgetAmountSpecifiedAmount(units=str(env.budget_units))),
        threshold_rules=[BillingBudgetThresholdRules(threshold_percent=step) for step in BUDGET_STEPS],
        # Without a channel the rule would be refused; the billing account's own people hear of it either way.
        all_updates_rule=BillingBudgetAllUpdatesRule(monitoring_notification_channels=channels) if channels else None,
    )

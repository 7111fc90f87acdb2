"""One page that shows whether videos flow and questions are answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cdktn_provider_google.monitoring_dashboard import MonitoringDashboard
from constructs import Construct

COLUMNS, WIDTH, HEIGHT = 48, 24, 16


@dataclass(frozen=True, slots=True)
class Chart:
    """A titled line chart of one query."""

    title: str
    query: str


class Dashboard(Construct):
    """Charts in two columns, in the order given."""

    def __init__(self, scope: Construct, title: str, charts: list[Chart]) -> None:
        super().__init__(scope, "dashboard")
        tiles = [
            {"xPos": number % 2 * WIDTH, "yPos": number // 2 * HEIGHT, "width": WIDTH, "height": HEIGHT, "widget": _widget(chart)}
            for number, chart in enumerate(charts)
        ]
        page = {"displayName": title, "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}
        MonitoringDashboard(self, "page", dashboard_json=json.dumps(page, sort_keys=True))


def _widget(chart: Chart) -> dict[str, Any]:
    series = {"plotType": "LINE", "targetAxis": "Y1", "timeSeriesQuery": {"prometheusQuery": chart.query}}
    return {"title": chart.title, "xyChart": {"dataSets": [series]}}

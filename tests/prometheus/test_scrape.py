"""A real Prometheus scrapes Hearth, answers PromQL with what was served, and evaluates the rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hearth.edge.release import VERSION
from hearth.monitoring.exposition import HISTOGRAM, wants_openmetrics
from hearth.monitoring.prometheus import FAMILIES
from prometheus.conftest import Prometheus, Served
from support import grafana, scraped

pytestmark = pytest.mark.prometheus

RULES = Path(__file__).resolve().parents[2] / "infra/prometheus/rules.yml"


@pytest.fixture
def own(served: Served) -> Served:
    if not served.own:
        pytest.skip("what another stack has counted is not known")
    return served


def test_both_pages_are_scraped(prometheus: Prometheus) -> None:
    """Prometheus takes every line of both, or the target would be down."""
    for job in ("hearth", "tensorflow"):
        prometheus.wait(f'up{{job="{job}"}} == 1')
        [target] = [
            t for t in prometheus.get("targets")["activeTargets"] if t["labels"]["job"] == job
        ]
        assert (target["health"], target["lastError"]) == ("up", "")


def test_the_release_is_known(prometheus: Prometheus) -> None:
    """It says what answers."""
    prometheus.wait("hearth_build_info")
    assert prometheus.query("hearth_build_info") == {frozenset({("version", VERSION)}): 1}


def test_openmetrics_is_what_prometheus_asks_for(own: Served, prometheus: Prometheus) -> None:
    """So the richer format is the one that is read here."""
    prometheus.wait("hearth_build_info")
    assert all(map(wants_openmetrics, own.accepts))


def test_every_family_arrives_with_its_type(own: Served, prometheus: Prometheus) -> None:
    """The server knows each metric's type, help and unit as they were declared."""
    prometheus.wait("hearth_build_info")
    metadata = prometheus.get("metadata")
    for family in FAMILIES:
        # Prometheus has counters and infos by their samples' names from OpenMetrics, too.
        [found] = metadata.get(family.name) or metadata[family.sample]
        assert (found["type"], found["help"]) == (family.kind, family.help)
        suffix = "_count" if family.kind == HISTOGRAM else ""
        assert prometheus.query(f"{family.sample}{suffix}"), family.name


def test_values_are_those_that_were_served(own: Served, prometheus: Prometheus) -> None:
    """Counters, histograms and gauges come back through PromQL."""
    prometheus.wait("hearth_build_info")
    expected = {
        'hearth_requests_total{model="digits",version="2",status="200"}': 500,
        'hearth_requests_total{model="flowers",status="500"}': 5,
        'sum by (model) (hearth_errors_total{model="flowers"})': 5,
        'hearth_routed_requests_total{model="flowers",route="stable"}': 14,
        'hearth_cold_starts_total{model="flowers"}': 2,
        'hearth_load_duration_seconds_bucket{model="flowers",le="0.5"}': 1,
        'hearth_load_duration_seconds_sum{model="flowers"}': 1.9,
        'hearth_request_duration_seconds_bucket{model="flowers",le="+Inf"}': 15,
        'histogram_quantile(0.5, hearth_request_duration_seconds_bucket{model="flowers"})': 3.75,
        'hearth_drift{version="2",verdict="drifted"}': 1,
        'hearth_feature_drift_distance{version="2",feature="ink"}': 0.31,
        'hearth_label_weight_ratio{version="2",label="stable"}': 0.2,
        'hearth_quality{version="1",metric="accuracy"}': 0.97,
        'hearth_quality_gate_failed{version="2"}': 1,
        "hearth_totals_timestamp_seconds": scraped.TALLIED_MS / 1000,
        'hearth_requests_created{model="flowers",status="500"}': scraped.FIRST_MS / 1000,
        ':tensorflow:serving:request_count{model_name="flowers",status="OK"}': 10,
        ':tensorflow:serving:request_latency_bucket{model_name="flowers",le=~"5e.06|5000000"}': 15,
    }
    found = {query: prometheus.value(query) for query in expected}
    assert found == pytest.approx(expected)


def test_rates_follow_what_is_counted(own: Served, prometheus: Prometheus) -> None:
    """What grows between two scrapes has a rate, and recorded shares come from it."""
    version = '{model="digits",version="1"}'
    prometheus.wait(f"model_version:hearth_requests:rate5m{version} > 0")
    prometheus.wait(f"model_version:hearth_server_errors:ratio_rate5m{version} > 0")
    share = prometheus.value(f"model_version:hearth_server_errors:ratio_rate5m{version}")
    assert share == pytest.approx(0.01)
    p99 = prometheus.wait(f"model_version:hearth_request_duration_seconds:p99_5m{version} > 0")
    assert 0.01 < next(iter(p99.values())) <= 0.025  # every request took 20 ms


def test_every_rule_is_loaded_and_evaluates(prometheus: Prometheus) -> None:
    """No rule of the file is missing, and none has an error."""
    prometheus.wait("hearth_build_info")
    prometheus.wait("model:hearth_report_age_seconds or absent(hearth_report_timestamp_seconds)")
    written = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    names = [rule.get("record") or rule["alert"] for group in written for rule in group["rules"]]
    groups = prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert sorted(rule["name"] for rule in rules) == sorted(names)
    # A group that has not been evaluated yet does not know.
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}, rules
    assert {rule["health"] for rule in groups[0]["rules"]} == {"ok"}


def test_alerts_are_pending_for_what_is_wrong(own: Served, prometheus: Prometheus) -> None:
    """The example has drifted, fails its gate and sets items aside: all wait for their time."""
    prometheus.wait('ALERTS{alertname="HearthSetAside"}')
    pending = {
        alert["labels"]["alertname"]
        for alert in prometheus.get("alerts")["alerts"]
        if alert["state"] == "pending"
    }
    assert {"HearthDrift", "HearthQualityGate", "HearthViolations", "HearthUnwell"} <= pending
    assert "HearthDown" not in pending


def test_every_expression_of_the_dashboard_is_promql(prometheus: Prometheus) -> None:
    """Prometheus' own parser takes it, and can evaluate it."""
    prometheus.wait("hearth_build_info")
    for expression in (*grafana.expressions(), *grafana.selectors()):
        assert prometheus.get("format_query", query=expression)
        prometheus.get("query", query=expression)


def test_every_panel_of_the_dashboard_shows_something(own: Served, prometheus: Prometheus) -> None:
    """The example has a sample for each of them."""
    prometheus.wait('rate(hearth_requests_total{model="digits",version="1"}[5m]) > 0')
    empty = [e for e in grafana.expressions() if not prometheus.query(e)]
    assert not empty

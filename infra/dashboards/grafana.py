"""Builds Grafana's dashboard from what `GET /metrics` shows: infra/dashboards/grafana.json.

Run it after a change (`make dashboard`); a test compares. The recorded series of
infra/prometheus/rules.yml are not used: the dashboard works without them.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FILE = Path(__file__).with_suffix(".json")

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_THESE = 'model=~"$model",version=~"$version"'
_MODELS = 'model=~"$model"'
_BY_VERSION = "{{model}} {{version}}"
_WIDE, _HALF, _THIRD, _QUARTER = 24, 12, 8, 6

_GREEN, _AMBER, _RED = "green", "orange", "red"


def main() -> int:
    FILE.write_text(text(), encoding="utf-8")
    return 0


def text() -> str:
    """Return the dashboard as the file has it."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


def build() -> models.Dashboard:
    board = (
        dashboard.Dashboard("Hearth")
        .uid("hearth")
        .description("Models at work: what is asked of them, and whether they still answer right.")
        .tags(["hearth", "onnx"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("data source").type("prometheus")
        )
        .with_variable(_variable("model", models.VariableSort.ALPHABETICAL_ASC))
        .with_variable(_variable("version", models.VariableSort.NUMERICAL_ASC, among=f",{_MODELS}"))
    )
    ids = count(1)
    for title, panels in (
        ("At a glance", _glance()),
        ("Traffic and errors", _traffic()),
        ("Latency", _latency()),
        ("Cold starts", _cold()),
        ("Drift and data quality", _drift()),
        ("Quality", _quality()),
        ("Rollout", _rollout()),
        ("Freshness", _freshness()),
    ):
        board.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            board.with_panel(panel.id(next(ids)))
    return board.build()


def _variable(name: str, sort: models.VariableSort, among: str = "") -> dashboard.QueryVariable:
    # A version may be judged before it is asked, and asked before it is judged.
    known = f'{{__name__=~"hearth_version_state|hearth_requests_total"{among}}}'
    return (
        dashboard.QueryVariable(name)
        .label(name)
        .datasource(_SOURCE)
        .query({"query": f"label_values({known}, {name})", "refId": name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(sort)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


# ---- panels


def _graph(title: str, help_: str, unit: str, span: int = _HALF) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(show_legend=True)
    )
    return (
        timeseries.Panel()
        .title(title)
        .description(help_)
        .datasource(_SOURCE)
        .unit(unit)
        .min(0)
        .fill_opacity(8)
        .legend(legend)
        .height(8)
        .span(span)
    )


def _figure(title: str, help_: str, unit: str, expression: str) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(help_)
        .datasource(_SOURCE)
        .unit(unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(_QUARTER)
        .with_target(_now(expression, "A"))
    )


def _steps(amber: float, red: float) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                models.Threshold(value=None, color=_GREEN),
                models.Threshold(value=amber, color=_AMBER),
                models.Threshold(value=red, color=_RED),
            ]
        )
    )


def _line(expression: str, legend: str, name: str = "A") -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(_SOURCE)
        .ref_id(name)
        .expr(expression)
        .legend_format(legend)
        .range()
    )


def _now(expression: str, name: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(_SOURCE).ref_id(name).expr(expression).instant()


def _rate(metric: str, by: str = "model, version", more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_THESE}{more}}}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str = "model, version") -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'{by}, le')})"


_Panels = list[timeseries.Panel | stat.Panel | table.Panel]


def _glance() -> _Panels:
    all_requests = f"sum(rate(hearth_requests_total{{{_THESE}}}[$__rate_interval]))"
    failed = f'sum(rate(hearth_requests_total{{{_THESE},status=~"5.."}}[$__rate_interval]))'
    return [
        _figure("Requests", "Predictions a second.", "reqps", all_requests),
        _figure(
            "Server errors",
            "Share of the predictions that failed.",
            "percentunit",
            f"({failed} or vector(0)) / ({all_requests} > 0)",
        ).thresholds(_steps(0.001, 0.01)),
        _figure(
            "Drifted versions",
            "What they are asked, or answer, has moved away from the baseline.",
            "short",
            f'count(hearth_drift{{{_THESE},verdict="drifted"}} == 1) or vector(0)',
        ).thresholds(_steps(1, 1000)),
        _figure(
            "Failed quality gates",
            "Versions that are not as right as their thresholds ask for.",
            "short",
            f"count(hearth_quality_gate_failed{{{_THESE}}} == 1) or vector(0)",
        ).thresholds(_steps(1, 1)),
    ]


def _traffic() -> _Panels:
    failed = _rate("hearth_requests_total", more=',status=~"5.."')
    refused = _rate("hearth_requests_total", more=',status=~"4.."')
    every = f"({_rate('hearth_requests_total')} > 0)"
    return [
        _graph("Requests", "Predictions a second, refused ones too.", "reqps").with_target(
            _line(_rate("hearth_requests_total"), _BY_VERSION)
        ),
        _graph("Rows", "Examples that were answered, a second.", "short").with_target(
            _line(_rate("hearth_rows_total"), _BY_VERSION)
        ),
        _graph("Errors", "Share of the requests; server errors are Hearth's.", "percentunit")
        .with_target(_line(f"{failed} / {every}", f"server {_BY_VERSION}"))
        .with_target(_line(f"{refused} / {every}", f"client {_BY_VERSION}", "B")),
        _graph("Errors by class", "Refused requests a second.", "reqps").with_target(
            _line(_rate("hearth_errors_total", "error"), "{{error}}")
        ),
        _graph("Body size", "Medians of bodies and answers.", "bytes")
        .with_target(_line(_quantile(0.5, "hearth_request_size_bytes"), f"body {_BY_VERSION}"))
        .with_target(
            _line(_quantile(0.5, "hearth_response_size_bytes"), f"answer {_BY_VERSION}", "B")
        ),
        _graph("Batch size", "Median and 99th percentile of rows a request.", "short")
        .with_target(_line(_quantile(0.5, "hearth_batch_rows"), f"p50 {_BY_VERSION}"))
        .with_target(_line(_quantile(0.99, "hearth_batch_rows"), f"p99 {_BY_VERSION}", "B")),
    ]


def _latency() -> _Panels:
    whole = _graph("From event to answer", "Percentiles of all requests.", "s")
    for name, share in (("A", 0.5), ("B", 0.9), ("C", 0.99)):
        expression = _quantile(share, "hearth_request_duration_seconds")
        whole.with_target(_line(expression, f"p{share * 100:.0f} {_BY_VERSION}", name))
    parts = _graph("Where the time goes", "Mean of each step.", "s")
    for name, step in (("A", "model"), ("B", "decode"), ("C", "encode")):
        metric = f"hearth_{step}_duration_seconds"
        mean = f"{_rate(f'{metric}_sum')} / ({_rate(f'{metric}_count')} > 0)"
        parts.with_target(_line(mean, f"{step} {_BY_VERSION}", name))
    return [whole, parts]


def _cold() -> _Panels:
    every = f"({_rate('hearth_requests_total')} > 0)"
    return [
        _graph("Cold starts", "Share of requests that waited.", "percentunit").with_target(
            _line(f"{_rate('hearth_cold_starts_total')} / {every}", _BY_VERSION)
        ),
        _graph("Opening the model", "Median and 99th percentile of those who waited.", "s")
        .with_target(_line(_quantile(0.5, "hearth_load_duration_seconds"), f"p50 {_BY_VERSION}"))
        .with_target(
            _line(_quantile(0.99, "hearth_load_duration_seconds"), f"p99 {_BY_VERSION}", "B")
        ),
    ]


def _drift() -> _Panels:
    return [
        _graph(
            "Distance by feature",
            "Jensen-Shannon distance from the baseline; those that moved farthest.",
            "none",
        ).with_target(
            _line(
                f"topk(20, hearth_feature_drift_distance{{{_THESE}}})",
                "{{model}} {{version}} {{feature}}",
            )
        ),
        _graph(
            "Over the line",
            "Distance over what it had to exceed; over 1 it counts as drift.",
            "none",
        ).with_target(
            _line(
                f"topk(20, hearth_feature_drift_distance{{{_THESE}}}"
                f" / (hearth_feature_drift_line{{{_THESE}}} > 0))",
                "{{model}} {{version}} {{feature}}",
            )
        ),
        _graph("Drifted features", "Share of those that could be judged.", "percentunit", _THIRD)
        .max(1)
        .with_target(_line(f"hearth_drifted_features_ratio{{{_THESE}}}", _BY_VERSION)),
        _graph("Violations", "Broken constraints of data quality.", "short", _THIRD).with_target(
            _line(f"hearth_violations{{{_THESE}}}", _BY_VERSION)
        ),
        _table(
            "Drifted now",
            "Features and outputs that have moved.",
            f"hearth_feature_drifted{{{_THESE}}} == 1",
            _THIRD,
        ),
    ]


def _quality() -> _Panels:
    return [
        _graph("Metrics", "Over the labelled predictions of the window.", "none").with_target(
            _line(f"hearth_quality{{{_THESE}}}", "{{model}} {{version}} {{metric}}")
        ),
        _graph(
            "Accuracy, measured and estimated",
            "The estimate is from confidences alone, and too high off the baseline.",
            "percentunit",
            _QUARTER,
        )
        .with_target(_line(f'hearth_quality{{{_THESE},metric="accuracy"}}', f"is {_BY_VERSION}"))
        .with_target(
            _line(f"hearth_estimated_accuracy_ratio{{{_THESE}}}", f"estimate {_BY_VERSION}", "B")
        ),
        _graph("Labelled predictions", "That feedback names.", "short", _QUARTER)
        .with_target(_line(f"hearth_labelled_rows{{{_THESE}}}", _BY_VERSION))
        .with_target(
            _line(f"hearth_quality_gate_failed{{{_THESE}}}", f"gate failed {_BY_VERSION}", "B")
        ),
    ]


def _rollout() -> _Panels:
    total = f"{_rate('hearth_routed_requests_total', 'model, route')} > 0"
    routed = _rate("hearth_routed_requests_total", "model, route, version")
    return [
        _graph("Weights by label", "Share that each version should get.", "percentunit")
        .max(1)
        .with_target(
            _line(f"hearth_label_weight_ratio{{{_THESE}}}", "{{model}} {{label}} {{version}}")
        ),
        _graph("Traffic by label", "Share that each version did get.", "percentunit")
        .max(1)
        .with_target(
            _line(
                f"{routed} / on (model, route) group_left () ({total})",
                "{{model}} {{route}} {{version}}",
            )
        ),
        _table(
            "States",
            "Where each version is.",
            f"hearth_version_state{{{_THESE}}} == 1",
            _HALF,
        ),
        _table(
            "Verdicts",
            "Of the newest report on each model.",
            f"hearth_model_verdict{{{_MODELS}}} == 1",
            _HALF,
        ),
    ]


def _freshness() -> _Panels:
    return [
        _figure(
            "Totals",
            "Since requests were last added up: once a minute.",
            "s",
            "time() - max(hearth_totals_timestamp_seconds)",
        ).thresholds(_steps(300, 900)),
        _figure(
            "Oldest report",
            "Since the model was judged: every 15 minutes.",
            "s",
            f"max(time() - hearth_report_timestamp_seconds{{{_MODELS}}})",
        ).thresholds(_steps(1800, 3600)),
        _figure(
            "Last request",
            "Since the newest prediction that is counted.",
            "s",
            f"time() - max(hearth_last_request_timestamp_seconds{{{_THESE}}})",
        ),
        _figure("Releases", "That answer.", "short", "count(hearth_build_info)"),
        _graph("Set aside", "What of the window could not be used.", "short", _WIDE).with_target(
            _line(f"hearth_set_aside_items{{{_MODELS}}}", "{{model}} {{reason}}")
        ),
    ]


def _table(title: str, help_: str, expression: str, span: int) -> table.Panel:
    hidden = dict.fromkeys(("Time", "Value", "__name__", "instance", "job"), True)
    return (
        table.Panel()
        .title(title)
        .description(help_)
        .datasource(_SOURCE)
        .show_header(show_header=True)
        .height(8)
        .span(span)
        .with_target(_now(expression, "A").format(PromQueryFormat.TABLE))
        .with_transformation(
            models.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
        )
    )


if __name__ == "__main__":
    sys.exit(main())

"""Alarms and dashboard of CloudWatch ask for metrics that exist, in the shapes that it documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hearth_local import intrinsics

INFRA = Path(__file__).resolve().parents[2] / "infra"

# What a prediction's record and a judgement emit, by the dimensions that they have.
OF_PREDICTIONS = {
    "Requests", "Errors", "ClientErrors", "ServerErrors", "Latency", "ModelLatency",
    "DecodeLatency", "EncodeLatency", "RequestBytes", "ResponseBytes", "BatchSize", "ColdStarts",
    "LoadTime",
}  # fmt: skip
OF_VERDICTS = {"Drifted", "DriftedFeatures", "QualityFailed", "Violations", "Unwell"}
BY_DIMENSIONS = {
    "model": OF_PREDICTIONS | OF_VERDICTS,
    "model,version,route": OF_PREDICTIONS,
}

QUERY = re.compile(
    r'SELECT (AVG|MAX|MIN|SUM|COUNT)\((\w+)\) FROM SCHEMA\("Hearth", "model"\)'
    r'(?P<grouped> GROUP BY "model" ORDER BY \1\(\) DESC)?'
)
SEARCH = re.compile(
    r"SEARCH\('\{Hearth,([\w,]+)\} MetricName=\"(\w+)\"', '(Sum|Average|Maximum|p\d\d)', (\d+)\)"
)
THREE_HOURS = 3 * 3600


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = intrinsics.parse((INFRA / name).read_text(encoding="utf-8"))
    return found


ALARMS = read("model_alarms.yaml")["Resources"]


@pytest.fixture(params=sorted(ALARMS))
def alarm(request: pytest.FixtureRequest) -> dict[str, Any]:
    properties: dict[str, Any] = ALARMS[request.param]["Properties"]
    return properties


def test_an_alarm_asks_for_all_models_with_one_query(alarm: dict[str, Any]) -> None:
    """Each model has a state of its own, which takes GROUP BY and ORDER BY."""
    [query] = alarm["Metrics"]
    found = QUERY.fullmatch(query["Expression"])
    assert found, query["Expression"]
    assert found[2] in BY_DIMENSIONS["model"]
    assert found["grouped"] or alarm is ALARMS["Silent"]["Properties"]
    assert query["ReturnData"] is True


def test_an_alarm_looks_no_further_back_than_its_query_can(alarm: dict[str, Any]) -> None:
    """Metrics Insights has three hours of data for an alarm, in periods of whole minutes."""
    [query] = alarm["Metrics"]
    assert query["Period"] % 60 == 0
    assert query["Period"] * alarm["EvaluationPeriods"] <= THREE_HOURS
    assert alarm.get("DatapointsToAlarm", 1) <= alarm["EvaluationPeriods"]


def test_an_alarm_says_what_it_means_and_tells_somebody(alarm: dict[str, Any]) -> None:
    """Also when it is over; and what no data means is decided, not left to the default."""
    assert alarm["AlarmDescription"].endswith(".")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Topic"}]
    assert alarm["TreatMissingData"] in ("notBreaching", "breaching", "ignore")


def test_every_verdict_has_an_alarm() -> None:
    """DriftedFeatures counts what Drifted decides."""
    asked = {
        QUERY.fullmatch(a["Properties"]["Metrics"][0]["Expression"])[2] for a in ALARMS.values()
    }  # type: ignore[index]
    assert OF_VERDICTS - asked == {"DriftedFeatures"}


def test_the_output_names_every_alarm_that_is_always_there() -> None:
    """The dashboard shows them."""
    [_, arns] = read("model_alarms.yaml")["Outputs"]["Arns"]["Value"]["Fn::Join"]
    named = [item["Fn::GetAtt"][0] for item in arns]
    assert named == [name for name, item in ALARMS.items() if "Condition" not in item]
    assert len(named) <= 100


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    """The dashboard as CloudWatch gets it."""
    properties = read("dashboard.yaml")["Resources"]["Dashboard"]["Properties"]
    text, more = properties["DashboardBody"]["Fn::Sub"]
    separator, _ = more["AlarmList"]["Fn::Join"]
    arns = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}" for name in ("a", "b")]
    text = text.replace("${AlarmList}", separator.join(arns)).replace("${AWS::Region}", "eu-west-1")
    assert "${" not in text
    found: dict[str, Any] = json.loads(text)
    return found


MEMBERS = {
    "text": {"markdown"},
    "alarm": {"title", "alarms", "sortBy"},
    "metric": {"title", "region", "view", "stacked", "metrics", "yAxis", "period", "stat"},
}


def test_widgets_have_the_documented_members(body: dict[str, Any]) -> None:
    """Type, place and properties, each within its bounds."""
    assert set(body) <= {"start", "end", "periodOverride", "variables", "widgets"}
    assert 0 < len(body["widgets"]) <= 500
    for widget in body["widgets"]:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert 0 <= widget["x"] <= 23
        assert 1 <= widget["width"] <= 24 - widget["x"]
        assert 1 <= widget["height"] <= 1000
        assert set(widget["properties"]) <= MEMBERS[widget["type"]]


def test_widgets_do_not_overlap(body: dict[str, Any]) -> None:
    """Each cell of the grid belongs to one of them."""
    cells: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        taken = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not taken & cells, widget
        cells |= taken


def metric_widgets(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [w["properties"] for w in body["widgets"] if w["type"] == "metric"]


def test_graphs_ask_for_metrics_that_exist(body: dict[str, Any]) -> None:
    """By a search over all models, or by name for the chosen one."""
    for properties in metric_widgets(body):
        assert properties["region"] == "eu-west-1"
        assert properties["view"] == "timeSeries"
        for metric in properties["metrics"]:
            if isinstance(metric[0], dict):
                found = SEARCH.fullmatch(metric[0]["expression"])
                assert found, metric
                assert found[2] in BY_DIMENSIONS[found[1]]
                assert int(found[4]) == metric[0]["period"]
            else:
                namespace, name, dimension, _, *options = metric
                assert (namespace, dimension) == ("Hearth", "model")
                assert name in OF_PREDICTIONS
                assert "stat" in properties or "stat" in options[0]
                assert properties["period"] % 60 == 0


def test_searches_of_a_widget_have_an_id_of_their_own(body: dict[str, Any]) -> None:
    """Ids begin with a small letter."""
    for properties in metric_widgets(body):
        ids = [m[0]["id"] for m in properties["metrics"] if isinstance(m[0], dict)]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z]\w*", i) for i in ids)


def test_every_metric_is_on_the_page(body: dict[str, Any]) -> None:
    """`Errors` is the sum of two that are."""
    metrics = [metric for properties in metric_widgets(body) for metric in properties["metrics"]]
    searched = [SEARCH.fullmatch(m[0]["expression"]) for m in metrics if isinstance(m[0], dict)]
    shown = {found[2] for found in searched if found} | {m[1] for m in metrics if len(m) > 1}
    assert (OF_PREDICTIONS | OF_VERDICTS) - shown == {"Errors"}


def test_the_model_is_chosen_from_those_that_there_are(body: dict[str, Any]) -> None:
    """The variable takes the place of the dimension `model` wherever a metric is named."""
    [variable] = body["variables"]
    assert (variable["type"], variable["property"]) == ("property", "model")
    assert variable["populateFrom"] == "model"
    assert variable["search"] == '{Hearth,model} MetricName="Requests"'

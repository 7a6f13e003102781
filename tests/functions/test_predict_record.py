"""The one line that a prediction writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain.identity import STABLE
from support import events
from support.calling import Caller, infer_body

GOOD = {"instances": [[1, 2, 3, 4]]}
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Lines:
    """What was written to the log since it was last looked at: each line a JSON object."""

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return lines


def test_prediction_writes_one_record(warm: Caller, written: Lines) -> None:
    """Each prediction is one line: who asked what of which version, and how long it took."""
    warm.post("/v1/models/m:predict", GOOD, request_id="JKJaXmPLvHcESHA=")

    [record] = written()
    assert record["record"] == "hearth.prediction/1"
    assert record["request_id"] == "JKJaXmPLvHcESHA="
    assert (record["model"], record["version"]) == ("m", "1")
    assert (record["route"], record["why"]) == (STABLE, "label")
    assert (record["status"], record["error"]) == (200, "")
    assert (record["Requests"], record["Errors"]) == (1, 0)
    assert 0 < record["ModelLatency"] < record["Latency"]
    assert record["LoadTime"] == 0


@pytest.mark.parametrize(
    ("path", "route", "why"),
    [
        ("/v1/models/m:predict", STABLE, "label"),
        ("/v1/models/m/labels/stable:predict", STABLE, "label"),
        ("/v1/models/m/versions/1:predict", "-", "version"),
    ],
)
def test_record_says_by_which_route(
    warm: Caller, written: Lines, path: str, route: str, why: str
) -> None:
    """The label that led to the version, or none; a dimension is never empty."""
    warm.post(path, GOOD)

    [record] = written()
    assert (record["route"], record["why"]) == (route, why)


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/v1/models/m:predict", b"", 400, "MalformedBody"),
        ("/v1/models/m:predict", {"instances": [[1]]}, 400, "SignatureMismatch"),
        ("/v1/models/m:classify", {}, 400, "MalformedBody"),
        ("/v1/models/m:regress", {"examples": [{}]}, 400, "SignatureMismatch"),
        ("/v2/models/m/infer", {"inputs": []}, 400, "SignatureMismatch"),
        ("/v1/models/paired:predict", {"inputs": [1]}, 500, "ModelFailed"),
        ("/v1/models/zeros:predict", {"inputs": [2_000_000]}, 413, "PayloadTooLarge"),
    ],
)
def test_refused_prediction_writes_one_record(
    warm: Caller, written: Lines, path: str, body: Any, status: int, error: str
) -> None:
    """A prediction that is refused or fails is one line too, with the error's class."""
    assert warm.post(path, body).status == status

    [record] = written()
    assert (record["status"], record["error"]) == (status, error)
    assert (record["Requests"], record["Errors"]) == (1, 1)


def test_prediction_of_an_unknown_model_writes_one_record(
    predict: Caller, bucket: str, written: Lines
) -> None:
    """What was asked of a model that is not there is one line: it has no version."""
    assert predict.post("/v1/models/none:predict", GOOD).status == 404

    [record] = written()
    assert (record["model"], record["version"], record["error"]) == ("none", "0", "UnknownModel")
    # Names that callers make up must not become metrics, which cost money each.
    assert record["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


def test_prediction_that_opens_its_model_records_the_time(
    predict: Caller, serve: Callable[..., Any], written: Lines
) -> None:
    """The first prediction of a version says what opening took, the next that it took nothing."""
    serve("m")
    written()

    predict.post("/v1/models/m:predict", GOOD)
    predict.post("/v1/models/m:predict", GOOD)

    first, second = written()
    assert 0 < first["LoadTime"] < first["Latency"]
    assert second["LoadTime"] == 0


@pytest.mark.parametrize(
    "path", ["/v1/models/m/metadata", "/v2/models/m", "/v2/models/m/config", "/v1/models/m/none"]
)
def test_other_requests_write_no_record(warm: Caller, written: Lines, path: str) -> None:
    """Metadata, and what is no prediction at all, are not counted as predictions."""
    warm.get(path)

    assert written() == []


def test_record_is_written_before_the_answer_is_given(
    warm: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    """When the handler returns, the line is out of this process: nothing waits in a buffer."""
    warm.handler(events.http("POST", "/v1/models/m:predict", json.dumps(GOOD)), None)

    assert len(capfd.readouterr().out.splitlines()) == 1


def test_record_is_valid_embedded_metric_format(warm: Caller, written: Lines) -> None:
    """Each metric is a number of the line, each dimension a text of it that is not empty."""
    body, headers = infer_body([ROW], id="größe\n")
    warm.post("/v2/models/m/infer", body, headers=headers)
    warm.post("/v1/models/m/versions/1:predict", GOOD)
    warm.post("/v1/models/m:predict", b"{")

    records = written()
    assert len(records) == 3
    for record in records:
        envelope = record["_aws"]
        assert isinstance(envelope["Timestamp"], int)
        assert envelope["Timestamp"] > 1_700_000_000_000
        [directive] = envelope["CloudWatchMetrics"]
        assert directive["Namespace"] == "Hearth"
        for metric in directive["Metrics"]:
            assert metric["Unit"] in ("Count", "Milliseconds")
            assert isinstance(record[metric["Name"]], int | float)
            assert not isinstance(record[metric["Name"]], bool)
        assert 1 <= len(directive["Metrics"]) <= 100
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            for name in dimensions:
                assert isinstance(record[name], str)
                assert 0 < len(record[name]) <= 1024


def test_record_holds_nothing_of_the_tensors(warm: Caller, written: Lines) -> None:
    """A record is about a prediction, not a copy of it."""
    warm.post("/v1/models/same-BYTES:predict", {"instances": ["a secret of the caller's"]})

    [record] = written()
    assert "secret" not in json.dumps(record)

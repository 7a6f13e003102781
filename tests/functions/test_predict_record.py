"""The one line that a prediction writes."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import predict as predict_module
import pytest
from hearth.domain.errors import SignatureMismatch
from hearth.domain.identity import STABLE
from hearth.domain.monitoring import Monitoring, WatchedInput
from hearth.edge.headers import SLICES
from hearth.publishing.publication import Publisher, Source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import emf, events, watching, zoo
from support.calling import Caller, infer_body

GOOD = {"instances": [[1, 2, 3, 4]]}
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
INFER, PREDICT = "/v2/models/m/infer", "/v1/models/m:predict"

ALWAYS = {"Requests", "Errors", "ClientErrors", "ServerErrors", "Latency", "RequestBytes"}
ANSWERED = {"ModelLatency", "DecodeLatency", "EncodeLatency", "ResponseBytes", "BatchSize"}

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Lines:
    """What was written to the log since it was last looked at: each line is valid EMF."""

    def lines() -> list[dict[str, Any]]:
        return [emf.read(line) for line in capfd.readouterr().out.split("\n")[:-1]]

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
    assert (record["ClientErrors"], record["ServerErrors"]) == (0, 0)
    parts = [record[f"{part}Latency"] for part in ("Model", "Decode", "Encode")]
    assert all(part > 0 for part in parts)
    assert sum(parts) < record["Latency"]
    assert record["RequestBytes"] == len(json.dumps(GOOD))
    assert record["ResponseBytes"] == len('{"predictions":[[3.0,5.0,7.0,9.0]]}')
    assert record["BatchSize"] == 1
    assert emf.metrics(record) == ALWAYS | ANSWERED


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
    assert record["ClientErrors"] == (status < 500)
    assert record["ServerErrors"] == (status >= 500)
    # What was not measured is no metric: zeros would pull the averages of the others down.
    assert emf.metrics(record) == ALWAYS


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
    """The first prediction of a version says what opening took, the next does not mention it."""
    serve("m")
    written()

    predict.post("/v1/models/m:predict", GOOD)
    predict.post("/v1/models/m:predict", GOOD)

    first, second = written()
    assert 0 < first["LoadTime"] < first["Latency"]
    assert first["ColdStarts"] == 1
    assert emf.metrics(first) == ALWAYS | ANSWERED | {"ColdStarts", "LoadTime"}
    assert not {"ColdStarts", "LoadTime"} & second.keys()
    assert emf.metrics(second) == ALWAYS | ANSWERED


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


def test_record_holds_any_caller_id_as_valid_embedded_metric_format(
    warm: Caller, written: Lines
) -> None:
    """Whatever text a caller gives as its id, the line stays one and valid."""
    body, headers = infer_body([ROW], id="größe\n")
    warm.post("/v2/models/m/infer", body, headers=headers)

    [record] = written()
    assert record["caller_id"] == "größe\n"


def test_record_holds_nothing_of_the_tensors(warm: Caller, written: Lines) -> None:
    """A record is about a prediction, not a copy of it."""
    warm.post("/v1/models/same-BYTES:predict", {"instances": ["a secret of the caller's"]})

    [record] = written()
    assert "secret" not in json.dumps(record)


# ------------------------------------------------------------------------------------- who asked


def asked(**members: Any) -> bytes:
    return json.dumps({"inputs": [ROW], **members}).encode()


@pytest.mark.parametrize(
    ("path", "body", "headers", "caller"),
    [
        (INFER, asked(id="42"), {}, "42"),
        (INFER, asked(id="42"), {"x-request-id": "h"}, "42"),
        (INFER, asked(), {"x-request-id": "h"}, "h"),
        (PREDICT, GOOD, {"x-request-id": "h"}, "h"),
        (PREDICT, b"{", {"x-request-id": "h"}, "h"),
        (PREDICT, GOOD, {}, None),
        (INFER, asked(id=""), {}, None),
        (INFER, asked(id="x" * 256), {}, "x" * 256),
        (INFER, asked(id="x" * 257), {}, None),
        (PREDICT, GOOD, {"x-request-id": "\ud800"}, None),
    ],
)
def test_record_names_the_callers_own_id(
    warm: Caller, written: Lines, path: str, body: Any, headers: dict[str, str], caller: Any
) -> None:
    """The body's id or the header's is in the record, whole or not at all."""
    warm.post(path, body, headers=headers)

    [record] = written()
    assert record.get("caller_id") == caller


@pytest.mark.parametrize(
    ("header", "slices", "refused"),
    [
        ("region=eu,device=phone", {"region": "eu", "device": "phone"}, None),
        (" region = eu ,, a.b_c-d=größe 1;2=3 ", {"region": "eu", "a.b_c-d": "größe 1;2=3"}, None),
        ("region", None, 1),
        ("region=,=eu,re gion=eu,region=\t\x7f", None, 4),
        (f"{'n' * 64}={'v' * 64},{'n' * 65}=v,n={'v' * 65}", {"n" * 64: "v" * 64}, 2),
        ("a=1,a=2", {"a": "1"}, 1),
        ("a=1,b=2,c=3,d=4,e=5,f=6,g=7", {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}, 2),
        ("a=\ud800,b=2", {"b": "2"}, 1),
        ("", None, None),
    ],
)
def test_record_names_the_callers_slices(
    warm: Caller, written: Lines, header: str, slices: Any, refused: Any
) -> None:
    """Groups of the header are in the record; what is none is left out and counted."""
    warm.post(PREDICT, GOOD, headers={SLICES.lower(): header})

    [record] = written()
    assert record["status"] == 200
    assert (record.get("slices"), record.get("slices_refused")) == (slices, refused)


def test_direct_invoke_has_slices_and_an_id(
    predict: Caller, serve: Callable[..., Any], written: Lines
) -> None:
    """A direct invoke names its slices in `headers`; its record has Lambda's id."""
    serve("m")
    written()
    event = {"route": PREDICT, **GOOD, "headers": {SLICES: "region=eu"}}

    predict.handler(event, events.Context())
    with pytest.raises(SignatureMismatch):
        predict.handler({**event, "instances": [[1]]}, events.Context())

    for record in written():
        assert record["slices"] == {"region": "eu"}
        assert record["request_id"] == events.Context().aws_request_id


# ---------------------------------------------------------------------------------------- its id


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, GOOD, 200),
        (PREDICT, b"{", 400),
        ("/v1/models/none:predict", GOOD, 404),
        ("/v1/models/paired:predict", {"inputs": [1]}, 500),
        (INFER, asked(parameters={"binary_data_output": True}), 200),
    ],
)
@pytest.mark.parametrize("given_id", ["JKJaXmPLvHcESHA=", ""])
def test_answer_names_the_id_that_is_in_the_record(
    predict: Caller,
    serve: Callable[..., Any],
    written: Lines,
    path: str,
    body: Any,
    status: int,
    given_id: str,
) -> None:
    """An answer and an error alike say by which id feedback finds the record; it is never empty."""
    serve("m")
    serve("paired", zoo.PAIRED)
    written()

    reply = predict.post(path, body, request_id=given_id)

    assert reply.status == status
    [record] = written()
    assert reply.headers["x-request-id"] == record["request_id"] != ""
    assert record["request_id"] == (given_id or record["request_id"])


def test_answer_names_its_id_even_where_a_fault_is_ours(
    predict: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw has an id as well."""
    monkeypatch.delenv("HEARTH_BUCKET")
    reply = predict.post(PREDICT, GOOD)
    assert reply.status == 500
    assert reply.headers["x-request-id"] == "JKJaXmPLvHcESHA="


def test_direct_answer_in_binary_names_its_id(predict: Caller, serve: Callable[..., Any]) -> None:
    """Where a direct invoke gets headers at all, the id is among them."""
    serve("m")
    event = {"route": INFER, "inputs": [ROW], "parameters": {"binary_data_output": True}}

    answer = predict.handler(event, events.Context())

    assert answer["headers"]["X-Request-Id"] == events.Context().aws_request_id


@pytest.mark.parametrize("body", [GOOD, {"instances": [[1]]}])
def test_stored_answer_names_its_id(
    predict: Caller, serve: Callable[..., Any], s3: Any, bucket: str, body: Any
) -> None:
    """What is written to the bucket, an error too, says by which id feedback finds the record."""
    serve("m")
    key = "payloads/a.json"
    reply = predict.post(PREDICT, body, headers={"x-hearth-output-location": key})

    stored = s3.head_object(Bucket=bucket, Key=key if reply.status == 200 else f"{key}.error.json")
    assert stored["Metadata"]["x-request-id"] == reply.headers["x-request-id"]


# ------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("model", "body", "batch"),
    [
        ("m", {"instances": [[1, 2, 3, 4]] * 7}, 7),
        ("scalar", {"inputs": 5}, 1),
        ("optional", {"inputs": {"x": [1, 2, 3], "factor": [2]}}, 3),
        ("pair", {"inputs": {"a": [[1, 2], [3, 4]], "b": [1, 2]}}, 2),
        ("zeros", {"inputs": [3]}, 1),
        ("same-BYTES", {"instances": ["a", "b"]}, 2),
        ("anyhow", {"inputs": [1, 2]}, 2),
        ("grid", {"inputs": [[[1, 2, 3], [4, 5, 6]]]}, 1),
    ],
)
def test_record_counts_the_examples(
    warm: Caller, written: Lines, model: str, body: Any, batch: int
) -> None:
    """A batch is as large as the dynamic first dimension; without one it is 1."""
    reply = warm.post(f"/v1/models/{model}:predict", body)

    [record] = written()
    assert (reply.status, record["BatchSize"]) == (200, batch)


def test_record_counts_bytes_before_compression(warm: Caller, written: Lines) -> None:
    """Sizes are those of the bodies themselves, however they travelled."""
    body = json.dumps({"instances": [[1, 2, 3, 4]] * 500}).encode()
    headers = {"content-encoding": "gzip", "accept-encoding": "gzip"}

    reply = warm.post(PREDICT, gzip.compress(body), headers=headers)

    [record] = written()
    assert record["RequestBytes"] == len(body)
    assert record["ResponseBytes"] == len(gzip.decompress(reply.body))


# ------------------------------------------------------------------------------- what is captured

COLUMNS = WatchedInput("x", "columns", ("a", "b", "c"))
SCORED = Monitoring(capture="all", inputs=(COLUMNS,), task="classification", scores="scores")


@pytest.fixture
def serve_watched(
    publisher: Publisher, onnx_file: Callable[..., Any], load: Callable[..., Any]
) -> Callable[..., None]:
    """`serve_watched(name, text, monitoring)`: serve a version that is watched."""

    def serve(name: str, text: str, monitoring: Monitoring, **source: Any) -> None:
        watching.publish(publisher, Source(name, onnx_file(text), **source), monitoring)
        assert load(name).state == "AVAILABLE"

    return serve


def test_record_of_a_watched_version_holds_its_rows(
    predict: Caller, serve_watched: Callable[..., None], written: Lines
) -> None:
    """Features and outcomes of each row are in the record of an answered request, not of others."""
    serve_watched("w", zoo.SCORED, SCORED, class_labels=("cat", "dog", "bird"))
    written()
    rows = [[0.1, 0.7, 0.2], [1, 0, 0]]

    predict.post("/v1/models/w:predict", {"instances": rows})
    predict.post("/v1/models/w:classify", {"examples": [{"x": rows[0]}]})
    predict.post("/v1/models/w:predict", {"instances": [[1]]})

    predicted, classified, refused = written()
    assert predicted["features"] == predicted["scores"] == rows
    assert predicted["predicted"] == ["dog", "cat"]
    assert classified["features"] == [rows[0]]
    assert classified["predicted"] == ["dog"]
    captured = {"features", "predicted", "scores", "captured", "capture_error"}
    assert not captured & refused.keys()
    assert not {"captured", "capture_error"} & predicted.keys()


def test_fault_while_capturing_leaves_the_answer_as_it_is(
    predict: Caller, serve_watched: Callable[..., None], written: Lines
) -> None:
    """A manifest that does not fit its model's tensors costs a word in the record, no answer."""
    wrong = Monitoring(
        capture="all",
        inputs=(WatchedInput("x", "columns", ("a", "b")),),
        task="classification",
        scores="scores",
    )
    serve_watched("w", zoo.SCORED, wrong)
    written()

    reply = predict.post("/v1/models/w:predict", {"instances": [[0, 1, 0]]})

    assert reply.json == {"predictions": [[0, 1, 0]]}
    [record] = written()
    assert (record["status"], record["capture_error"]) == (200, "SignatureMismatch")
    assert record["predicted"] == ["1"]
    assert "features" not in record


def test_line_never_exceeds_what_a_log_event_may_have(
    predict: Caller, serve_watched: Callable[..., None], written: Lines
) -> None:
    """Whatever a manifest allows, a line stays within CloudWatch's older bound of 256 KB."""
    greedy = Monitoring(
        capture="all", inputs=(COLUMNS,), task="regression", scores="scores", max_bytes=1 << 30
    )
    serve_watched("w", zoo.SCORED, greedy)
    written()
    rows = [[number / 7, number / 11, number / 13] for number in range(20_000)]
    headers = {
        "x-request-id": "\n" * 256,
        SLICES.lower(): ",".join(f"{n}={'ü' * 64}" for n in "abcde"),
    }

    reply = predict.post("/v1/models/w:predict", {"instances": rows}, headers=headers)

    assert reply.status == 200
    [record] = written()
    assert len(record["captured"]) == len(record["features"]) == len(record["values"]) > 1000
    assert record["BatchSize"] == 20_000


@pytest.fixture
def watched(predict: Caller, serve_watched: Callable[..., None]) -> Caller:
    serve_watched("w", zoo.SCORED, SCORED)
    assert predict.get("/v2/models/w").status == 200
    return predict


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(
    rows=st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=40),
    headers=st.dictionaries(
        st.sampled_from([SLICES.lower(), "x-request-id", "x-hearth-routing-key"]),
        st.text(max_size=300),
    ),
    request_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_accepted_request_writes_one_valid_line(
    watched: Caller, rows: Any, headers: dict[str, str], request_id: str
) -> None:
    """Whatever numbers and headers come, the line is strict JSON, valid EMF, and bounded."""
    body = json.dumps({"instances": rows})
    event = events.http("POST", "/v1/models/w:predict", body, headers)
    event["requestContext"]["requestId"] = request_id

    with contextlib.redirect_stdout(io.StringIO()) as out:
        answer = predict_module.handler(event, events.Context())

    assert answer["statusCode"] == 200, answer
    [line] = out.getvalue().removesuffix("\n").split("\n")
    record = emf.read(line)
    assert record["request_id"] == answer["headers"]["X-Request-Id"] != ""
    assert "capture_error" not in record
    assert len(record["predicted"]) == len(record["features"])

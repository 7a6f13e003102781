"""metrics: predict's log lines become records in the bucket, once."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain.errors import BadRequest, HearthError, MalformedBody
from hearth.edge.telemetry import logger
from hearth.monitoring.records import HOUR_MS, hour_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.calling import Caller
from support.events import Context
from support.faults import Faults, answer

# Twenty minutes into the last full hour but one: near enough to be believed, far from an hour's end.
AT = (int(time.time() * 1000) // HOUR_MS - 2) * HOUR_MS + 1_200_000


def record(model: str = "m", version: str = "1", at: Any = AT, **more: Any) -> str:
    line = {
        "_aws": {"Timestamp": at},
        "record": "hearth.prediction/1",
        "model": model,
        "version": version,
        **more,
    }
    return json.dumps(line)


def batch(*lines: Any, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    """Return a CloudWatch Logs subscription event."""
    return packed(
        {
            "messageType": kind,
            "owner": "123456789012",
            "logGroup": "/hearth/predict",
            "logStream": "2026/11/23/[$LATEST]abc",
            "subscriptionFilters": ["records"],
            "logEvents": [
                {"id": str(at), "timestamp": AT, "message": line} for at, line in enumerate(lines)
            ],
        }
    )


def counted(**some: int) -> dict[str, int]:
    return {"stored": 0, "repeated": 0, "foreign": 0, "misdated": 0, **some}


def packed(document: Any) -> dict[str, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {"awslogs": {"data": base64.b64encode(gzip.compress(body)).decode()}}


@pytest.fixture
def stored(s3: Any, bucket: str) -> Callable[[], dict[str, list[str]]]:
    """What lies under records/: key to lines."""

    def look() -> dict[str, list[str]]:
        keys = [
            item["Key"]
            for item in s3.list_objects_v2(Bucket=bucket, Prefix="records/").get("Contents", [])
        ]
        return {
            key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()
            for key in keys
        }

    return look


def test_records_are_stored_by_model_version_and_hour(ingest: Callable, stored: Callable) -> None:
    """One object for each model, version and hour of a batch; its lines are the records."""
    lines = [
        record(n=1),
        record(n=2),
        record(version="2"),
        record(model="other"),
        record(at=AT + HOUR_MS),
    ]

    answer_ = ingest(batch(*lines))

    assert answer_ == counted(stored=5, repeated=0, foreign=0)
    by_folder = {key.rpartition("/")[0]: kept for key, kept in stored().items()}
    assert by_folder == {
        f"records/m/1/{hour_of(AT)}": lines[:2],
        f"records/m/2/{hour_of(AT)}": lines[2:3],
        f"records/other/1/{hour_of(AT)}": lines[3:4],
        f"records/m/1/{hour_of(AT + HOUR_MS)}": lines[4:],
    }


def test_replayed_batch_is_stored_once(ingest: Callable, stored: Callable) -> None:
    """CloudWatch may deliver a batch again: its objects have the same names, so nothing is added."""
    event = batch(record(n=1), record(n=2))

    first, again = ingest(event), ingest(event)

    assert first == counted(stored=2, repeated=0, foreign=0)
    assert again == counted(stored=0, repeated=2, foreign=0)
    assert sum(map(len, stored().values())) == 2


def test_batch_that_broke_off_is_completed_by_its_replay(
    ingest: Callable, stored: Callable, faults: Faults
) -> None:
    """Where the second of two objects could not be written, the replay writes just that."""
    event = batch(record(), record(version="2"))
    faults.on("PutObject", answer(403, "AccessDenied"), after=1, times=1)
    with pytest.raises(HearthError, match="access denied"):
        ingest(event)

    assert ingest(event) == counted(stored=1, repeated=1, foreign=0)
    assert len(stored()) == 2


@pytest.mark.parametrize(
    "line",
    [
        "",
        "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST",
        "{",
        "[]",
        "null",
        "7",
        '"hearth.prediction/1"',
        json.dumps({"level": "INFO", "message": "done"}),
        json.dumps({"record": "hearth.prediction/1"}),
        json.dumps({"record": "hearth.prediction/2", "model": "m", "version": "1"}),
        record(model="../etc"),
        record(model=""),
        record(model=None),
        record(version="one"),
        record(version=None),
        record(at="now"),
        record(at=None),
        record(at=float("nan")),
        record(at=float("inf")),
        record(at=10**30),
        json.dumps({"record": "hearth.prediction/1", "_aws": [], "model": "m", "version": "1"}),
        "[" * 100_000,
        None,
        7,
        {},
    ],
)
def test_foreign_line_is_counted_and_not_stored(
    ingest: Callable, stored: Callable, line: Any
) -> None:
    """A line that is no record of a prediction is counted; the records beside it are kept."""
    good = record()

    assert ingest(batch(line, good)) == counted(stored=1, repeated=0, foreign=1)
    assert list(stored().values()) == [[good]]


def test_foreign_lines_are_told_in_the_log(
    ingest: Callable, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreign lines are one warning a batch: the subscription's filter lets through too much."""
    log = io.StringIO()
    monkeypatch.setattr(logger("metrics").registered_handler, "stream", log)

    ingest(batch("START", "END"))

    [line] = log.getvalue().splitlines()
    warning = json.loads(line)
    assert warning["level"] == "WARNING"
    assert warning["ingested"] == counted(stored=0, repeated=0, foreign=2)


def test_control_message_stores_nothing(ingest: Callable, stored: Callable) -> None:
    """CloudWatch tries a new subscription with a control message: it holds no records."""
    answer_ = ingest(batch("CWL CONTROL MESSAGE: Checking health", kind="CONTROL_MESSAGE"))

    assert answer_ == counted(stored=0, repeated=0, foreign=0)
    assert stored() == {}


def test_records_that_predict_writes_are_records(
    ingest: Callable, stored: Callable, warm: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    """What predict prints is what metrics keeps, refusals too, byte for byte."""
    warm.post("/v1/models/m:predict", {"instances": [[1, 2, 3, 4]]})
    warm.post("/v1/models/m/versions/1:predict", b"{")
    lines = capfd.readouterr().out.splitlines()

    assert ingest(batch(*lines))["stored"] == 2
    assert sorted(line for kept in stored().values() for line in kept) == sorted(lines)


BROKEN = {
    "no data": {"awslogs": {}},
    "null": {"awslogs": None},
    "no text": {"awslogs": {"data": 7}},
    "not base64": {"awslogs": {"data": "!"}},
    "not gzip": {"awslogs": {"data": base64.b64encode(b"text").decode()}},
    "cut short": {
        "awslogs": {"data": base64.b64encode(gzip.compress(b'{"a": "bcd"}')[:-12]).decode()}
    },
    "not JSON": packed(b"{"),
    "no object": packed([1]),
    "deep": packed(b"[" * 1_000_000),
    "no events": packed({"messageType": "DATA_MESSAGE", "logGroup": "g"}),
    "events are no list": packed(
        {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": {"a": 1}}
    ),
    "event without message": packed(
        {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [{}]}
    ),
}


@pytest.mark.parametrize("how", list(BROKEN))
def test_broken_batch_is_refused(ingest: Callable, stored: Callable, how: str) -> None:
    """A batch that cannot be read is an error in words: Lambda keeps it for a look."""
    with pytest.raises(MalformedBody, match="not a CloudWatch Logs batch"):
        ingest(BROKEN[how])
    assert stored() == {}


def test_batch_that_unpacks_to_too_much_is_refused(ingest: Callable, bucket: str) -> None:
    """A few packed kilobytes do not fill the memory: more than 64 MiB is refused on the way."""
    event = packed(b" " * (65 << 20))
    assert len(event["awslogs"]["data"]) < 200_000

    with pytest.raises(MalformedBody, match="log batch is too large"):
        ingest(event)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(lines=st.lists(st.text() | st.sampled_from([record(), record(n=2)]), max_size=5))
def test_every_line_is_stored_repeated_or_foreign(ingest: Callable, lines: list[str]) -> None:
    """No line is lost: the three counts add up to the batch."""
    counts = ingest(batch(*lines))

    assert sum(counts.values()) == len(lines)


@pytest.mark.parametrize(
    ("event", "words"), [({"do": "dance"}, "no such job"), ({}, "of no known kind")]
)
def test_other_events_are_refused_in_words(metrics: Caller, event: Any, words: str) -> None:
    """An event of another kind is an error that names what there is."""
    with pytest.raises(BadRequest, match=words):
        metrics.handler(event, Context())

"""Records: lines parsed fast and exactly, places and names of objects."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hearth.monitoring.records import Place, Source, parse, place_of, source_named, source_of
from hypothesis import given
from hypothesis import strategies as st
from support import watched

AT = 1_795_469_952_833
LINE = watched.record(at=AT, features=[[1, 2]])


def plainly(line: str) -> Any:
    try:
        record = orjson.loads(line)
        at = record["_aws"] = {"Timestamp": record["_aws"]["Timestamp"]}
    except (ValueError, KeyError):
        return None
    good = record.get("record") == "hearth.prediction/1" and isinstance(at["Timestamp"], int)
    return record if good and at["Timestamp"] >= 0 else None


def other_way_round(line: str) -> str:
    record = orjson.loads(line)
    record["_aws"] = dict(reversed(record["_aws"].items()))
    return orjson.dumps(record).decode()


@pytest.mark.parametrize("line", [LINE, other_way_round(LINE)])
def test_record_is_what_its_line_says_but_for_the_directive(line: str) -> None:
    """What is for CloudWatch alone is not parsed again and again; all else is."""
    for _ in range(2):
        assert parse(line) == plainly(line)
    assert parse(json.dumps(orjson.loads(line)))["request_id"] == plainly(line)["request_id"]


@pytest.mark.parametrize(
    "line",
    [
        LINE[:-1],
        LINE + "}",
        LINE[:40] + LINE[41:],
        LINE.replace("[[1,2]]", "[[1,2]"),
        LINE.replace('"Unit":"Count"', '"Unit":"Count', 1),
        LINE.replace(',"Timestamp"', '},"x":{"Timestamp"'),
        LINE.replace('{"CloudWatchMetrics"', '{"x":{"CloudWatchMetrics"'),
        other_way_round(LINE).replace(',"CloudWatchMetrics"', '},"x":{"CloudWatchMetrics"'),
        LINE.replace(str(AT), "0" + str(AT)[1:]),
        LINE.replace(str(AT), "-" + str(AT)[1:]),
        LINE.replace(str(AT), "1" * 30),
        LINE.replace('"record":', '"records":'),
        LINE.replace("prediction/1", "prediction/11"),
    ],
)
def test_line_that_is_not_quite_a_record_is_read_as_it_stands(line: str) -> None:
    """Leaving out half of a line admits nothing that the whole would not be."""
    parse(LINE)
    found = parse(line)
    if found:
        found["_aws"] = {"Timestamp": found["_aws"]["Timestamp"]}
    assert found == plainly(line)


@given(st.integers(0, len(LINE) - 1), st.characters(codec="utf-8"))
def test_any_change_of_one_character_is_seen(at: int, character: str) -> None:
    """A broken line is foreign, wherever it is broken."""
    line = LINE[:at] + character + LINE[at + 1 :]
    try:
        whole: Any = json.loads(line, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        whole = None
    if whole is None:
        assert parse(line) is None


@pytest.mark.parametrize(
    ("model", "version", "expected"),
    [
        ("m", "1", Place("2026-11-23T21", "m", 1)),
        ("m", 7, Place("2026-11-23T21", "m", 7)),
        ("m", "0", Place("2026-11-23T21", "m", 0)),
        ("../m", "1", None),
        (None, "1", None),
        (7, "1", None),
        ("m", "one", None),
        ("m", "-1", None),
        ("m", None, None),
        ("m", "9" * 20, None),
        ("m", "²", None),
    ],
)
def test_record_lies_where_its_model_version_and_time_say(
    model: Any, version: Any, expected: Place | None
) -> None:
    """What can be no model and no version has no place."""
    assert place_of(model, version, AT // 3_600_000) == expected


def test_name_of_an_object_tells_its_stream_and_times() -> None:
    """So that what overlaps is found without reading it."""
    made = source_named("0a1b2c3d", [AT + 5, AT, AT + 2], b"x")
    assert source_of(made.name) == made
    assert (made.first_ms, made.last_ms) == (AT, AT + 5)
    assert source_of("0" * 16 + "-" + "0" * 8) is None


@pytest.mark.parametrize(
    ("stream", "first", "last", "expected"),
    [
        ("a", 5, 9, True),
        ("a", 0, 3, True),
        ("a", 9, 12, True),
        ("a", 10, 12, False),
        ("b", 3, 9, False),
    ],
)
def test_objects_overlap_in_time_and_stream(
    stream: str, first: int, last: int, expected: bool
) -> None:
    """Two sandboxes' times say nothing of each other."""
    assert Source("a", 3, 9, "x").overlaps(Source(stream, first, last, "y")) == expected

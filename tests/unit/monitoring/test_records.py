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
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("record") != "hearth.prediction/1":
        return None
    record["_aws"] = {"Timestamp": record["_aws"]["Timestamp"]}
    return record


def test_record_is_what_its_line_says_but_for_the_directive() -> None:
    """What is for CloudWatch alone is not parsed; all else is."""
    assert parse(LINE) == plainly(LINE)


@pytest.mark.parametrize(
    "line",
    [
        LINE[:-1],
        LINE + "}",
        LINE[:40] + LINE[41:],
        LINE.replace("[[1,2]]", "[[1,2]"),
        LINE.replace('"Unit":"Count"', '"Unit":"Count', 1),
        LINE.replace(',"CloudWatchMetrics"', '},"x":{"CloudWatchMetrics"'),
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
    found, expected = parse(line), plainly(line)
    assert (found is None) == (expected is None or not 0 <= expected["_aws"]["Timestamp"] < 2**63)


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

"""Traffic: what records say of requests, in counts that add up."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.monitoring.traffic import (
    MOST_WORDS,
    OTHERS,
    ROWS,
    SECONDS,
    Histogram,
    Traffic,
    bounded,
    from_document,
    histogram,
    percentile,
    to_document,
    traffic_of,
)
from hypothesis import given
from hypothesis import strategies as st
from support import watched

AT = 1_795_469_952_833


def records(*some: dict[str, Any]) -> list[dict[str, Any]]:
    return [orjson.loads(watched.record(**{"at": AT, **more})) for more in some]


def test_traffic_counts_what_records_say() -> None:
    """Requests, rows, statuses, errors, routes, times in seconds, sizes in bytes."""
    found = traffic_of(
        records(
            {"at": AT, "BatchSize": 3, "Latency": 2.0},
            {"at": AT + 5, "LoadTime": 750.0, "route": "-"},
            {"at": AT + 2, "status": 400, "error": "MalformedBody", "Latency": 0.5, "BatchSize": 0},
        )
    )

    assert (found.requests, found.rows, found.cold_starts) == (3, 4, 1)
    assert found.status == {"200": 2, "400": 1}
    assert found.errors == {"MalformedBody": 1}
    assert found.routes == {"stable": 2, "-": 1}
    assert found.latency.sum == pytest.approx(0.00375)
    assert found.refused_seconds == pytest.approx(0.0005)
    assert (found.model.count, found.decode.count, found.batch.count) == (2, 2, 2)
    assert found.load.sum == pytest.approx(0.75)
    assert found.request_bytes.sum == 600
    assert (found.first_ms, found.last_ms) == (AT, AT + 5)


def test_older_records_without_some_members_are_counted_as_far_as_they_go() -> None:
    """What a record does not say is not made up; a load that took no time was none."""
    [record] = records({"LoadTime": 0.0})
    for name in ("DecodeLatency", "EncodeLatency", "RequestBytes", "ResponseBytes", "BatchSize"):
        del record[name]

    found = traffic_of([record])

    assert (found.requests, found.rows, found.cold_starts) == (1, 0, 0)
    assert (found.decode.count, found.request_bytes.count, found.latency.count) == (0, 0, 1)


ODD = st.none() | st.booleans() | st.text() | st.floats() | st.integers() | st.lists(st.integers())


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("status", "error", "route", "Latency", "BatchSize", "LoadTime"), ODD
            ),
        ),
        max_size=4,
    )
)
def test_lines_of_another_make_no_error_and_lose_no_request(odd: list[dict[str, Any]]) -> None:
    """Whatever a line says, it is one request, and the counts can be written down and read."""
    given_ = [{"_aws": {"Timestamp": AT}, **item} for item in odd]
    found = traffic_of(given_)

    assert found.requests == len(odd)
    assert from_document(orjson.loads(orjson.dumps(to_document(found)))) == found


def test_traffic_adds_up() -> None:
    """Two windows together are the window of both."""
    some, others = records({}, {"status": 503}), records({"at": AT - 7, "BatchSize": 9})
    assert traffic_of(some) + traffic_of(others) == traffic_of([*some, *others])
    assert traffic_of(some) + Traffic() == traffic_of(some) == Traffic() + traffic_of(some)


def test_words_that_callers_make_up_are_bounded() -> None:
    """The rare ones are counted together, and no request is lost."""
    found = traffic_of(records(*({"route": f"r{n}"} for n in range(500)), {"route": "r7"}))
    more = found + traffic_of(records(*({"route": f"q{n}"} for n in range(500))))

    for traffic in (found, more):
        assert len(traffic.routes) == MOST_WORDS
        assert sum(traffic.routes.values()) == traffic.requests
    assert found.routes["r7"] == 2
    assert bounded({OTHERS: 5, "a": 1}, most=2) == {OTHERS: 5, "a": 1}


@pytest.mark.parametrize(
    "document",
    [
        {"requests": -1},
        {"requests": 1.5},
        {"requests": "1"},
        {"requests": None},
        {"unknown": 1},
        {"latency": {"buckets": [1], "sum": 1.0}},
        {"latency": {"buckets": [0] * 19 + [-1], "sum": 1.0}},
        {"latency": {"buckets": [0] * 20, "sum": None}},
        {"latency": {"buckets": [0] * 20}},
        {"latency": 7},
        {"status": {"200": True}},
        {"status": []},
        {"first_ms": []},
    ],
)
def test_document_that_is_no_traffic_is_refused(document: dict[str, Any]) -> None:
    """What cannot have been counted is not added to what was."""
    with pytest.raises(InvalidDocument, match="traffic is not readable"):
        from_document(document)


def test_percentile_is_linear_inside_its_bucket() -> None:
    """As Prometheus has it: the last bucket gives its lower bound, no values give no number."""
    counted = Histogram((0, 10, 0, 10, *(0,) * 8))
    assert percentile(counted, ROWS, 0.5) == 2.0
    assert percentile(counted, ROWS, 0.25) == 1.5
    assert percentile(counted, ROWS, 0.75) == 6.0
    assert percentile(counted, ROWS, 0.0) == 1.0
    assert percentile(histogram([1e9], ROWS), ROWS, 0.99) == ROWS[-1]
    assert math.isnan(percentile(Histogram((0,) * 12), ROWS, 0.5))


def test_times_fall_under_the_bound_that_they_equal() -> None:
    """A millisecond in the record is 0.001 s among the bounds: no rounding moves it up."""
    for bound in SECONDS:
        [record] = records({"Latency": bound * 1000})
        buckets = traffic_of([record]).latency.buckets
        assert buckets.index(1) == SECONDS.index(bound)

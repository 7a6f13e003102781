"""How samples are written in both text formats, and which of them a scrape asks for."""

from __future__ import annotations

import math

import pytest
from hearth.monitoring.exposition import (
    COUNTER,
    HISTOGRAM,
    Distribution,
    Family,
    Sample,
    bound_texts,
    head,
    histograms,
    number,
    samples,
    wants_openmetrics,
)
from hearth.monitoring.traffic import BYTES, ROWS, SECONDS, histogram
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

REQUESTS = Family("hearth_requests", COUNTER, "Predictions.")
DURATION = Family("hearth_request_duration_seconds", HISTOGRAM, "Time.", "seconds")

# What Prometheus sends by itself.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@given(st.floats())
def test_numbers_are_written_as_prometheus_own_client_writes_them(value: float) -> None:
    """A bound that is written in two ways would be two series."""
    assert number(value) == floatToGoString(value)


def test_bounds_of_times_reach_from_10_microseconds_to_10_seconds() -> None:
    """A small model's run and a large model's cold start both fall between two bounds."""
    texts = bound_texts(SECONDS)
    assert (texts[0], texts[-2], texts[-1]) == ("1e-05", "10.0", "+Inf")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        ("text/plain", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("text/plain;q=0.4, application/openmetrics-text;q=0.5", True),
        ("application/openmetrics-text;q=much", False),
        ("application/openmetrics-text;q=nan", False),
        (",;=,;q", False),
    ],
)
def test_openmetrics_is_given_to_those_who_name_it(accept: str, expected: bool) -> None:
    """It goes to those who name it with at least the weight of plain text; others get text."""
    assert wants_openmetrics(accept) is expected


@given(st.text())
def test_no_accept_header_is_an_error(accept: str) -> None:
    """A header that cannot be read asks for nothing."""
    assert wants_openmetrics(accept) in (True, False)


def test_a_counter_is_declared_without_total_in_openmetrics_alone() -> None:
    """OpenMetrics declares the family, the older text its samples."""
    assert head(REQUESTS, openmetrics=False).splitlines() == [
        "# HELP hearth_requests_total Predictions.",
        "# TYPE hearth_requests_total counter",
    ]
    assert head(REQUESTS, openmetrics=True).splitlines() == [
        "# HELP hearth_requests Predictions.",
        "# TYPE hearth_requests counter",
    ]


def test_a_family_without_samples_is_not_declared() -> None:
    """What nothing is known of does not stand there."""
    assert not list(samples(REQUESTS, [], openmetrics=True))
    assert not list(histograms(DURATION, bound_texts(SECONDS), [], openmetrics=True))


def test_created_stands_beside_a_counter_in_openmetrics_where_it_is_known() -> None:
    """It says since when the counter counts, in seconds."""
    found = [Sample('a="1"', 5, 1_795_467_600_123), Sample('a="2"', 6)]
    assert "".join(samples(REQUESTS, found, openmetrics=True)).splitlines()[2:] == [
        'hearth_requests_total{a="1"} 5',
        'hearth_requests_created{a="1"} 1795467600.123',
        'hearth_requests_total{a="2"} 6',
    ]
    assert "_created" not in "".join(samples(REQUESTS, found, openmetrics=False))


def test_buckets_are_cumulative_and_end_with_the_count() -> None:
    """A bucket holds all that is not more than its bound."""
    family = Family("hearth_batch_rows", HISTOGRAM)
    found = [Distribution('model="100%"', histogram([1, 2, 2, 5000], ROWS))]
    text = "".join(histograms(family, bound_texts(ROWS), found, openmetrics=False))
    buckets = [int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if "_bucket" in line]
    assert buckets == [1, *[3] * 10, 4]
    assert text.splitlines()[-2:] == [
        'hearth_batch_rows_count{model="100%"} 4',
        'hearth_batch_rows_sum{model="100%"} 5005.0',
    ]


def test_bounds_are_exact() -> None:
    """Each bound reads back as the number that values were counted by."""
    for bounds in (SECONDS, ROWS, BYTES):
        assert [float(text) for text in bound_texts(bounds)] == [*bounds, math.inf]

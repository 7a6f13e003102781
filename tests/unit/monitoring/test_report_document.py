"""A report as JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.monitoring.report import SCHEMA, Report
from hearth.monitoring.report_document import from_document, to_document
from hypothesis import given
from hypothesis import strategies as st
from support import reporting

MAKERS = (reporting.digits, reporting.well, reporting.unused, reporting.provisional)


def returned(report: Report) -> Report:
    return from_document(orjson.loads(orjson.dumps(to_document(report))))


@pytest.mark.parametrize("maker", MAKERS)
def test_report_comes_back_as_it_was(maker: Callable[[], Report]) -> None:
    """What is written is read back: every figure, NaN as NaN, numbers as the numbers they were."""
    report = maker()
    assert repr(returned(report)) == repr(report)


@given(st.from_type(Report))
def test_any_report_comes_back_as_it_was(report: Report) -> None:
    """The same holds for whatever texts and figures a report may hold, infinities among them."""
    report = replace(_possible(report), schema=SCHEMA)
    assert repr(returned(report)) == repr(report)


def _possible(value: Any) -> Any:
    """Return a report without what JSON cannot hold: integers past 64 bits, half surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return max(min(value, 2**63 - 1), -(2**63))
    if isinstance(value, tuple):
        return tuple(map(_possible, value))
    if isinstance(value, Mapping):
        return {_possible(k): _possible(v) for k, v in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return replace(
            value, **{n: _possible(getattr(value, n)) for n in value.__dataclass_fields__}
        )
    return value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_document_is_plain_json(number: float) -> None:
    """No bare NaN or Infinity: both JSON libraries write the same document."""
    report = reporting.unused()
    drift = replace(report.versions[0].drift, detectable=number)
    report = replace(report, versions=(replace(report.versions[0], drift=drift),))
    document = to_document(report)
    assert json.loads(json.dumps(document, allow_nan=False)) == orjson.loads(orjson.dumps(document))
    assert repr(returned(report).versions[0].drift.detectable) == repr(number)


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    """A name that no UTF-8 has does not keep a report from being written."""
    assert returned(replace(reporting.unused(), model="a\ud800b")).model == "a?b"


def test_unknown_members_are_left_alone() -> None:
    """A newer version may have written more."""
    document = to_document(reporting.unused())
    document["versions"][0]["mood"] = "good"
    assert from_document(document) == reporting.unused() or repr(from_document(document)) == repr(
        reporting.unused()
    )


@pytest.mark.parametrize(
    "document",
    [None, [], "report", 3, {}, {"schema": "hearth.report/2"}, {"schema": "hearth.report/1"}],
)
def test_what_is_no_report_is_invalid(document: Any) -> None:
    """Another schema, another type, or members that are missing: no report."""
    with pytest.raises(InvalidDocument):
        from_document(document)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("model",), 3),
        (("verdict",), None),
        (("reasons",), "because"),
        (("reasons", 0), 1),
        (("versions",), {}),
        (("versions", 0), []),
        (("versions", 0, "version"), "1"),
        (("versions", 0, "version"), 1.0),
        (("versions", 0, "version"), True),
        (("versions", 0, "labels"), []),
        (("versions", 0, "labels", "stable"), "all"),
        (("versions", 0, "labels", "stable"), 10**400),
        (("versions", 0, "traffic", "latency"), None),
        (("versions", 0, "drift", "provisional"), 0),
        (("versions", 0, "drift", "features"), [{}]),
        (("versions", 0, "quality"), []),
        (("set_aside",), {"why": 1.5}),
    ],
)
def test_member_of_another_type_is_invalid(place: tuple[Any, ...], value: Any) -> None:
    """The error names the member."""
    document = orjson.loads(orjson.dumps(to_document(reporting.unused())))
    *way, last = place
    inner = document
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(InvalidDocument, match=str(place[-2] if place[-1] == 0 else place[0])):
        from_document(document)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(to_document(reporting.unused()))), _json)
def test_any_json_is_a_report_or_invalid(member: str, value: Any) -> None:
    """Nothing that a document may hold ends in another error."""
    with suppress(InvalidDocument):
        from_document({**to_document(reporting.unused()), member: value})

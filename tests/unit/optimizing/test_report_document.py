"""A search's report as JSON and back."""

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
from hearth.optimizing.judgement import Fidelity
from hearth.optimizing.report import DONE, RUNNING, SCHEMA, Report
from hearth.optimizing.report_document import from_document, to_document
from hypothesis import given
from hypothesis import strategies as st
from support import searching

MAKERS = (
    searching.encoder,
    searching.running,
    searching.begun,
    searching.refused,
    searching.unlabelled,
    searching.nothing,
    searching.tiny,
)


def returned(report: Report) -> Report:
    return from_document(orjson.loads(orjson.dumps(to_document(report))))


@pytest.mark.parametrize("maker", MAKERS)
def test_report_comes_back_as_it_was(maker: Callable[[], Report]) -> None:
    """What is written is read back: every figure, NaN as NaN, what is not there as None."""
    report = maker()
    assert repr(returned(report)) == repr(report)


@given(st.from_type(Report), st.sampled_from((RUNNING, DONE)))
def test_any_report_comes_back_as_it_was(report: Report, state: str) -> None:
    """The same holds for whatever texts and figures a report may hold, infinities among them."""
    report = replace(_possible(report), schema=SCHEMA, state=state)
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
    if isinstance(value, Fidelity):  # null is None where None may stand
        value = replace(
            value, agreement=_known(value.agreement), agreement_low=_known(value.agreement_low)
        )
    if hasattr(value, "__dataclass_fields__"):
        return replace(
            value, **{n: _possible(getattr(value, n)) for n in value.__dataclass_fields__}
        )
    return value


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def test_document_is_plain_json() -> None:
    """No bare NaN or Infinity: both JSON libraries write the same document."""
    document = to_document(searching.tiny())
    assert json.loads(json.dumps(document, allow_nan=False)) == orjson.loads(orjson.dumps(document))


def test_unknown_members_are_left_alone() -> None:
    """A newer version may have written more."""
    document = to_document(searching.encoder())
    document["tried"][0]["mood"] = "good"
    assert from_document(document) == searching.encoder()


@pytest.mark.parametrize(
    "document",
    [None, [], "report", 3, {}, {"schema": "hearth.optimization/2"}, {"schema": SCHEMA}],
)
def test_what_is_no_report_is_invalid(document: Any) -> None:
    """Another schema, another type, or members that are missing: no report."""
    with pytest.raises(InvalidDocument):
        from_document(document)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("model",), 3),
        (("version",), "3"),
        (("version",), True),
        (("state",), "asleep"),
        (("reasons",), "because"),
        (("original",), []),
        (("original", "latencies"), {}),
        (("tried",), None),
        (("tried", 0), []),
        (("tried", 0, "duel", "ratios"), []),
        (("tried", 0, "duel", "ratios", "latency"), 1.0),
        (("tried", 0, "front"), 1),
        (("inspection", "operators", "Add"), 1.5),
        (("noise", "latency"), "little"),
        (("machine", "tools"), []),
        (("limits", "max_loss"), 0.01),
    ],
)
def test_member_of_another_type_is_invalid(place: tuple[Any, ...], value: Any) -> None:
    """The error names the member."""
    document = orjson.loads(orjson.dumps(to_document(searching.encoder())))
    *way, last = place
    inner = document
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(InvalidDocument, match=str(place[0])):
        from_document(document)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(to_document(searching.encoder()))), _json)
def test_any_json_is_a_report_or_invalid(member: str, value: Any) -> None:
    """Nothing that a document may hold ends in another error."""
    with suppress(InvalidDocument):
        from_document({**to_document(searching.encoder()), member: value})

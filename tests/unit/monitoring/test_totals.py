"""The ledger: totals by model and version, and the profiles that they are of."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hearth.domain.errors import InvalidDocument, StoreConflict
from hearth.monitoring.records import Place
from hearth.monitoring.totals import (
    MOST_VERSIONS,
    OTHERS,
    Ledger,
    add,
    from_document,
    read_ledger,
    to_document,
    write_ledger,
)
from hearth.monitoring.traffic import Traffic
from hearth.stores.aws_s3 import S3Documents

ONE = Traffic(requests=1, status={"200": 1})
LEDGER = Ledger(
    totals={"m": {"1": ONE, "0": ONE}, "n": {"3": ONE}},
    merged={Place("2026-11-23T21", "m", 1): "a", Place("2026-11-23T22", "n", 3): "b"},
    tallied_ms=7,
    swept_ms=5,
)


def test_ledger_is_read_as_it_was_written(documents: S3Documents) -> None:
    """The first write creates it, the next ones name what they read."""
    assert read_ledger(documents) == (Ledger(), "")
    write_ledger(documents, LEDGER, "")
    found, etag = read_ledger(documents)
    assert found == LEDGER
    write_ledger(documents, Ledger(tallied_ms=8), etag)
    for stale in ("", etag):
        with pytest.raises(StoreConflict):
            write_ledger(documents, LEDGER, stale)


def test_totals_add_up_by_model_and_version() -> None:
    """Hours of one version come to one number; what was given stays as it was."""
    more = {Place("h", "m", 1): ONE, Place("i", "m", 1): ONE, Place("h", "new", 2): ONE}
    found = add(LEDGER.totals, more)
    assert found["m"]["1"].requests == 3
    assert found["new"] == {"2": ONE}
    assert LEDGER.totals["m"]["1"].requests == 1


def test_names_that_callers_make_up_are_bounded() -> None:
    """Beyond the most versions, requests count under a name that no model has."""
    made_up = {Place("h", f"m{n}", 0): ONE for n in range(MOST_VERSIONS + 10)}
    found = add(LEDGER.totals, made_up)
    assert sum(map(len, found.values())) <= MOST_VERSIONS + 1
    assert found[OTHERS]["0"].requests == 13
    assert sum(t.requests for v in found.values() for t in v.values()) == MOST_VERSIONS + 13
    assert add(found, {Place("h", "m", 1): ONE})["m"]["1"].requests == 2


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "hearth.totals/9"},
        {"totals": []},
        {"totals": {"m": {"1": {"requests": -1}}}},
        {"merged": 7},
        {"merged": {"2026-11-23T21": {"m": {"one": "a"}}}},
        {"tallied_ms": None},
        {"swept_ms": "soon"},
    ],
)
def test_document_that_is_no_ledger_is_refused(change: dict[str, Any]) -> None:
    """Nothing is added to what cannot be read."""
    document = orjson.loads(orjson.dumps(to_document(LEDGER)))
    assert from_document(document) == LEDGER
    with pytest.raises(InvalidDocument):
        from_document(document | change)

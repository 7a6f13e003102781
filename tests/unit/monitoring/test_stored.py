"""Objects of a window come in order, read ahead, and none is passed over in silence."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.domain.errors import BadRequest, StoreError
from hearth.monitoring.stored import Window, bodies, record_lines
from support.faults import Faults, answer
from support.network import no_pauses


def test_lines_come_hour_by_hour(documents: Any) -> None:
    """Records of each hour of the window come in order, and those of no other hour or version."""
    for hour in ("T20", "T21", "T22", "T23"):
        for name in "ba":
            key = f"records/m/1/2026-11-23{hour}/{name}.jsonl"
            documents.create(key, f"{hour}{name}1\n{hour}{name}2\n".encode())
    documents.create("records/m/12/2026-11-23T21/a.jsonl", b"other\n")

    found = list(record_lines(documents, "m", 1, Window("2026-11-23T21", "2026-11-23T22")))

    assert found == [b"T21a1", b"T21a2", b"T21b1", b"T21b2", b"T22a1", b"T22a2", b"T22b1", b"T22b2"]


def test_many_objects_keep_their_order(documents: Any) -> None:
    """Reading ahead changes nothing of the order."""
    for n in range(50):
        documents.create(f"x/{n:02}", b"%d" % n)

    assert [int(body) for body in bodies(documents, documents.list("x/"))] == list(range(50))


def test_object_that_went_away_is_passed_over(documents: Any, s3: Any, bucket: str) -> None:
    """What a lifecycle rule removes between listing and reading is no error."""
    for n in range(3):
        documents.create(f"x/{n}", b"%d" % n)
    listed = list(documents.list("x/"))
    s3.delete_object(Bucket=bucket, Key="x/1")

    assert list(bodies(documents, listed)) == [b"0", b"2"]


def test_outage_is_an_error(
    documents: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure of half of the objects would be wrong: there is none."""
    no_pauses(monkeypatch)
    for n in range(20):
        documents.create(f"x/{n:02}", b"%d" % n)
    faults.on("GetObject", answer(503, "SlowDown"))

    with pytest.raises(StoreError):
        list(bodies(documents, documents.list("x/")))


@pytest.mark.parametrize(
    ("since", "until"), [("2026-11-23", "2026-11-23T21"), ("x", "x"), ("2020-01-01T00",) * 2]
)
def test_window_is_of_hours(since: str, until: str) -> None:
    """A window's ends are hours, and it is at most a year long."""
    if since == until == "2020-01-01T00":
        until = "2026-01-01T00"
    with pytest.raises(BadRequest):
        Window(since, until).hours()


def test_window_that_ends_before_it_begins_is_empty() -> None:
    """There are no hours between an hour and the one before."""
    assert Window("2026-11-23T21", "2026-11-23T20").hours() == []

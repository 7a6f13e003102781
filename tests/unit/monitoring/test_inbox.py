"""Feedback in dropped objects: taken up by line, refused by line, once, without end of a loop."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hearth.domain.errors import StoreError
from hearth.domain.registry_entry import Policy
from hearth.edge.events import object_created
from hearth.monitoring import inbox
from hearth.monitoring.feedback import ANYTHING, Expected, Intake
from hearth.monitoring.inbox import TakenUp, take_up
from hearth.stores.registry import Registry
from support import events
from support.faults import Faults, answer
from support.network import no_pauses
from support.recording import SettableClock

BUCKET = "hearth-models"


@pytest.fixture
def drop(registry: Registry, documents: Any, s3: Any) -> Callable[..., TakenUp]:
    """`drop(name, content)`: put an object into the inbox of m, and let its event come."""
    registry.change("m", lambda entry: replace(entry, policy=Policy("manual")))

    def drop(
        name: str, content: bytes | str, model: str = "m", expected: Expected = ANYTHING
    ) -> TakenUp:
        key = f"feedback/{model}/inbox/{name}"
        body = content.encode() if isinstance(content, str) else content
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        intake = Intake(registry, documents, SettableClock(), lambda _: expected)
        return take_up(object_created(events.object_created(BUCKET, key)), intake)

    return drop


@pytest.fixture
def again(registry: Registry, documents: Any) -> Callable[[str], TakenUp]:
    intake = Intake(registry, documents, SettableClock(), lambda _: ANYTHING)
    return lambda key: take_up(object_created(events.object_created(BUCKET, key)), intake)


def objects(s3: Any) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="feedback/").get("Contents", ())
    return {
        item["Key"]: s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in listed
    }


def kept(s3: Any) -> list[dict[str, Any]]:
    """Return the lines that were kept, without the time at which they came."""
    bodies = [body for key, body in objects(s3).items() if "/inbox/" not in key]
    lines = [json.loads(line) for body in bodies for line in body.splitlines()]
    return [{k: v for k, v in line.items() if k != "received"} for line in lines]


def told(s3: Any, name: str) -> dict[str, Any]:
    return json.loads(objects(s3)[f"feedback/m/inbox/{name}.refused.json"])


LINES = '{"request_id": "a", "label": 3}\n\n{"request_id": "b", "value": [1, 2]}'
TABLE = (
    "\ufeffrequest_id,row,label,value,relevant,at,slices\r\n"
    'a,,3,,,,"region=eu,device=phone"\r\n'
    '"b, quoted",2,,1.5,,2026-11-23T20:00:00Z,\r\n'
    "c,,,,x|y,,\r\n"
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_taken_up(drop: Callable, s3: Any, pack: Callable) -> None:
    """A .jsonl object holds an item a line; blank lines are none, and it may be gzipped."""
    taken = drop("day one.jsonl", pack(LINES.encode()))

    assert (taken.accepted, taken.refused) == (2, 0)
    assert kept(s3) == [
        {"request_id": "a", "label": "3"},
        {"request_id": "b", "value": [1.0, 2.0]},
    ]


def test_table_is_taken_up(drop: Callable, s3: Any) -> None:
    """A .csv object names its columns; an empty field is not there."""
    taken = drop("sub/folder/t.csv", TABLE)

    assert (taken.accepted, taken.refused) == (3, 0)
    assert kept(s3) == [
        {"request_id": "a", "label": "3", "slices": {"region": "eu", "device": "phone"}},
        {"request_id": "b, quoted", "row": 2, "value": 1.5, "at": "2026-11-23T20:00:00.000Z"},
        {"request_id": "c", "relevant": {"x": 1.0, "y": 1.0}},
    ]


def test_document_is_taken_up(drop: Callable, s3: Any) -> None:
    """A .json object holds what the HTTP route takes."""
    items = [{"request_id": "a", "labels": ["1", None, 2]}] * 2

    assert drop("x.json", json.dumps({"feedback": items})).accepted == 2
    assert kept(s3) == [{"request_id": "a", "labels": ["1", None, "2"]}] * 2


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        ("a.jsonl", '{"request_id": "a", "label": 3}\n{"request_id"', 2, "the line is not JSON"),
        ("a.jsonl", '\n\n{"request_id": "a"}', 3, "got no answer, expected one of"),
        ("a.jsonl", b"\xff\xfe", 1, "the line is not JSON"),
        ("a.jsonl", "", 0, "there is no feedback in it: expected at least one item"),
        ("a.json", '{"feedback": [{"request_id": "a", "label": 1}, 2]}', 2, "an item of feedback"),
        ("a.json", "[]", 0, "feedback is not an object"),
        ("a.csv", "request_id,label\na,1\nb\n", 3, "the line has 1 fields: expected 2"),
        ("a.csv", "request_id,row,label\na,x,1\n", 2, "invalid literal for int()"),
        ("a.csv", 'request_id,label\na,"1\n', 2, "not CSV in UTF-8 from here on"),
        ("a.csv", b"request_id,label\na,\xff\n", 0, "not CSV in UTF-8 from here on"),
        ("a.csv", "id,label\na,1\n", 0, "the first line does not name the columns of feedback"),
        ("a.csv", "request_id,label,label\na,1,2\n", 0, "the first line does not name"),
        ("a.csv", "request_id,label\n", 0, "there is no feedback in it"),
        ("a.parquet", "PAR1", 0, "not a file of feedback: got 'feedback/m/inbox/a.parquet'"),
        (
            "a.jsonl",
            gzip.compress(LINES.encode(), mtime=0)[:-9],
            0,
            "the compressed body ends early",
        ),
    ],
)
def test_what_is_refused_is_written_beside_it(
    drop: Callable, s3: Any, name: str, content: Any, line: int, reason: str
) -> None:
    """What is wrong with an object, or with a line of it, stands beside it; the rest is kept."""
    taken = drop(name, content)

    found = told(s3, name)
    assert (found["accepted"], found["refused"]) == (taken.accepted, taken.refused)
    assert taken.refused == 1
    [refused] = found["reasons"]
    assert refused["line"] == line
    assert refused["reason"].startswith(reason)
    assert len(kept(s3)) == taken.accepted


def test_lines_are_refused_in_their_order(drop: Callable, s3: Any) -> None:
    """Broken lines and wrong items are told in the order in which they stand."""
    drop("a.jsonl", '{\n{"request_id": "a"}\n{\n{"request_id": "a", "label": "x"}\n[]')

    assert [one["line"] for one in told(s3, "a.jsonl")["reasons"]] == [1, 2, 3, 5]
    assert len(kept(s3)) == 1


def test_classes_are_checked_as_over_http(drop: Callable, s3: Any) -> None:
    """A label that no version has is refused by line."""
    taken = drop("a.jsonl", LINES, expected=Expected(classes=frozenset("12")))

    assert (taken.accepted, taken.refused) == (1, 1)
    assert told(s3, "a.jsonl")["reasons"][0]["reason"].startswith("label: got '3', expected one")


def test_model_that_is_not_there_is_told(drop: Callable, s3: Any) -> None:
    """Feedback dropped for no model is refused, and kept nowhere."""
    taken = drop("a.jsonl", LINES, model="none")

    assert taken.refused == 1
    assert "feedback/none/inbox/a.jsonl.refused.json" in objects(s3)
    assert kept(s3) == []


def test_object_that_comes_again_adds_nothing(drop: Callable, again: Callable, s3: Any) -> None:
    """An event that is delivered twice, at whatever time, leaves the bucket as it is."""
    drop("a.jsonl", LINES + "\n{")
    before = objects(s3)

    assert again("feedback/m/inbox/a.jsonl").accepted == 2
    assert objects(s3) == before


def test_object_that_was_mended_has_its_refusals_mended(drop: Callable, s3: Any) -> None:
    """An object under the same name again: what is told beside it is of the newer one."""
    drop("a.jsonl", LINES + "\n{")
    drop("a.jsonl", LINES)

    assert told(s3, "a.jsonl")["refused"] == 0


@pytest.mark.parametrize(
    "key",
    [
        "feedback/m/inbox/a.jsonl.refused.json",
        "feedback/m/inbox/a.refused.json.refused.json",
        "feedback/m/2026-11-23T21/abc.jsonl",
        "feedback/m/inbox/",
        "records/m/1/2026-11-23T21/inbox/a.jsonl",
    ],
)
def test_own_output_is_never_taken_up(again: Callable, s3: Any, bucket: str, key: str) -> None:
    """What Hearth itself writes below feedback/ starts nothing, so that nothing goes in circles."""
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")

    assert again(key).ignored == "not an object of an inbox"
    assert not [found for found in objects(s3) if found != key]


def test_object_that_is_gone_is_ignored(drop: Callable, again: Callable) -> None:
    """Whoever takes an object away again has said nothing."""
    assert again("feedback/m/inbox/none.jsonl").ignored == "it is gone"


def test_object_that_is_too_large_is_not_read(
    drop: Callable, s3: Any, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    """An object over the bound is refused by its size alone; one that inflates over it, too."""
    monkeypatch.setattr(inbox, "OBJECT_LIMIT", 1000)
    drop("a.jsonl", b" " * 1001)
    drop("b.jsonl", gzip.compress(b" " * 1001, mtime=0))

    assert told(s3, "a.jsonl")["reasons"][0]["reason"].startswith(
        "the object is too large: got 1001 bytes, expected at most 1000; drop it in parts"
    )
    assert "too large once it is decompressed" in told(s3, "b.jsonl")["reasons"][0]["reason"]


def test_many_lines_are_kept_in_parts(
    drop: Callable, again: Callable, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large object is kept in several; the refusals that are told are bounded, and counted."""
    monkeypatch.setattr(inbox, "_CHUNK", 100)
    monkeypatch.setattr(inbox, "MOST_TOLD", 5)
    rows = [f'{{"request_id": "{n}", "label": {n % 7}{"" if n % 10 else "."}}}' for n in range(950)]

    taken = drop("a.jsonl", "\n".join(rows))

    assert (taken.accepted, taken.refused) == (855, 95)
    assert len([key for key in objects(s3) if "/inbox/" not in key]) == 10
    assert {line["request_id"] for line in kept(s3)} == {str(n) for n in range(950) if n % 10}
    found = told(s3, "a.jsonl")
    assert found["refused"] == 95
    assert [one["line"] for one in found["reasons"]] == [1, 11, 21, 31, 41]


def test_outage_lets_the_event_come_again(
    drop: Callable, s3: Any, faults: Faults, impatient: None
) -> None:
    """When S3 is away the flow fails, and nothing is told beside the object."""
    drop("a.jsonl", LINES)
    faults.on("ListObjectsV2", answer(503, "SlowDown"))

    with pytest.raises(StoreError):
        drop("b.jsonl", LINES)
    faults.heal()
    assert "feedback/m/inbox/b.jsonl.refused.json" not in objects(s3)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)

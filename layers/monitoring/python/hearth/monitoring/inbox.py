"""Feedback in files that people drop into the bucket, under `feedback/<model>/inbox/`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
from hearth.domain.errors import (
    BadRequest,
    MalformedBody,
    PayloadTooLarge,
    StoreConflict,
    UnknownModel,
)
from hearth.domain.identity import model_name
from hearth.edge.compression import inflated
from hearth.edge.events import ObjectCreated
from hearth.monitoring.feedback import BODY_LIMIT, Intake, Refused, items_of, keep, sort
from hearth.stores.clock import stamp
from hearth.stores.ports import Document, Documents, Listed

OBJECT_LIMIT = 64 << 20
REFUSED = ".refused.json"
MOST_TOLD = 1000
_CHUNK = 10_000
_LONGEST_LINE = 4 << 20
_MOST_IN_JSON = 1_000_000

_KEY = re.compile(r"feedback/([^/]+)/inbox/(.*[^/])", re.DOTALL)
_COLUMNS = ("request_id", "row", "label", "value", "relevant", "at", "slices")

# An item, or why there is none, and the line where it stands.
_Numbered = Iterator[tuple[int, object]]


@dataclass(slots=True)
class TakenUp:
    """What became of a dropped object.

    Args:
        key: The object's.
        accepted: Items that were kept.
        refused: How many were not; the first of them are written beside the object.
        ignored: Why the object is none of ours, or "".
    """

    key: str
    accepted: int = 0
    refused: int = 0
    ignored: str = ""
    told: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def tell(self, line: int, reason: str) -> None:
        self.refused += 1
        if len(self.told) < MOST_TOLD:
            self.told.append({"line": line, "reason": reason})


def take_up(created: ObjectCreated, intake: Intake) -> TakenUp:
    """Keep the feedback in an object; what is refused is written beside it, by line.

    It may be called any number of times for the same object. `.jsonl` holds an item a line,
    `.json` what the HTTP route takes (its items are counted instead of lines), `.csv` an item a
    row below a line of names: `relevant` as `a|b`, `slices` as `region=eu,device=phone`. Any of
    them may be gzipped.

    Raises:
        StoreError, InvalidDocument: If the bucket is not as it should be; the event comes again.
    """
    match = _KEY.fullmatch(created.key)
    if not match or created.key.endswith(REFUSED):
        return TakenUp(created.key, ignored="not an object of an inbox")
    listed = next((i for i in intake.documents.list(created.key) if i.key == created.key), None)
    if listed is None:
        return TakenUp(created.key, ignored="it is gone")
    taken = TakenUp(created.key)
    try:
        model = model_name(match[1])
        intake.registry.read(model)
        _take(model, listed, intake, taken)
    except (BadRequest, UnknownModel) as error:
        taken.tell(0, str(error))
    _tell(intake.documents, listed, taken)
    return taken


def _take(model: str, listed: Listed, intake: Intake, taken: TakenUp) -> None:
    suffix = listed.key.removesuffix(".gz").rpartition(".")[2].lower()
    if suffix not in _READERS:
        raise MalformedBody(
            "not a file of feedback",
            got=repr(listed.key[-60:]),
            expected=" or ".join(f".{name}" for name in _READERS),
        )
    limit = BODY_LIMIT if suffix == "json" else OBJECT_LIMIT
    items = _READERS[suffix](_content(intake.documents, listed, limit))
    expected = intake.expected(model)
    while batch := list(islice(items, _CHUNK)):
        read = [(line, item) for line, item in batch if not isinstance(item, Refused)]
        # By the object's own time: whenever its event comes again, the same is stored again.
        found = sort(read, expected, listed.modified)
        broken = [(line, str(item)) for line, item in batch if isinstance(item, Refused)]
        for line, reason in sorted([*broken, *found.refused]):
            taken.tell(line, reason)
        keep(intake.documents, model, found.lines, listed.modified)
        taken.accepted += len(found.lines)
    if not taken.accepted and not taken.refused:
        raise MalformedBody("there is no feedback in it", expected="at least one item")


def _content(documents: Documents, listed: Listed, limit: int) -> bytes:
    """Return an object's bytes; one that is too large is not read.

    Raises:
        PayloadTooLarge: If it is larger than `limit`, or becomes so.
        MalformedBody: If it is gzipped and ends early.
    """
    if listed.size > limit:
        raise PayloadTooLarge(
            "the object is too large",
            got=f"{listed.size} bytes",
            expected=f"at most {limit}",
            remedy="drop it in parts",
        )
    found = documents.read(listed.key)
    body = found.body if isinstance(found, Document) else b""
    coding = "gzip" if body.startswith(b"\x1f\x8b") else ""
    return inflated(body, {"content-encoding": coding}, limit)


def _json(content: bytes) -> _Numbered:
    items, _ = items_of(content, _MOST_IN_JSON)
    yield from enumerate(items, 1)


def _json_lines(content: bytes) -> _Numbered:
    for number, line in enumerate(io.BytesIO(content), 1):
        if line.isspace():
            continue
        if len(line) > _LONGEST_LINE:
            yield number, Refused(f"the line has {len(line)} bytes: expected {_LONGEST_LINE}")
            continue
        try:
            yield number, orjson.loads(line)
        except ValueError as error:
            yield number, Refused(f"the line is not JSON: {error}")


def _csv(content: bytes) -> _Numbered:
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    rows = csv.reader(text, strict=True)
    try:
        names = next(rows, [])
        unknown = sorted(set(names).difference(_COLUMNS))
        if unknown or "request_id" not in names or len(set(names)) < len(names):
            raise MalformedBody(
                "the first line does not name the columns of feedback",
                got=", ".join(names)[:200],
                expected=f"request_id and some of {', '.join(_COLUMNS[1:])}",
            )
        for row in rows:
            if row:
                yield rows.line_num, _of_row(names, row)
    except (csv.Error, UnicodeDecodeError) as error:
        # Where a quotation or a character ends is not known any more.
        yield rows.line_num, Refused(f"not CSV in UTF-8 from here on: {error}")


def _of_row(names: list[str], row: list[str]) -> object:
    if len(row) != len(names):
        return Refused(f"the line has {len(row)} fields: expected {len(names)}")
    item: dict[str, Any] = {name: text for name, text in zip(names, row, strict=True) if text}
    try:
        for name, convert in _CONVERTED.items():
            if name in item:
                item[name] = convert(item[name])
    except ValueError as error:
        return Refused(str(error))
    return item


def _slices(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (p.partition("=") for p in text.split(","))}


_CONVERTED: dict[str, Callable[[str], Any]] = {
    "row": int,
    "value": float,
    "relevant": lambda text: text.split("|"),
    "slices": _slices,
}
_READERS: dict[str, Callable[[bytes], _Numbered]] = {
    "jsonl": _json_lines,
    "json": _json,
    "csv": _csv,
}


def _tell(documents: Documents, listed: Listed, taken: TakenUp) -> None:
    """Write beside an object what was refused of it; over what stood there of an earlier one."""
    key = f"{listed.key}{REFUSED}"
    body = orjson.dumps(
        {
            "object": listed.key,
            "modified": stamp(listed.modified),
            "accepted": taken.accepted,
            "refused": taken.refused,
            "reasons": taken.told,
        },
        option=orjson.OPT_INDENT_2,
    )
    there = documents.read(key)
    with suppress(StoreConflict):  # another delivery of the same event was first
        if isinstance(there, Document):
            if there.body != body:
                documents.replace(key, body, there.etag)
        elif taken.refused:
            documents.create(key, body)

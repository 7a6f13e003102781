"""Records in the bucket: where they lie, how their objects are named, and how lines are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from hearth.domain.errors import InvalidName
from hearth.domain.identity import model_name
from hearth.monitoring import stored
from hearth.stores.ports import Document, Documents

PREFIX = "records/"
SCHEMA = "hearth.prediction/1"
HOUR_MS = 3_600_000
MISDATED = "misdated"

_HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_NAME = re.compile(r"([0-9a-f]{8})-(\d{13})-(\d{13})-[0-9a-f]{16}")

Record = dict[str, Any]


def hour_of(ms: int) -> str:
    """Return the hour of a time in milliseconds since 1970, as keys have it.

    Example:
        >>> hour_of(1_795_469_952_833)
        '2026-11-23T21'
    """
    return stored.hour_of(datetime.fromtimestamp(ms / 1000, UTC))


def is_hour(text: str) -> bool:
    return _HOUR.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A model's version in one hour (UTC) of its records' own time."""

    hour: str
    model: str
    version: int

    @property
    def records(self) -> str:
        return f"{PREFIX}{self.model}/{self.version}/{self.hour}/"

    def record_key(self, name: str) -> str:
        return f"{self.records}{name}.jsonl"


@lru_cache(maxsize=4096)
def place_of(model: object, version: object, hour: int) -> Place | None:
    """Return where a record belongs; None if there can be no such model or version.

    Args:
        model: As the record has it.
        version: Likewise; 0 where no version answered.
        hour: Hours since 1970.
    """
    digits = str(version)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        return None
    try:
        return Place(hour_of(hour * HOUR_MS), model_name(model), int(digits))  # type: ignore[arg-type]
    except (InvalidName, TypeError):
        return None


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """An object of records, as its name tells: the stream, and its first and last time in ms."""

    stream: str
    first_ms: int
    last_ms: int
    name: str

    def overlaps(self, other: Source) -> bool:
        return (
            self.stream == other.stream
            and self.first_ms <= other.last_ms
            and self.last_ms >= other.first_ms
        )


def source_of(name: str) -> Source | None:
    match = _NAME.fullmatch(name)
    return Source(match[1], int(match[2]), int(match[3]), name) if match else None


def source_named(stream: str, stamps: Collection[int], body: bytes) -> Source:
    """Return the name of an object: equal bytes of one stream have equal names."""
    first, last = min(stamps), max(stamps)
    content = hashlib.sha256(body).hexdigest()[:16]
    return Source(stream, first, last, f"{stream}-{first:013d}-{last:013d}-{content}")


_REST = f',"record":"{SCHEMA}"'
_STAMP, _DIGITS = '"Timestamp":', 13


def parse(line: object) -> Record | None:
    """Return the record in a line; None if it holds none."""
    try:
        record: Record = orjson.loads(_without_directive(line))
        at = record["_aws"]["Timestamp"]
        return record if record["record"] == SCHEMA and type(at) is int and at >= 0 else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _without_directive(line: Any) -> Any:  # noqa: ANN401 (a message of a log)
    """Return a record's line without what it says to CloudWatch, which is half of it.

    Around the time, that is the same in all lines of a kind: it is parsed once.
    """
    if not isinstance(line, str):
        return line
    rest = line.find(_REST)
    begin = line.rfind(_STAMP, 0, max(rest, 0)) + len(_STAMP)
    stamp = line[begin : begin + _DIGITS]
    if rest < begin + _DIGITS or not (stamp.isascii() and stamp.isdigit()):
        return line
    if not _is_directive(line[:begin], line[begin + _DIGITS : rest]):
        return line
    return f'{{"_aws":{{"Timestamp":{stamp}}}{line[rest:]}'


@lru_cache(maxsize=64)
def _is_directive(before: str, after: str) -> bool:
    """Return whether both, around a time, are all that a record says to CloudWatch."""
    if len(before) + len(after) > 4096:
        return False
    try:
        found = orjson.loads(f"{before}{'1' * _DIGITS}{after}}}")
        return list(found) == ["_aws"] and found["_aws"]["Timestamp"] == int("1" * _DIGITS)
    except (ValueError, KeyError, TypeError):
        return False


def stamps_of(records: Iterable[Record]) -> list[int]:
    return [record["_aws"]["Timestamp"] for record in records]


def to_body(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def read_lines(documents: Documents, key: str) -> list[str]:
    """Return the lines of an object of records; none where there is no object."""
    found = documents.read(key)
    if not isinstance(found, Document):
        return []
    return [line for line in found.body.decode(errors="replace").split("\n") if line]


def read_fresh(
    documents: Documents, place: Place, name: str, others: Sequence[Source] = ()
) -> dict[str, Record]:
    """Return the records of an object by line, without those that stand in `others` as well."""
    lines = dict.fromkeys(read_lines(documents, place.record_key(name)))
    for other in others:
        for line in read_lines(documents, place.record_key(other.name)):
            lines.pop(line, None)
    parsed = ((line, parse(line)) for line in lines)
    return {line: record for line, record in parsed if record is not None}


def sources_in(documents: Documents, place: Place, stream: str = "") -> Iterator[Source]:
    """Yield the objects of records in a place, of one stream or of all, in order."""
    begin = f"{stream}-" if stream else ""
    for listed in documents.list(f"{place.records}{begin}"):
        source = source_of(listed.key.removeprefix(place.records).removesuffix(".jsonl"))
        if source:
            yield source

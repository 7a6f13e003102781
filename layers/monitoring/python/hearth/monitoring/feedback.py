"""What predictions should have been: taken by HTTP, kept append-only, read again by the hour.

pydantic checks each item; it is imported where the first one comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from hearth.domain.errors import MalformedBody, MalformedPath, StoreConflict
from hearth.edge.answers import Answer, of_json
from hearth.edge.compression import inflated
from hearth.edge.events import HttpRequest
from hearth.edge.routes import parse_v2
from hearth.monitoring.stored import Window, bodies, hour_of, listed
from hearth.stores.clock import stamp
from hearth.stores.ports import Clock, Documents, Listed
from hearth.stores.registry import Registry

PREFIX = "feedback/"
MOST_ITEMS = 10_000
# JSON becomes twenty times its size in Python at worst: what fits beside the function's code.
BODY_LIMIT = 16 << 20


class Refused(ValueError):
    """An item that is not taken; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a model's answers; what is empty is not known, and not checked.

    Args:
        tasks: `classification`, `regression`, `ranking`: of the versions that can be named.
        classes: Every label that one of them can give.
    """

    tasks: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()


ANYTHING = Expected()
LONGEST = 256  # of ids and labels, as records hold them


def expected_of(versions: Iterable[tuple[str, Sequence[str]]]) -> Expected:
    """Return what can be expected of a model's answers; what one version does not say is not known.

    Args:
        versions: Task and classes of each that predictions may come from.

    Example:
        >>> expected_of([("classification", ["0", "1"]), ("classification", [])])
        Expected(tasks=frozenset({'classification'}), classes=frozenset())
    """
    found = list(versions)
    return Expected(
        frozenset(task for task, _ in found) if all(task for task, _ in found) else frozenset(),
        frozenset(name[:LONGEST] for _, names in found for name in names)
        if all(names for _, names in found)
        else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class Intake:
    """What feedback is checked against, and where it goes.

    Args:
        registry: Knows which models there are.
        documents: Where it is kept.
        clock: When it comes.
        expected: What is known of a model's answers.
    """

    registry: Registry
    documents: Documents
    clock: Clock
    expected: Callable[[str], Expected]


@dataclass(slots=True)
class Sorted:
    """Items as they are stored, and by their place why others are not."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def accept(request: HttpRequest, intake: Intake) -> Answer:
    """Answer `POST /v2/models/{m}/feedback`: each item is kept, or refused with its reason.

    Raises:
        UnknownModel: If there is no such model.
        MalformedBody: If the body is no feedback, or is one item that is refused.
        PayloadTooLarge, UnsupportedCoding: If it cannot be read within bounds.
        StoreError: If it could not be kept; whoever sends it again adds nothing twice.
    """
    target = parse_v2(request.method, request.path).target
    if target.version:
        raise MalformedPath("feedback is of a model", remedy="the prediction knows its version")
    intake.registry.read(target.model)
    items, alone = items_of(inflated(request.body, request.headers, BODY_LIMIT), MOST_ITEMS)
    found = sort(enumerate(items), intake.expected(target.model), intake.clock.now())
    if alone and found.refused:
        raise MalformedBody(found.refused[0][1])
    keep(intake.documents, target.model, found.lines, intake.clock.now())
    refused = [{"index": at, "reason": reason} for at, reason in found.refused]
    return of_json(200, {"accepted": len(found.lines), "refused": refused})


def items_of(body: bytes, most: int) -> tuple[list[Any], bool]:
    """Return the items in a body, and whether it is one of its own.

    Raises:
        MalformedBody: If it is no feedback, has no items or more than `most`.
    """
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise MalformedBody("feedback is not JSON", got=str(error)) from error
    if not isinstance(document, dict):
        raise MalformedBody(
            "feedback is not an object",
            got=type(document).__name__,
            expected='one item, or {"feedback": [items]}',
        )
    if "feedback" not in document:
        return [document], True
    items = document["feedback"]
    if document.keys() != {"feedback"} or not isinstance(items, list):
        raise MalformedBody(
            "feedback is not a list by itself",
            got=f"members {sorted(document)[:8]}, feedback {type(items).__name__}",
            expected='{"feedback": [items]}',
        )
    if not 0 < len(items) <= most:
        raise MalformedBody(
            "feedback has no items" if not items else "feedback has too many items",
            got=len(items),
            expected=f"1 to {most}",
            remedy="send it in parts, or drop a file under feedback/<model>/inbox/",
        )
    return items, False


def sort(items: Iterable[tuple[int, object]], expected: Expected, now: datetime) -> Sorted:
    """Return which of some items are taken, and by their number why the others are not."""
    from hearth.monitoring.feedback_item import checked

    found = Sorted()
    for at, item in items:
        try:
            found.lines.append(checked(item, expected, now))
        except Refused as error:
            found.refused.append((at, str(error)))
    return found


def keep(documents: Documents, model: str, lines: list[dict[str, Any]], received: datetime) -> str:
    """Store items, named by what they say; return their key.

    The same items again in the same hour are the same object, and in another hour count once:
    what was said first is when it was said. Who goes back to an earlier answer names `at`.
    """
    if not lines:
        return ""
    name = hashlib.sha256(orjson.dumps(lines)).hexdigest()
    key = f"{PREFIX}{model}/{hour_of(received)}/{name}.jsonl"
    at = stamp(received)
    body = b"".join(
        orjson.dumps({**line, "received": at}, option=orjson.OPT_APPEND_NEWLINE) for line in lines
    )
    with suppress(StoreConflict):  # a repeat
        documents.create(key, body)
    return key


def read_feedback(documents: Documents, model: str, window: Window) -> Iterator[bytes]:
    """Yield the objects of feedback that came in some hours, what came last first."""
    folder = f"{PREFIX}{model}/"
    return bodies(documents, sorted(listed(documents, folder, window), key=_came, reverse=True))


def _came(item: Listed) -> tuple[str, datetime, str]:
    return item.key.rpartition("/")[0], item.modified, item.key

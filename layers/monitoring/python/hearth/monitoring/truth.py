"""What feedback says of predictions, by the id that it names: what was said last holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson
from hearth.domain.errors import InvalidDocument
from hearth.monitoring.set_aside import (
    FEEDBACK_OVER_BOUND,
    FEEDBACK_REPEATED,
    FEEDBACK_UNREADABLE,
)
from hearth.stores.clock import moment

MOST = 500_000
"""Assertions that are held in memory, the newest: half a gigabyte with what they meet."""

# A label, the values of a regression's outputs, or relevant items with their gains.
Answer = str | tuple[float, ...] | tuple[tuple[str, float], ...]

NO_ROW = -1


class Assertion(NamedTuple):
    """One row's answer.

    Args:
        id: The request's, or the caller's own.
        at: When it was known, in seconds since 1970: `at` if it was given, else when it came.
        row: Which row of the request; `NO_ROW` where none was named.
        answer: What the prediction should have been.
        slices: `name=value`.
        timed: Whether `at` was given.
    """

    id: str
    at: float
    row: int
    answer: Answer
    slices: tuple[str, ...] = ()
    timed: bool = False


class Truth:
    """Assertions by id. In which order they come makes no difference, nor does a replay.

    Args:
        most: Assertions that are kept; those that come later than that are counted.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept = 0
        # Almost every id has one assertion: it stands there without a list of its own.
        self._said: dict[str, Assertion | dict[Assertion, Assertion]] = {}
        self._texts: dict[Any, Any] = {}
        self.set_aside: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._kept

    def known(self, id_: str) -> str:
        """Return an id as it is held here, or "" if nothing is said of it.

        Whoever keeps that one keeps no text of his own.
        """
        said = self._said.get(id_)
        if said is None:
            return ""
        return said.id if isinstance(said, Assertion) else next(iter(said)).id

    def ids(self) -> Iterable[str]:
        return self._said.keys()

    def said_of(self, id_: str) -> list[Assertion]:
        found = self._said.get(id_)
        if found is None:
            return []
        return [found] if isinstance(found, Assertion) else list(found.values())

    def read(self, body: bytes) -> None:
        """Add an object of feedback, as `feedback.keep` wrote it."""
        if self._kept >= self._most:
            self.set_aside[FEEDBACK_OVER_BOUND] += body.count(b"\n")
            return
        for line in body.splitlines():
            try:
                found = list(self._assertions(orjson.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError, InvalidDocument):
                self.set_aside[FEEDBACK_UNREADABLE] += 1
                continue
            for assertion in found:
                self.add(assertion)

    def add(self, assertion: Assertion) -> None:
        said = self._said.get(assertion.id)
        if said is None:
            if self._has_room():
                self._said[assertion.id] = assertion
            return
        if isinstance(said, Assertion):
            said = {_what(said): said}
        what = _what(assertion)
        known = said.get(what)
        if known is not None:
            said[what] = min(known, assertion)
            self.set_aside[FEEDBACK_REPEATED] += 1
        elif self._has_room():
            said[what] = assertion
        self._said[assertion.id] = said if len(said) > 1 else said[what]

    def _has_room(self) -> bool:
        if self._kept >= self._most:
            self.set_aside[FEEDBACK_OVER_BOUND] += 1
            return False
        self._kept += 1
        return True

    def _assertions(self, line: dict[str, Any]) -> Iterator[Assertion]:
        id_, timed = line["request_id"], "at" in line
        at = moment(line["at"] if timed else line["received"]).timestamp()
        given = line.get("slices", {}).items()
        slices = self._once(tuple(sorted(f"{name}={value}" for name, value in given)))
        for row, answer in _answers(line):
            yield Assertion(id_, at, row, self._once(answer), slices, timed)

    def _once(self, value: Any) -> Any:  # noqa: ANN401 (any hashable)
        """Return the value that was there before, if there are few: labels and slices repeat."""
        if len(self._texts) < 10_000:
            return self._texts.setdefault(value, value)
        return self._texts.get(value, value)


def _what(assertion: Assertion) -> Assertion:
    """Return what is said: the same again, without a time, was said when it was said first."""
    return assertion if assertion.timed else assertion._replace(at=0.0)


def _answers(line: dict[str, Any]) -> Iterator[tuple[int, Answer]]:
    if "labels" in line or "values" in line:
        rows = line["labels"] if "labels" in line else line["values"]
        for row, answer in enumerate(rows):
            if answer is not None:
                yield row, _answer(answer)
        return
    row = line.get("row", NO_ROW)
    if "relevant" in line:
        yield row, tuple(sorted(line["relevant"].items()))
    else:
        yield row, _answer(line["label"] if "label" in line else line["value"])


def _answer(answer: Any) -> Answer:  # noqa: ANN401 (a label, a number or numbers)
    if isinstance(answer, str):
        return answer
    return tuple(map(float, answer if isinstance(answer, list) else [answer]))


def settle(assertions: Iterable[Assertion]) -> tuple[Assertion, int, int]:
    """Return which of the assertions on one row holds, and how many repeat or contradict it.

    The last one holds; of two at the same time, the one with the greater answer, so that it is
    the same one whatever their order.
    """
    known = sorted(assertions, key=lambda one: (one.at, repr(one.answer), one.slices))
    last = known[-1]
    same = sum(one.answer == last.answer for one in known) - 1
    return last, same, len(known) - 1 - same

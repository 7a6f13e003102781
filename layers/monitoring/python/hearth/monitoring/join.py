"""Predictions and what feedback says of them, brought together by id and row.

Records are read once, as a stream. Kept is what feedback names, and nothing else of them.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

import orjson
from hearth.domain.monitoring import CLASSIFICATION, RANKING, REGRESSION
from hearth.domain.value import INFINITY, NAN, NEGATIVE_INFINITY
from hearth.monitoring.set_aside import (
    FEEDBACK_AMBIGUOUS,
    FEEDBACK_BEYOND_BATCH,
    FEEDBACK_CONTRADICTED,
    FEEDBACK_LATE,
    FEEDBACK_NOT_CAPTURED,
    FEEDBACK_OTHER_KIND,
    FEEDBACK_REPEATED,
    FEEDBACK_ROW_MISSING,
    FEEDBACK_UNKNOWN,
    RECORDS_REPEATED,
    RECORDS_UNREADABLE,
)
from hearth.monitoring.truth import NO_ROW, Answer, Assertion, Truth, settle

GROUPS = 20
"""Requests fall into that many groups by their id, whatever else is known of them."""

# Texts of which there are so many or fewer are held once.
_FEW = 10_000
_NUMBERS = {NAN: math.nan, INFINITY: math.inf, NEGATIVE_INFINITY: -math.inf}


class Outcome(NamedTuple):
    """What a record says of one row.

    Args:
        predicted: The class; None where the model could not tell.
        scores: A score for each class, or a regression's values.
        top: A ranking's best items, the best first.
        confidence: The predicted class's score; NaN where there is none.
    """

    predicted: str | None
    scores: array[float] | None = None
    top: tuple[str, ...] = ()
    confidence: float = math.nan


class Sample(NamedTuple):
    """A row whose truth is known. `request` numbers the requests, `group` groups them."""

    request: int
    group: int
    slices: tuple[str, ...]
    answer: Answer
    outcome: Outcome


class _Hit(NamedTuple):
    """A prediction that feedback names. There may be very many: nothing is held twice.

    Args:
        own: Its own id, where feedback knows it, or "".
        caller: The caller's id, where feedback knows it, or "".
        version: Which version answered.
        group: Of its own id.
        batch: Rows of the request.
        slices: The request's.
        rows: Outcomes by row; of a single row, its outcome.
    """

    own: str
    caller: str
    version: int
    group: int
    batch: int
    slices: tuple[str, ...]
    rows: Outcome | dict[int, Outcome]


@dataclass(slots=True)
class Joined:
    """What became of a model's feedback.

    Args:
        samples: By version.
        set_aside: What could not be used, by what is wrong with it.
    """

    samples: dict[int, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    set_aside: Counter[str] = field(default_factory=Counter)


class Joining:
    """Brings a model's records and its feedback together.

    An id is a request's own, or one that its caller chose. What names a request's own id is of
    that request. A caller's id counts where one answered prediction of the window has it, in
    whatever version; where several have it, a row does not tell them apart.

    Args:
        truth: The model's feedback.
        begin: When the window begins, in seconds since 1970.
    """

    def __init__(self, truth: Truth, begin: float) -> None:
        self._truth = truth
        self._begin = begin
        self._hits: list[_Hit] = []
        self._own: set[str] = set()
        self._callers: Counter[str] = Counter()
        self._set_aside: Counter[str] = Counter()
        self._once: dict[tuple[str, ...], tuple[str, ...]] = {}

    def read(
        self,
        version: int,
        outcomes: Outcomes,
        lines: Iterable[bytes],
        watch: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Read the records of a version.

        Args:
            version: Its number.
            outcomes: How its records are read.
            lines: Its records of the window.
            watch: Is shown each record that was answered, whether feedback names it or not.
        """
        for line in lines:
            try:
                record = orjson.loads(line)
                if record["error"]:
                    continue
                watch(record)
                own = self._truth.known(record["request_id"])
                caller = self._truth.known(record.get("caller_id", ""))
                if own or caller:
                    self._hit(version, record, outcomes, own, caller)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                self._set_aside[RECORDS_UNREADABLE] += 1

    def _hit(
        self, version: int, record: Mapping[str, Any], outcomes: Outcomes, own: str, caller: str
    ) -> None:
        if own and own in self._own:
            self._set_aside[RECORDS_REPEATED] += 1
            return
        if caller == own:
            caller = ""
        if caller:
            self._callers[caller] += 1
            if self._callers[caller] > 1:
                caller = ""  # it names several: that it is counted is all there is to it
        if own:
            self._own.add(own)
        elif not caller:
            return
        said = [*self._truth.said_of(own), *self._truth.said_of(caller)]
        rows = outcomes.of_rows(record, {max(one.row, 0) for one in said})
        slices = tuple(f"{n}={v}" for n, v in sorted(record.get("slices", {}).items()))
        slices = self._once.setdefault(slices, slices) if len(self._once) < _FEW else slices
        batch = record.get("BatchSize") or max(rows, default=0) + 1
        group = crc32(record["request_id"].encode()) % GROUPS
        found = rows[0] if list(rows) == [0] else rows
        self._hits.append(_Hit(own, caller, version, group, batch, slices, found))

    def end(self, tasks: Mapping[int, str]) -> Joined:
        """Return the rows whose truth is known. The records that were kept for it are let go.

        Args:
            tasks: What the versions do; those of others are not captured.
        """
        joined = Joined(set_aside=Counter(self._set_aside))
        joined.set_aside.update(self._truth.set_aside)
        self._count_unused(joined.set_aside)
        # The same order, whatever came first: sums of floats are the same to the last digit.
        self._hits.sort(key=lambda hit: (hit.own, hit.caller), reverse=True)
        request = 0
        while self._hits:
            hit = self._hits.pop()
            samples = joined.samples[hit.version]
            rows = {0: hit.rows} if isinstance(hit.rows, Outcome) else hit.rows
            for row, assertion in self._settled(hit, joined.set_aside):
                outcome = rows.get(row)
                task = tasks.get(hit.version, "")
                if outcome is None or not task:
                    joined.set_aside[FEEDBACK_NOT_CAPTURED] += 1
                    continue
                answer = _as_task_has_it(assertion.answer, task, outcome)
                if answer is None:
                    joined.set_aside[FEEDBACK_OTHER_KIND] += 1
                    continue
                slices = _slices(hit.slices, assertion.slices)
                samples.append(Sample(request, hit.group, slices, answer, outcome))
            request += 1
        return joined

    def _count_unused(self, set_aside: Counter[str]) -> None:
        for id_ in self._truth.ids():
            if id_ in self._own or self._callers[id_] == 1:
                continue
            said = self._truth.said_of(id_)
            if self._callers[id_]:
                set_aside[FEEDBACK_AMBIGUOUS] += len(said)
                continue
            late = sum(one.at < self._begin for one in said)
            set_aside[FEEDBACK_LATE] += late
            set_aside[FEEDBACK_UNKNOWN] += len(said) - late

    def _settled(self, hit: _Hit, set_aside: Counter[str]) -> Iterator[tuple[int, Assertion]]:
        """Yield what holds of each row that is named rightly."""
        said = self._truth.said_of(hit.own)
        if self._callers[hit.caller] == 1 and hit.caller not in self._own:
            said += self._truth.said_of(hit.caller)
        by_row: dict[int, list[Assertion]] = defaultdict(list)
        for one in said:
            if one.row == NO_ROW and hit.batch > 1:
                set_aside[FEEDBACK_ROW_MISSING] += 1
            elif one.row >= hit.batch:
                set_aside[FEEDBACK_BEYOND_BATCH] += 1
            else:
                by_row[max(one.row, 0)].append(one)
        for row, assertions in sorted(by_row.items()):
            last, same, others = settle(assertions)
            set_aside[FEEDBACK_REPEATED] += same
            set_aside[FEEDBACK_CONTRADICTED] += others
            yield row, last


def _slices(of_record: tuple[str, ...], of_feedback: tuple[str, ...]) -> tuple[str, ...]:
    """Return the slices of a row; of two with the same name, feedback knows better."""
    if not of_feedback:
        return of_record
    names = {one.partition("=")[0] for one in of_feedback}
    return (*(one for one in of_record if one.partition("=")[0] not in names), *of_feedback)


def _as_task_has_it(answer: Answer, task: str, outcome: Outcome) -> Answer | None:
    """Return an answer that a task can be judged by, or None for one of another kind."""
    if task == CLASSIFICATION:
        return answer if isinstance(answer, str) else None
    if task == RANKING:
        if isinstance(answer, str):
            return ((answer, 1.0),)
        return answer if isinstance(answer[0], tuple) else None
    fits = isinstance(answer, tuple) and isinstance(answer[0], float)
    return answer if fits and len(answer) == len(outcome.scores or ()) else None


class Outcomes:
    """Reads what a version's records say of rows.

    Args:
        task: `classification`, `regression` or `ranking`.
        classes: Labels in the order of the scores; where unknown, indices are labels.
    """

    def __init__(self, task: str, classes: tuple[str, ...]) -> None:
        self._task = task
        self._places = {name: at for at, name in enumerate(classes)}
        self._names: dict[str | None, str | None] = {}

    def of_rows(self, record: Mapping[str, Any], rows: set[int]) -> dict[int, Outcome]:
        """Return the outcomes of those rows that were captured."""
        lists = self._lists(record)
        count = max(map(len, lists))
        captured = record.get("captured")
        places = range(count) if captured is None else captured[:count]
        if captured is None and len(rows) < count:  # of a large batch, few rows are named
            return {row: self._outcome(lists, row) for row in rows if row < count}
        return {row: self._outcome(lists, at) for at, row in enumerate(places) if row in rows}

    def count(self, record: Mapping[str, Any]) -> int:
        """Return how many rows were captured."""
        return max(map(len, self._lists(record)))

    def confidences(self, record: Mapping[str, Any]) -> list[float]:
        """Return the confidence of every captured row."""
        lists = self._lists(record)
        count = max(map(len, lists))
        return [self._outcome(lists, at).confidence for at in range(count)]

    def _lists(self, record: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
        if self._task == REGRESSION:
            return [], record.get("values") or [], []
        return (
            record.get("predicted") or [],
            record.get("scores") or [],
            record.get("top") or [],
        )

    def _outcome(self, lists: tuple[list[Any], list[Any], list[Any]], at: int) -> Outcome:
        predicted, scores, top = lists
        name = predicted[at] if predicted else None
        if len(self._names) < _FEW:
            name = self._names.setdefault(name, name)
        if top:
            best = tuple([str(item[0]) for item in top[at]]) if self._task == RANKING else ()
            return Outcome(name, None, best, _number(top[at][0][1]) if top[at] else math.nan)
        if not scores:
            return Outcome(name)
        row = numbers(scores[at])
        return Outcome(name, row, (), self._confidence(name, row))

    def _confidence(self, name: str | None, row: array[float]) -> float:
        if name is None or not row:
            return math.nan
        place = self._places.get(name, int(name) if not self._places and name.isdecimal() else -1)
        return row[place] if 0 <= place < len(row) else max(row)


def numbers(row: list[Any]) -> array[float]:
    """Return a record's numbers, of which those that JSON does not have are words."""
    try:
        return array("d", row)
    except TypeError:
        return array("d", map(_number, row))


def _number(value: Any) -> float:  # noqa: ANN401 (a number or its word)
    return _NUMBERS[value] if isinstance(value, str) else float(value)

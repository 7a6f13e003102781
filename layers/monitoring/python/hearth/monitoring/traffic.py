"""How a version was used in a window: requests, errors, times, sizes. Windows merge by addition."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise, repeat
from typing import Any

from hearth.domain.errors import InvalidDocument

# Upper bounds in seconds: from a small model's run to a cold start of a large one.
SECONDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
BYTES = tuple(float(1 << power) for power in range(8, 31, 2))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by upper bound, as Prometheus has them, but each bucket by itself.

    Args:
        buckets: One more than there are bounds: the last one has none.
        sum: Of all values, in the bounds' unit.
    """

    buckets: tuple[int, ...]
    sum: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def __add__(self, other: Histogram) -> Histogram:
        pairs = zip(self.buckets, other.buckets, strict=True)
        return Histogram(tuple(a + b for a, b in pairs), self.sum + other.sum)


def histogram(values: Iterable[float], bounds: Sequence[float], unit: float = 1.0) -> Histogram:
    """Return the counts of values; a value that equals a bound lies under it.

    Args:
        values: In the bounds' unit times `unit`.
        bounds: Rising.
        unit: What the sum is multiplied by.

    Example:
        >>> histogram([1, 2, 3, 5000], ROWS).buckets
        (1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    """
    ordered = sorted(values)
    cuts = [0, *(bisect_right(ordered, bound) for bound in bounds), len(ordered)]
    buckets = tuple(high - low for low, high in pairwise(cuts))
    return Histogram(buckets, float(sum(ordered)) * unit)


def percentile(counted: Histogram, bounds: Sequence[float], share: float) -> float:
    """Return the value that a share of all values does not exceed; NaN where there is none.

    Linear inside a bucket; in the last one, which has no bound, the greatest bound there is.

    Source:
        Prometheus, `histogram_quantile` of classic histograms.

    Example:
        >>> percentile(histogram([1, 2, 3, 4], ROWS), ROWS, 0.75)
        3.0
    """
    rank = share * counted.count
    below = 0
    for at, inside in enumerate(counted.buckets[:-1]):
        if inside and below + inside >= rank:
            low = bounds[at - 1] if at else 0.0
            return low + (bounds[at] - low) * (rank - below) / inside
        below += inside
    return bounds[-1] if counted.count else math.nan


_NO_SECONDS, _NO_ROWS, _NO_BYTES = (
    Histogram((0,) * (len(bounds) + 1)) for bounds in (SECONDS, ROWS, BYTES)
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Use of one version. Times in seconds, sizes in bytes.

    Args:
        requests: Predictions, refused ones too.
        rows: Examples in the requests that were answered.
        refused_seconds: What the refused requests took of `latency`.
        status: Requests by HTTP status, as text.
        errors: Refused requests by the error's class.
        routes: Requests by the label that led here; "-" where a version was named.
        latency: From event to answer, of all requests.
        model: In ONNX Runtime; this and all that follow but `load`, of answered requests.
        decode: From the bytes to tensors.
        encode: From tensors to the bytes.
        load: Opening the model, where a request had to wait for it: cold starts.
        batch: Rows of a request.
        request_bytes: Of bodies.
        response_bytes: Of answers.
        first_ms: When the first request was recorded, in milliseconds since 1970; 0 for none.
        last_ms: When the last one was.
    """

    requests: int = 0
    rows: int = 0
    refused_seconds: float = 0.0
    status: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    routes: Mapping[str, int] = field(default_factory=dict)
    latency: Histogram = _NO_SECONDS
    model: Histogram = _NO_SECONDS
    decode: Histogram = _NO_SECONDS
    encode: Histogram = _NO_SECONDS
    load: Histogram = _NO_SECONDS
    batch: Histogram = _NO_ROWS
    request_bytes: Histogram = _NO_BYTES
    response_bytes: Histogram = _NO_BYTES
    first_ms: int = 0
    last_ms: int = 0

    @property
    def cold_starts(self) -> int:
        return self.load.count

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            first_ms=min(filter(None, (self.first_ms, other.first_ms)), default=0),
            last_ms=max(self.last_ms, other.last_ms),
            **{
                name: _sum(getattr(self, name), getattr(other, name))
                for name in _NAMES
                if name not in ("first_ms", "last_ms")
            },
        )


_NAMES = tuple(item.name for item in fields(Traffic))

MOST_WORDS = 100
OTHERS = "*"
"""Where counts by word are many, what the rare words come to."""


def _sum(a: Any, b: Any) -> Any:  # noqa: ANN401 (numbers, histograms or counts by name)
    return bounded(Counter(a) + Counter(b)) if isinstance(a, Mapping) else a + b


def bounded(counts: Mapping[str, int], most: int = MOST_WORDS) -> dict[str, int]:
    """Return the counts of at most so many words: what is rare is counted together.

    Example:
        >>> bounded({"a": 5, "b": 1, "c": 2, "d": 1}, most=3)
        {'a': 5, 'c': 2, '*': 2}
    """
    if len(counts) <= most:
        return dict(counts)
    kept = Counter(counts)
    others = kept.pop(OTHERS, 0)
    common = dict(kept.most_common(most - 1))
    return {**common, OTHERS: others + kept.total() - sum(common.values())}


Record = Mapping[str, Any]

_MILLISECONDS = tuple(round(bound * 1000, 9) for bound in SECONDS)
# No request takes a thousand years; what says so is not counted, and no sum grows beyond a float.
_MOST = 1e15
LONGEST_WORD = 128


def traffic_of(records: Sequence[Record]) -> Traffic:
    """Return the traffic in records, each a parsed line with its `_aws.Timestamp`."""
    if not records:
        return Traffic()
    statuses = _column(records, "status")
    answered, refused = _parted(records, statuses)
    refused_ms = _numbers(_column(refused, "Latency"))
    batch = _numbers(_column(answered, "BatchSize"))
    stamps = [record["_aws"]["Timestamp"] for record in records]
    return Traffic(
        requests=len(records),
        rows=int(sum(batch)),
        refused_seconds=sum(refused_ms) / 1000,
        status=_words(statuses),
        errors=_words(filter(None, _column(records, "error"))),
        routes=_words(_column(records, "route")),
        latency=_times(records, "Latency"),
        model=_times(answered, "ModelLatency"),
        decode=_times(answered, "DecodeLatency"),
        encode=_times(answered, "EncodeLatency"),
        load=histogram(
            filter(None, _numbers(_column(records, "LoadTime"))), _MILLISECONDS, unit=0.001
        ),
        batch=histogram(batch, ROWS),
        request_bytes=histogram(_numbers(_column(answered, "RequestBytes")), BYTES),
        response_bytes=histogram(_numbers(_column(answered, "ResponseBytes")), BYTES),
        first_ms=min(stamps),
        last_ms=max(stamps),
    )


def _parted(
    records: Sequence[Record], statuses: list[Any]
) -> tuple[Sequence[Record], Sequence[Record]]:
    if all(map(_is_answered, _counter(statuses))):
        return records, ()
    pairs = list(zip(records, map(_is_answered, statuses), strict=True))
    return [record for record, yes in pairs if yes], [record for record, yes in pairs if not yes]


def _is_answered(status: object) -> bool:
    return isinstance(status, int) and status < 400


def _column(records: Sequence[Record], name: str) -> list[Any]:
    return list(map(dict.get, records, repeat(name)))  # type: ignore[arg-type]


def _times(records: Sequence[Record], name: str) -> Histogram:
    return histogram(_numbers(_column(records, name)), _MILLISECONDS, unit=0.001)


def _numbers(column: list[Any]) -> list[float]:
    try:
        if 0 <= min(column, default=0) <= max(column, default=0) <= _MOST:
            return column
    except TypeError:
        pass  # not every record has it
    return [value for value in column if type(value) in (float, int) and 0 <= value <= _MOST]


def _words(column: Iterable[Any]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for value, count in _counter(column).items():
        found[str(value)[:LONGEST_WORD]] += count
    return bounded(found)


def _counter(column: Iterable[Any]) -> Counter[Any]:
    values = list(column)
    try:
        return Counter(values)
    except TypeError:
        return Counter(map(str, values))  # a list is no word, and no reason to lose a record


def to_document(traffic: Traffic) -> dict[str, Any]:
    """Return the traffic as JSON: what is nothing is left out."""
    found = ((name, getattr(traffic, name)) for name in _NAMES)
    return {name: _plain(value) for name, value in found if value != getattr(_NONE, name)}


def _plain(value: Any) -> Any:  # noqa: ANN401 (a number, a histogram or counts by word)
    if isinstance(value, Histogram):
        return {"buckets": value.buckets, "sum": value.sum}
    return value


_NONE = Traffic()


def from_document(document: Mapping[str, Any]) -> Traffic:
    """Return the traffic in a JSON object.

    Raises:
        InvalidDocument: If it is none.
    """
    try:
        return Traffic(**{name: _read(name, value) for name, value in document.items()})
    except (TypeError, KeyError, AttributeError) as error:
        raise InvalidDocument("traffic is not readable", got=str(error)) from error


def _read(name: str, value: Any) -> Any:  # noqa: ANN401 (as above)
    like = getattr(_NONE, name)
    if isinstance(like, Histogram):
        buckets = tuple(value["buckets"])
        _require(len(buckets) == len(like.buckets), name)
        _require_numbers(name, int, buckets)
        _require_numbers(name, float, [value["sum"]])
        return Histogram(buckets, value["sum"])
    if isinstance(like, Mapping):
        _require_numbers(name, int, value.values())
        return dict(value)
    _require_numbers(name, type(like), [value])
    return value


def _require_numbers(name: str, kind: type, values: Iterable[Any]) -> None:
    for value in values:
        _require(type(value) in (int, kind) and value >= 0, name)


def _require(good: bool, name: str) -> None:
    if not good:
        raise TypeError(name)

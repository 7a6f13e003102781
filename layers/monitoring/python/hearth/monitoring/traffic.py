"""How a version was used in a window: requests, errors, times, sizes. Windows merge by addition."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

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


def histogram(values: Iterable[float], bounds: tuple[float, ...]) -> Histogram:
    """Return the counts of values; a value that equals a bound lies under it.

    Example:
        >>> histogram([1, 2, 3, 5000], ROWS).buckets
        (1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    """
    found = list(values)
    places = Counter(bisect_left(bounds, value) for value in found)
    return Histogram(tuple(places[i] for i in range(len(bounds) + 1)), float(sum(found)))


_NO_SECONDS, _NO_ROWS, _NO_BYTES = (
    Histogram((0,) * (len(bounds) + 1)) for bounds in (SECONDS, ROWS, BYTES)
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Use of one version. Times in seconds, sizes in bytes.

    Args:
        requests: Predictions, refused ones too.
        rows: Examples in the requests that were answered.
        status: Requests by HTTP status, as text.
        errors: Refused requests by the error's class.
        routes: Requests by the label that led here; "-" where a version was named.
        latency: From event to answer.
        model: In ONNX Runtime.
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


def _sum(a: Any, b: Any) -> Any:  # noqa: ANN401 (numbers, histograms or counts by name)
    if isinstance(a, Mapping):
        return dict(Counter(a) + Counter(b))
    return a + b

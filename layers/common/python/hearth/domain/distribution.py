"""What a feature's values are counted into: bins that never move, and counts that add up.

Bins come from reference data alone, so that windows are counted over the same bins and merge by
addition. What no bin holds is counted by what it is: too small, too large, unseen, missing, NaN,
infinite, of another type.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from operator import mul
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.frozen import dataclass
from hearth.domain.value import INFINITY, NAN, NEGATIVE_INFINITY, Value

NUMERIC, CATEGORY = "numeric", "category"

_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Feature:
    """One number or word that is watched of each example.

    Args:
        name: Its name, unique in a version.
        kind: `numeric` or `category`.
        edges: Numeric: B + 1 rising finite numbers. Bin i holds `edges[i] <= v < edges[i + 1]`,
            the last bin its upper edge as well.
        values: Category: the known ones, each with a bin of its own.
        integral: Numeric: whether reference data holds whole numbers only.
        masked: Its values are never written down: it is not counted and not judged.
    """

    name: str
    kind: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    integral: bool = False
    masked: bool = False

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        good = self.kind == CATEGORY or (self.kind == NUMERIC and len(self.edges) != 1 and rising)
        if not good or not all(map(math.isfinite, self.edges)):
            raise InvalidDocument(
                f"feature {self.name!r} is not well described",
                got=f"kind {self.kind!r}, {len(self.edges)} edges",
                expected="numeric with rising finite edges, or category",
            )

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return max(len(self.edges) - 1, 0) if self.kind == NUMERIC else len(self.values)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often values fell where. `bins` are as many as the feature has.

    Args:
        bins: Values in each bin.
        below: Finite numbers under the first edge.
        above: Finite numbers over the last edge.
        unseen: Words that are none of the known categories.
        missing: Nothing was given.
        nan: Not a number.
        negative_infinity: Minus infinity.
        infinity: Plus infinity.
        mistyped: A word where a number belongs, or the other way round.
        sum: Of all finite numbers; the largest float where it is beyond, which JSON does not have.
        sum_of_squares: Of all finite numbers, bounded likewise.
        minimum: The least finite number; None where there is none.
        maximum: The greatest finite number.
    """

    bins: tuple[int, ...] = ()
    below: int = 0
    above: int = 0
    unseen: int = 0
    missing: int = 0
    nan: int = 0
    negative_infinity: int = 0
    infinity: int = 0
    mistyped: int = 0
    sum: float = 0.0
    sum_of_squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    @property
    def finite(self) -> int:
        """How many finite numbers, or known and unseen words."""
        return sum(self.bins) + self.below + self.above + self.unseen

    @property
    def total(self) -> int:
        """How many examples, whatever they held."""
        return (
            self.finite
            + self.missing
            + self.nan
            + self.negative_infinity
            + self.infinity
            + self.mistyped
        )

    @property
    def mean(self) -> float:
        """Mean of the finite numbers; NaN where there is none."""
        return self.sum / self.finite if self.finite else math.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite numbers (of the population); NaN where there is none."""
        if not self.finite:
            return math.nan
        return math.sqrt(max(self.sum_of_squares / self.finite - self.mean * self.mean, 0.0))

    def __add__(self, other: Counts) -> Counts:
        added = {name: _bounded(getattr(self, name) + getattr(other, name)) for name in _ADDED}
        return Counts(
            bins=tuple(a + b for a, b in zip(self.bins, other.bins, strict=True)),
            minimum=_extreme(min, self.minimum, other.minimum),
            maximum=_extreme(max, self.maximum, other.maximum),
            **added,
        )


_ADDED = tuple(
    field.name for field in fields(Counts) if field.name not in ("bins", "minimum", "maximum")
)


def _bounded(number: Any) -> Any:  # noqa: ANN401 (a count stays an integer)
    return number if -_LARGEST <= number <= _LARGEST else math.copysign(_LARGEST, number)


def _extreme(choose: Any, a: float | None, b: float | None) -> float | None:  # noqa: ANN401
    return a if b is None else b if a is None else choose(a, b)


def nothing(feature: Feature) -> Counts:
    """Return the counts of no example."""
    return Counts(bins=(0,) * feature.bins)


def count(feature: Feature, column: Sequence[Value]) -> Counts:
    """Return how a column's values fall into a feature's bins.

    Args:
        feature: What is watched.
        column: One value an example, as a record's rows hold them.

    Example:
        >>> count(Feature("age", NUMERIC, edges=(0, 10, 20)), [5, 20, 25, None, "NaN"])
        Counts(bins=(1, 1), below=0, above=1, unseen=0, missing=1, nan=1, negative_infinity=0, \
infinity=0, mistyped=0, sum=50.0, sum_of_squares=1050.0, minimum=5, maximum=25)
    """
    return (_count_numbers if feature.kind == NUMERIC else _count_words)(feature, column)


def _count_numbers(feature: Feature, column: Sequence[Value]) -> Counts:
    try:
        # The whole column at once, in C: almost every column holds nothing but finite numbers.
        total = float(sum(column))  # type: ignore[arg-type]
        finite: Sequence[float] = column  # type: ignore[assignment]
        others: Counter[str] = Counter()
    except TypeError:
        finite = [v for v in column if type(v) in (float, int)]  # type: ignore[misc]
        others = Counter(map(_kind_of, (v for v in column if type(v) not in (float, int))))
        total = float(sum(finite))
    if not finite:
        return Counts(bins=(0,) * feature.bins, **others)
    ordered = sorted(finite)  # in C, and a few looks for edges are less than one a value
    cuts = [bisect_left(ordered, edge) for edge in feature.edges[:-1]]
    cuts += [bisect_right(ordered, edge) for edge in feature.edges[-1:]]  # the last bin is closed
    return Counts(
        bins=tuple(high - low for low, high in pairwise(cuts)),
        below=cuts[0] if cuts else 0,
        above=len(ordered) - (cuts[-1] if cuts else 0),
        sum=_bounded(total),
        sum_of_squares=_bounded(float(sum(map(mul, finite, finite)))),
        minimum=ordered[0] + 0,  # of a boolean, which a record does not hold, a number
        maximum=ordered[-1] + 0,
        **others,
    )


def _count_words(feature: Feature, column: Sequence[Value]) -> Counts:
    words = Counter(column)
    bins = tuple(words.pop(value, 0) for value in feature.values)
    missing = words.pop(None, 0)
    unseen = sum(n for word, n in words.items() if isinstance(word, str))
    return Counts(
        bins=bins,
        unseen=unseen,
        missing=missing,
        mistyped=len(column) - sum(bins) - missing - unseen,
    )


def _kind_of(value: object) -> str:
    if value is None:
        return "missing"
    words = {NAN: "nan", INFINITY: "infinity", NEGATIVE_INFINITY: "negative_infinity"}
    return words.get(value, "mistyped") if isinstance(value, str) else "mistyped"


def counts_to_document(counts: Counts) -> dict[str, Any]:
    """Return the counts as JSON: what is zero or absent is left out."""
    found = {name: value for name in _ADDED if (value := getattr(counts, name))}
    if counts.minimum is not None:
        found |= {"minimum": counts.minimum, "maximum": counts.maximum}
    return {"bins": list(counts.bins), **found}


def counts_from_document(document: Mapping[str, Any], feature: Feature) -> Counts:
    """Return the counts in a JSON object.

    Raises:
        InvalidDocument: If they are not of this feature, or no counts.
    """
    try:
        counts = Counts(**{**document, "bins": tuple(document["bins"])})
        if len(counts.bins) == feature.bins and _is_well_typed(counts):
            return counts
    except (KeyError, TypeError):
        pass
    raise InvalidDocument(
        f"counts of feature {feature.name!r} are not readable",
        got=document,
        expected=f"{feature.bins} bins",
    )


def _is_well_typed(counts: Counts) -> bool:
    integers = (*counts.bins, *(getattr(counts, n) for n in _ADDED if not n.startswith("sum")))
    extremes = {counts.minimum, counts.maximum}
    numbers = (counts.sum, counts.sum_of_squares, *(() if extremes == {None} else extremes))
    return all(map(_is_count, integers)) and all(type(v) in (float, int) for v in numbers)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0

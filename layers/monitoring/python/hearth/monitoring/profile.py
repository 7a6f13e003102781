"""Profiles: what some records come to, in counts. Profiles of one baseline merge by addition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import orjson
from hearth.domain.baseline import PREDICTED, SCORE, VALUE, Baseline, Watched
from hearth.domain.distribution import (
    CATEGORY,
    Counts,
    Feature,
    count,
    counts_from_document,
    counts_to_document,
    nothing,
)
from hearth.domain.errors import InvalidDocument
from hearth.domain.value import Value
from hearth.monitoring import traffic as traffics
from hearth.monitoring.records import Place, Record
from hearth.monitoring.traffic import LONGEST_WORD, Traffic, bounded, traffic_of

SCHEMA = "hearth.profile/1"
MOST_SLICES = 20

Rows = Sequence[Sequence[Value]]
Slices = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Known:
    """A version's baseline and its digest; no baseline has the digest ""."""

    digest: str = ""
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of some records of one version in one hour.

    Args:
        place: Which version, which hour.
        sources: Names of the objects of records that are in it, in order.
        baseline: Digest of the baseline whose bins are counted over; "" for none.
        traffic: How the version was used.
        features: One for each feature of the baseline, in its order; none without a baseline.
        outputs: One for each output of the baseline, likewise.
        slices: Requests by value of each slice.
        unmatched: Captured rows that are in no counts: there was no baseline, or another width.
    """

    place: Place
    sources: tuple[str, ...] = ()
    baseline: str = ""
    traffic: Traffic = field(default_factory=Traffic)
    features: tuple[Counts, ...] = ()
    outputs: tuple[Counts, ...] = ()
    slices: Slices = field(default_factory=dict)
    unmatched: int = 0

    @property
    def model(self) -> str:
        return self.place.model

    @property
    def version(self) -> int:
        return self.place.version

    @property
    def hour(self) -> str:
        return self.place.hour

    def __add__(self, other: Profile) -> Profile:
        """Return both profiles in one.

        Raises:
            ValueError: If they are of two baselines, which do not add up.
        """
        if self.baseline != other.baseline:
            raise ValueError(f"profiles of two baselines: {self.baseline} and {other.baseline}")
        return Profile(
            place=self.place,
            sources=tuple(sorted({*self.sources, *other.sources})),
            baseline=self.baseline,
            traffic=self.traffic + other.traffic,
            features=_added(self.features, other.features),
            outputs=_added(self.outputs, other.outputs),
            slices=_merged(self.slices, other.slices),
            unmatched=self.unmatched + other.unmatched,
        )


def _added(some: tuple[Counts, ...], others: tuple[Counts, ...]) -> tuple[Counts, ...]:
    # A profile of no records has no counts.
    return (
        tuple(a + b for a, b in zip(some, others, strict=True))
        if some and others
        else some or others
    )


def _merged(some: Slices, others: Slices) -> Slices:
    names = list(dict.fromkeys((*some, *others)))[:MOST_SLICES]
    return {
        name: bounded(Counter(some.get(name, {})) + Counter(others.get(name, {}))) for name in names
    }


def profile_of(
    records: Sequence[Record], known: Known, place: Place, sources: tuple[str, ...] = ()
) -> Profile:
    """Return the profile of records.

    Args:
        records: Parsed lines, all of one version and hour.
        known: The version's baseline.
        place: Which version and hour that is.
        sources: Where the records lie.
    """
    watched = known.baseline
    features, odd = _counted(watched.features if watched else (), _rows(records, "features"))
    outputs, unwatched = _outcomes(watched.outputs if watched else (), records)
    return Profile(
        place=place,
        sources=sources,
        baseline=known.digest,
        traffic=traffic_of(records),
        features=features,
        outputs=outputs,
        slices=_slices(records),
        unmatched=max(odd, unwatched),
    )


def _rows(records: Sequence[Record], name: str) -> list[Any]:
    try:
        return list(chain.from_iterable(map(dict.get, records, repeat(name), repeat(()))))
    except TypeError:  # somebody else's line
        some = (record.get(name) for record in records)
        return list(chain.from_iterable(rows for rows in some if isinstance(rows, list)))


def _counted(watched: tuple[Watched, ...], rows: Rows) -> tuple[tuple[Counts, ...], int]:
    """Return the counts of each column, and how many rows are in none."""
    if not watched:
        return (), len(rows)
    fitting = _fitting(rows, len(watched))
    columns: Iterable[Sequence[Value]] = zip(*fitting, strict=True) if fitting else repeat(())
    pairs = zip(watched, columns, strict=False)
    return tuple(_count(item.feature, column) for item, column in pairs), len(rows) - len(fitting)


def _fitting(rows: Rows, width: int) -> Rows:
    try:
        if set(map(len, rows)) <= {width} and set(map(type, rows)) <= {list}:
            return rows
    except TypeError:
        pass
    return [row for row in rows if isinstance(row, list) and len(row) == width]


def _count(feature: Feature, column: Sequence[Value]) -> Counts:
    if feature.masked:
        return nothing(feature)
    try:
        return count(feature, column)
    except (TypeError, OverflowError):  # lists and objects are no values
        plain = (int, float, str, type(None))
        return count(feature, [v if isinstance(v, plain) else "" for v in column])


def _outcomes(
    watched: tuple[Watched, ...], records: Sequence[Record]
) -> tuple[tuple[Counts, ...], int]:
    """Return the counts of each watched output, and how many outcomes are in none."""
    columns = outcomes_of(records)
    rows = max(map(len, columns.values()), default=0)
    found = tuple(_count(w.feature, columns.get(w.feature.name, ())) for w in watched)
    return found, 0 if watched else rows


def outcomes_of(records: Sequence[Record]) -> dict[str, Sequence[Value]]:
    """Return the columns of what was predicted, under the names of a baseline's outputs."""
    predicted = _rows(records, "predicted")
    scores = _best_scores(_rows(records, "scores"))
    scores += [_score_of_first(row) for row in _rows(records, "top")]
    values = [row for row in _rows(records, "values") if isinstance(row, list)]
    width = max(map(len, values), default=0)
    numbered = zip(*_fitting(values, width), strict=True) if width else ()
    named = {f"{VALUE}[{at}]" if at else VALUE: column for at, column in enumerate(numbered)}
    return {PREDICTED: predicted, SCORE: scores, **named}


def _best_scores(rows: list[Any]) -> list[Value]:
    try:
        best: list[Value] = list(map(max, rows))
        if {float} >= set(map(type, best)):
            return best
    except (TypeError, ValueError):
        pass  # a score that is no number, or none at all
    lists = (row if isinstance(row, list) else () for row in rows)
    return [max((v for v in row if isinstance(v, float | int)), default=None) for row in lists]


def _score_of_first(row: Any) -> Value:  # noqa: ANN401 (any JSON)
    try:
        score: Value = row[0][1]
    except (TypeError, IndexError, KeyError):
        return None
    else:
        return score


def _slices(records: Sequence[Record]) -> Slices:
    found: dict[str, Counter[str]] = {}
    given = list(filter(None, map(dict.get, records, repeat("slices"))))
    try:
        pairs = Counter(chain.from_iterable(map(dict.items, given)))
    except TypeError:  # somebody else's line
        pairs = Counter()
    for (name, value), requests in pairs.items():
        if name in found or len(found) < MOST_SLICES:
            found.setdefault(name, Counter())[str(value)[:LONGEST_WORD]] += requests
    return {name: bounded(values) for name, values in found.items()}


def to_body(profile: Profile) -> bytes:
    """Return the profile as JSON: equal profiles give equal bytes."""
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "model": profile.model,
            "version": profile.version,
            "hour": profile.hour,
            "sources": profile.sources,
            "baseline": profile.baseline,
            "traffic": traffics.to_document(profile.traffic),
            "features": [counts_to_document(counts) for counts in profile.features],
            "outputs": [counts_to_document(counts) for counts in profile.outputs],
            "slices": profile.slices,
            "unmatched": profile.unmatched,
        },
        option=orjson.OPT_SORT_KEYS,
    )


def from_body(body: bytes, place: Place) -> Profile:
    """Return the profile in a JSON document.

    Raises:
        InvalidDocument: If it is no profile, or not of this place.
    """
    try:
        document = orjson.loads(body)
        return _read(document, place)
    except (InvalidDocument, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidDocument(
            f"profile of {place.model} version {place.version} at {place.hour} is not readable",
            got=f"{type(error).__name__}: {error}",
            expected=SCHEMA,
        ) from error


def _read(document: Mapping[str, Any], place: Place) -> Profile:
    found = Place(document["hour"], document["model"], document["version"])
    unmatched, sources = document["unmatched"], document["sources"]
    texts = (document["baseline"], *sources)
    if document["schema"] != SCHEMA or found != place or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"schema {document['schema']}, {found}")
    if type(unmatched) is not int or type(found.version) is not int or unmatched < 0:
        raise ValueError(f"unmatched {unmatched}")
    return Profile(
        place=place,
        sources=tuple(sources),
        baseline=document["baseline"],
        traffic=traffics.from_document(document["traffic"]),
        features=tuple(map(_counts, document["features"])),
        outputs=tuple(map(_counts, document["outputs"])),
        slices={name: _words(values) for name, values in document["slices"].items()},
        unmatched=unmatched,
    )


def _words(values: Mapping[str, int]) -> Mapping[str, int]:
    if any(type(count) is not int or count < 0 for count in values.values()):
        raise ValueError("a count of a slice is none")
    return dict(values)


def _counts(document: Mapping[str, Any]) -> Counts:
    return counts_from_document(document, _of_any_bins(len(document["bins"])))


@lru_cache(maxsize=256)
def _of_any_bins(bins: int) -> Feature:
    """Return a feature with so many bins: whose a profile's are, its baseline says."""
    return Feature("of a profile", CATEGORY, values=tuple(map(str, range(bins))))

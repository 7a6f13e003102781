"""Many models that do not drift, as counts: what a baseline's bins hold and what a window's do.

References are drawn exactly, but not value by value: an edge lies between two order statistics,
and those of a uniform sample are sums of gamma variables. A window's counts, given the edges, are
multinomial. Everything is numpy, a row a feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from hearth.domain.baseline import Watched
from hearth.domain.distribution import CATEGORY, NUMERIC, Counts, Feature
from hearth.monitoring import drift, evidence
from numpy.typing import NDArray
from scipy import stats

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
BINS, LEAST, FEWEST, WORDS = 10, 0.05, 5, 100  # as publication has them
MOST_MODELS = 5000


@dataclass(frozen=True)
class Sample:
    """Features by row: cells of the baseline and of the window, then those of special values.

    Args:
        kind: `numeric` or `category` (the last cell: words that have no bin).
        baseline: Counts by cell; those beyond a feature's bins are 0 on both sides.
        window: The same.
        special: How many are missing, in the baseline and in the window.
    """

    kind: str
    baseline: Ints
    window: Ints
    special: tuple[Ints, Ints]

    def __len__(self) -> int:
        return len(self.baseline)

    def feature(self, i: int) -> tuple[Watched, Counts]:
        """Return a feature as the product has it."""
        cells = self.baseline[i], self.window[i]
        if self.kind == CATEGORY:
            feature = Feature(f"f{i}", CATEGORY, values=tuple(map(str, range(len(cells[0]) - 1))))
            counts = [
                Counts(tuple(map(int, c[:-1])), unseen=int(c[-1]), missing=int(s[i]))
                for c, s in zip(cells, self.special, strict=True)
            ]
        else:
            feature = Feature(f"f{i}", NUMERIC, edges=tuple(map(float, range(len(cells[0]) + 1))))
            counts = [_numbers(c, int(s[i])) for c, s in zip(cells, self.special, strict=True)]
        return Watched(feature, counts[0]), counts[1]

    def p_values(self) -> Floats:
        """Return what `drift.judge` calls `p_value`, for all rows at once; exact under 0.01."""
        tests = _words(self) if self.kind == CATEGORY else _ordered(self)
        m, n = (
            c.sum(1) + s for c, s in zip((self.baseline, self.window), self.special, strict=True)
        )
        b, w = self.special
        tests.append(np.where(b + w > 0, _proportion(b, m, w, n), np.nan))
        found = np.array(tests)
        k = np.isfinite(found).sum(0)
        return np.where(
            k > 0, np.minimum(1, k * np.nanmin(np.vstack([found, np.ones(len(self))]), 0)), 1
        )


def _numbers(cells: Ints, missing: int) -> Counts:
    bins = tuple(map(int, cells))
    at = [i + 0.5 for i in range(len(bins))]
    return Counts(
        bins,
        missing=missing,
        sum=float(np.dot(at, bins)),
        sum_of_squares=float(np.dot(np.square(at), bins)),
        minimum=0.0,
        maximum=float(len(bins)),
    )


# ---- the product's tests again, a row a feature; the bench holds that they agree ----------------


def _ordered(sample: Sample) -> list[Floats]:
    b, w = sample.baseline, sample.window
    m, n = b.sum(1), w.sum(1)
    t, total = b + w, m + n
    mode = t.argmax(1)[:, None]
    at_mode = [np.take_along_axis(c, mode, 1)[:, 0] for c in (b, w)]
    needed = total / np.minimum(m, n)
    few = ((t > 0).sum(1) < 3) | (total - sum(at_mode) < evidence.OFF_MODE * needed)
    share = np.full(len(b), np.nan)
    of = few & ((t > 0).sum(1) > 1)
    share[of] = _proportion(at_mode[0][of], m[of], at_mode[1][of], n[of])
    columns = _neighbours(b, w, evidence.EXPECTED * needed)
    large = (columns[0] + columns[1] > 0).sum(1)
    chi = np.where(large > 2, _chi_square(*columns), np.nan)
    return [np.where(few, share, _rank(b, w)), np.where(few, np.nan, chi)]


def _words(sample: Sample) -> list[Floats]:
    b, w = sample.baseline, sample.window
    m, n = b.sum(1), w.sum(1)
    needed = evidence.EXPECTED * (m + n) / np.minimum(m, n)
    frequent = b + w >= needed[:, None]
    frequent[:, -1] = False
    fb, fw = np.where(frequent, b, 0), np.where(frequent, w, 0)
    rb, rw = m - fb.sum(1), n - fw.sum(1)
    columns = frequent.sum(1)
    rare = np.where((rb + rw > 0) & (columns > 0), _proportion(rb, m, rw, n), np.nan)
    first = frequent.argmax(1)[:, None]
    of = [np.take_along_axis(c, first, 1)[:, 0] for c in (fb, fw)]
    two = _proportion(of[0], fb.sum(1), of[1], fw.sum(1))
    both = np.where(columns > 2, _chi_square(fb, fw), np.where(columns == 2, two, np.nan))
    return [both, rare]


def _chi_square(b: Ints, w: Ints) -> Floats:
    m, n, t = b.sum(1), w.sum(1), b + w
    with np.errstate(invalid="ignore", divide="ignore"):
        each = (b * n[:, None] - w * m[:, None]).astype(float) ** 2 / t
        x = np.nansum(each, 1) / (m * n)
    return stats.chi2.sf(x, np.maximum((t > 0).sum(1) - 1, 1))


def _rank(b: Ints, w: Ints) -> Floats:
    m, n, t = b.sum(1), w.sum(1), b + w
    total = m + n
    excess = (2 * np.cumsum(t, 1) - t - total[:, None]).astype(float)
    spread = (t * excess**2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (w * excess).sum(1) / np.sqrt(m * n * spread / (total * (total - 1.0)))
    return 2 * stats.norm.sf(np.abs(np.nan_to_num(z)))


def _proportion(b: Ints, m: Ints, w: Ints, n: Ints) -> Floats:
    up = w * m >= b * n
    found, drawn = np.where(up, w, b), np.where(up, n, m)
    tail = np.ones(len(b))
    # scipy takes its time: only what could be significant at all is computed.
    marked, total = (b + w).astype(float), (m + n).astype(float)
    variance = m * n * marked * (total - marked) / np.maximum(total, 1)
    some = (w * m - b * n).astype(float) ** 2 > 2 * variance
    tail[some] = stats.hypergeom.sf(found[some] - 1, (m + n)[some], (b + w)[some], drawn[some])
    return np.minimum(2 * tail, 1)


def _neighbours(b: Ints, w: Ints, needed: Floats) -> tuple[Ints, Ints]:
    rows = np.arange(len(b))
    left, right = np.zeros_like(b), np.zeros_like(w)
    at = np.zeros(len(b), int)
    more = np.zeros((2, len(b)), np.int64)
    for j in range(b.shape[1]):
        more += np.array([b[:, j], w[:, j]])
        full = more.sum(0) >= needed
        left[rows[full], at[full]], right[rows[full], at[full]] = more[:, full]
        at[full] += 1
        more[:, full] = 0
    last = np.maximum(at - 1, 0)
    left[rows, last] += more[0]
    right[rows, last] += more[1]
    return left, right


# ---- features that do not drift -----------------------------------------------------------------

Reference = tuple[Ints, Floats]  # counts by cell, and the true chance of each cell
Draw = Callable[[int, int, np.random.Generator], Reference]


def windows(reference: Reference, n: int, kind: str, rng: np.random.Generator) -> Sample:
    """Return the features with a window of n values each."""
    counts, chances = reference
    none = np.zeros(len(counts), np.int64)
    return Sample(kind, counts, rng.multinomial(n, chances), (none, none))


@cache
def _ends(zeros: int, others: int) -> tuple[int, ...]:
    """Return how many values each bin takes: publication's rule on a point mass and the rest."""
    masses = [zeros] * (zeros > 0)
    total, done, sizes = zeros + others, zeros, masses
    least = max(total * LEAST, FEWEST)
    while total - done > 0:
        left = BINS - len(sizes)
        take = round(max((total - done) / left, least)) if left > 1 else total - done
        if total - done - take < least / 2:
            take = total - done
        sizes = [*sizes, take]
        done += take
    return tuple(sizes)


def _order_statistics(ranks: Ints, total: int, rng: np.random.Generator) -> Floats:
    """Return uniform order statistics: pairs (k, k + 1) for each rank k, a row a feature."""
    at = np.stack([ranks, ranks + 1], 2).reshape(len(ranks), -1)
    steps = np.diff(at, axis=1, prepend=0)
    gaps = rng.standard_gamma(np.maximum(steps, 1e-9)) * (steps > 0)
    rest = rng.standard_gamma(np.maximum(total + 1 - at[:, -1:], 1e-9))
    reached = np.cumsum(gaps, 1)
    return reached / (reached[:, -1:] + rest)


def continuous(
    quantile: Callable[[Floats], Floats], cdf: Callable[[Floats], Floats], zeros: float = 0.0
) -> Draw:
    """Return features that are 0 with a chance, and otherwise drawn from a distribution."""

    def draw(features: int, m: int, rng: np.random.Generator) -> Reference:
        at_zero = rng.binomial(m, zeros, features)
        groups: dict[int, list[int]] = {}
        for i, z in enumerate(at_zero.tolist()):
            groups.setdefault(z, []).append(i)
        counts = np.zeros((features, BINS + 1), np.int64)
        chances = np.zeros((features, BINS + 1))
        for z, members in groups.items():
            sizes = _ends(z, m - z)
            counts[members, : len(sizes)] = sizes
            chances[members, : len(sizes)] = _chances(sizes[z > 0 :], members, rng)
        chances[:, 1:] *= np.where(at_zero > 0, 1 - zeros, 1)[:, None]
        chances[:, 0] = np.where(at_zero > 0, zeros, chances[:, 0])
        return counts, chances

    def _chances(sizes: tuple[int, ...], members: list[int], rng: np.random.Generator) -> Floats:
        inner = np.cumsum(sizes)[:-1]
        first = [np.zeros((len(members), 1))] * bool(zeros)
        if not len(inner):
            return np.hstack([*first, np.ones((len(members), 1))])
        pairs = _order_statistics(np.tile(inner, (len(members), 1)), sum(sizes), rng)
        low, high = quantile(pairs[:, ::2]), quantile(pairs[:, 1::2])
        edges = cdf((low + high) / 2)  # publication's rule: half way
        return np.hstack([*first, np.diff(edges, axis=1, prepend=0.0, append=1.0)])

    return draw


def whole(chances: Floats) -> Draw:
    """Return features that are whole numbers: one bin each, as far as the reference has them."""

    def draw(features: int, m: int, rng: np.random.Generator) -> Reference:
        counts = rng.multinomial(m, chances, features)
        last = counts.shape[1] - 1 - (counts[:, ::-1] > 0).argmax(1)
        moved = np.zeros(counts.shape)
        above = last.copy()
        for j in range(counts.shape[1] - 1, -1, -1):  # what has no bin lies nearest to the next
            above = np.where(counts[:, j] > 0, j, above)
            np.add.at(moved, (np.arange(features), above), chances[j])
        return counts, moved

    return draw


def words(chances: Floats) -> Draw:
    """Return categories: a bin for each of the most frequent words of the reference."""

    def draw(features: int, m: int, rng: np.random.Generator) -> Reference:
        counts = rng.multinomial(m, chances, features)
        order = np.argsort(-counts, 1, kind="stable")
        counts = np.take_along_axis(counts, order, 1)
        true = chances[order]
        kept = (counts > 0) & (np.arange(counts.shape[1]) < WORDS)
        cut = min(WORDS, counts.shape[1])
        rest = [np.where(kept, 0, c).sum(1)[:, None] for c in (counts, true)]
        inside = [np.where(kept, c, 0)[:, :cut] for c in (counts, true)]
        return np.hstack([inside[0], rest[0]]), np.hstack([inside[1], rest[1]])

    return draw


def _zipf(size: int) -> Floats:
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()


_NORMAL = (stats.norm.ppf, stats.norm.cdf)
_LOG_NORMAL = (lambda u: np.exp(stats.norm.ppf(u)), lambda x: stats.norm.cdf(np.log(x)))
KINDS: dict[str, tuple[str, Draw]] = {
    "normal": (NUMERIC, continuous(*_NORMAL)),
    "log-normal": (NUMERIC, continuous(*_LOG_NORMAL)),
    "70% zeros, then log-normal": (NUMERIC, continuous(*_LOG_NORMAL, zeros=0.7)),
    "97% zeros, then log-normal": (NUMERIC, continuous(*_LOG_NORMAL, zeros=0.97)),
    "whole numbers (Poisson, 1.5)": (
        NUMERIC,
        whole(np.append(stats.poisson.pmf(range(15), 1.5), stats.poisson.sf(14, 1.5))),
    ),
    "5 words": (CATEGORY, words(np.array([0.5, 0.25, 0.15, 0.07, 0.03]))),
    "300 words (Zipf)": (CATEGORY, words(_zipf(300))),
}


def with_missing(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    """Return the features with as many missing values besides as a share gives by chance."""
    sizes = [int(c[0].sum() * share / (1 - share)) for c in (sample.baseline, sample.window)]
    special = tuple(rng.poisson(size, len(sample)) for size in sizes)
    return Sample(sample.kind, sample.baseline, sample.window, special)  # type: ignore[arg-type]


def alarms(sample: Sample, p_values: Floats, features: int) -> tuple[int, int, int]:
    """Return models, those with evidence anywhere, and those that `judge` calls drifted.

    `judge` finds nothing drifted where no p-value is significant after Bonferroni's correction,
    Holm's first step: so only the others are put before it.
    """
    models = min(len(sample) // features, MOST_MODELS)
    p = p_values[: models * features].reshape(models, features)
    seen = np.flatnonzero((p * features < drift.LEVEL).any(1))
    drifted = 0
    for model in seen:
        rows = [sample.feature(i) for i in range(model * features, (model + 1) * features)]
        judged = drift.judge([w for w, _ in rows], [c for _, c in rows])
        drifted += judged.verdict == drift.DRIFTED
    return models, len(seen), drifted

"""How often drift is claimed where there is none, and how often it is found where there is."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.domain.baseline import Watched
from hearth.domain.distribution import Counts
from hearth.monitoring import drift
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon
from support import drifting
from support.drifting import KINDS, Sample, alarms, windows
from support.sam import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1500)]

TABLE = ROOT / "tests/bench/results/drift.md"
ROWS = (50, 100, 200, 500, 1000, 10_000, 100_000)
FEATURES = (1, 5, 20, 100, 500)
REFERENCES = (500, 5000)
DRAWN = 200_000  # features of each kind and reference size: 400 models of 500
MOST = 0.05
POWER_RUNS = 200
POWER_FEATURES = (1, 20, 100, 500)

Interval = tuple[float, float]


def _interval(found: int, of: int) -> Interval:
    """Clopper and Pearson's, 95%."""
    low = stats.beta.ppf(0.025, found, of - found + 1) if found else 0.0
    high = stats.beta.ppf(0.975, found + 1, of - found) if found < of else 1.0
    return float(low), float(high)


def _cell(found: int, of: int) -> str:
    return f"{found / of:.1%} (to {_interval(found, of)[1]:.1%})"


def _save(name: str, lines: list[str]) -> None:
    """Put a section into the table, in the place of its predecessor."""
    before = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    sections = {s.split("\n", 1)[0]: s for s in before.split("## ") if s.strip()}
    sections[name] = "\n".join([name, "", *lines, ""])
    ordered = [sections[key] for key in sorted(sections)]
    TABLE.write_text(
        "".join(f"## {s.strip()}\n\n" for s in ordered).strip() + "\n", encoding="utf-8"
    )
    print("\n" + "\n".join(lines))


def test_no_model_that_stands_still_alarms_more_than_one_time_of_twenty() -> None:
    """Any feature of a model that did not move is called drifted in at most 5% of windows."""
    rng = np.random.default_rng(20261123)
    pooled: dict[tuple[int, int, int], list[int]] = {}
    worst: dict[tuple[str, int, int], tuple[float, str]] = {}
    for kind, (kind_of, draw) in KINDS.items():
        for m in REFERENCES:
            reference = draw(DRAWN, m, rng)
            for n in ROWS:
                sample = windows(reference, n, kind_of, rng)
                if kind == "normal":
                    sample = drifting.with_missing(sample, 0.02, rng)
                p_values = sample.p_values()
                for features in FEATURES:
                    found = alarms(sample, p_values, features)
                    sums = pooled.setdefault((m, n, features), [0, 0, 0])
                    pooled[m, n, features] = [a + b for a, b in zip(sums, found, strict=True)]
                    where = f"at {n:,} rows, {features} features"
                    for at in (1, 2):
                        said = (found[at] / found[0], f"{_cell(found[at], found[0])} {where}")
                        worst[kind, m, at] = max(worst.get((kind, m, at), (-1.0, "")), said)
                    assert found[2] / found[0] <= MOST, (kind, m, where)
    _save("1 False alarms", _false_alarms(pooled))
    lines = [
        f"The highest rate among all sizes of windows and models; of 500 features, there are {DRAWN // 500} models in a cell.",
        "",
        "| feature | reference | called drifted | evidence alone |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_title(kind)} | {m:,} | {worst[kind, m, 2][1]} | {worst[kind, m, 1][1]} |"
        for kind in KINDS
        for m in REFERENCES
    ]
    _save("2 False alarms by kind of feature", lines)
    for key, (models, evident, drifted) in pooled.items():
        assert _interval(drifted, models)[1] <= MOST, key
        assert _interval(evident, models)[1] <= MOST, key


def _title(kind: str) -> str:
    return kind + ", 2% missing" * (kind == "normal")


def _false_alarms(pooled: dict[tuple[int, int, int], list[int]]) -> list[str]:
    header = [f"{f} features" if f > 1 else "1 feature" for f in FEATURES]
    lines = [
        "Models that did not move and were called drifted: any of their features. All kinds of features pooled; in brackets,",
        "the upper end of the 95% interval. After the slash: with evidence (p after Holm under 0.01) before the least distance",
        "is asked for. `few`: too few rows for anything to be called stable; what is plain is drift all the same.",
        "",
        f"| reference | window | {' | '.join(header)} |",
        "|---|---|" + "---|" * len(header),
    ]
    for m in REFERENCES:
        for n in ROWS:
            cells = []
            for features in FEATURES:
                models, evident, drifted = pooled[m, n, features]
                enough = drift.effective(m, n) >= drift.Family(features).rows
                few = "" if enough else ", few"
                cells.append(f"{_cell(drifted, models)} / {evident / models:.1%}{few}")
            lines.append(f"| {m:,} | {n:,} | {' | '.join(cells)} |")
    return lines


# ---- what moved is found ------------------------------------------------------------------------


def _moved(
    change: str, n: int, runs: int, m: int, rng: np.random.Generator
) -> list[tuple[Watched, Counts]]:
    """Return features of which each moved in one way."""
    kind, draw = KINDS["5 words" if change == "a word" else "normal"]
    counts, chances = draw(runs, m, rng)
    if change == "a word":  # the most frequent one: 50% to 62%, about as far as the shift
        moved = chances * np.where(np.arange(chances.shape[1]) == 0, 0.62 / 0.5, 0.38 / 0.5)
        chances = moved / moved.sum(1, keepdims=True)
    edges = stats.norm.ppf(np.clip(np.cumsum(chances, 1), 0, 1))
    if change == "shift":
        chances = np.diff(stats.norm.cdf(edges - 0.25), axis=1, prepend=0.0)
    if change == "scale":
        chances = np.diff(stats.norm.cdf(edges / 1.3), axis=1, prepend=0.0)
    missing = rng.binomial(n, 0.02 if change == "NaN" else 0.0, runs)
    window = np.array(
        [rng.multinomial(n - gone, p) for gone, p in zip(missing, chances, strict=True)]
    )
    sample = Sample(kind, counts, window, (np.zeros(runs, np.int64), missing))
    return [sample.feature(i) for i in range(runs)]


CHANGES = {
    "shift": "shift by 0.25 standard deviations",
    "scale": "1.3 times the standard deviation",
    "NaN": "2% NaN instead of none",
    "a word": "a word's share from 50% to 62%",
}


def test_what_moved_in_one_feature_is_found() -> None:
    """A shift of 0.25 standard deviations in one feature of 500 is found with 1000 rows in 95%."""
    rng = np.random.default_rng(20261124)
    kind, draw = KINDS["normal"]
    still = windows(draw(1500, 5000, rng), 1000, kind, rng)
    others = [still.feature(i) for i in range(len(still))]
    lines = [
        "Windows in which the feature that moved was found, of so many features; reference 5,000 rows; window 1,000.",
        "",
        "| change | " + " | ".join(f"of {f}" for f in POWER_FEATURES) + " |",
        "|---|" + "---|" * len(POWER_FEATURES),
    ]
    for change, title in CHANGES.items():
        rates = {}
        for features in POWER_FEATURES:
            found = 0
            for one in _moved(change, 1000, POWER_RUNS, 5000, rng):
                start = int(rng.integers(0, len(others) - features))
                pairs = [one, *others[start : start + features - 1]]
                judged = drift.judge([w for w, _ in pairs], [c for _, c in pairs])
                found += judged.features[0].verdict == drift.DRIFTED
            rates[features] = found / POWER_RUNS
        lines.append(f"| {title} | " + " | ".join(f"{rates[f]:.1%}" for f in POWER_FEATURES) + " |")
        assert min(rates.values()) >= 0.95, (change, rates)
    _save("3 What is found", lines)


def test_what_matters_little_is_no_drift_however_many_rows() -> None:
    """A shift of 0.05 standard deviations is no drift with 100,000 rows."""
    rng = np.random.default_rng(5)
    kind, draw = KINDS["normal"]
    counts, chances = draw(500, 5000, rng)
    edges = stats.norm.ppf(np.clip(np.cumsum(chances, 1), 0, 1))
    moved = np.diff(stats.norm.cdf(edges - 0.05), axis=1, prepend=0.0)
    sample = windows((counts, moved), 100_000, kind, rng)
    pairs = [sample.feature(i) for i in range(len(sample))]
    judged = drift.judge([w for w, _ in pairs], [c for _, c in pairs])
    assert judged.verdict == drift.STABLE
    assert sum(item.p_adjusted < drift.LEVEL for item in judged.features) > 0


# ---- beside fixed thresholds --------------------------------------------------------------------

REPETITIONS = 200
_BONFERRONI = "KS, p < 0.05 / "


def test_beside_fixed_thresholds() -> None:
    """Fixed thresholds and uncorrected tests claim drift where there is none, or do not find it."""
    rng = np.random.default_rng(20261125)
    rates: dict[tuple[int, float], dict[str, float]] = {}
    for n in ROWS:
        for shift in (0.0, 0.25):
            rates[n, shift] = _others(n, shift, rng)
    methods = list(rates[ROWS[0], 0.0])
    lines = [
        "Normal features, reference 5,000 rows. Models called drifted that did not move, by number of features (from the rate of",
        f"one feature in {REPETITIONS} windows: 1 - (1 - rate)^features); last, how often a shift of 0.25 standard deviations in one feature is seen.",
        "",
        "| method | window | 1 feature | 20 | 100 | 500 | 0.25 is seen |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        for n in ROWS:
            rate, seen = rates[n, 0.0][method], rates[n, 0.25][method]
            models = [f"{1 - (1 - rate) ** f:.0%}" for f in (1, 20, 100, 500)]
            if method.startswith(_BONFERRONI):  # so small a rate is not measured in so few windows
                models = [
                    "at most 5%, by construction" if str(f) in method.split() else ""
                    for f in (1, 20, 100, 500)
                ]
            lines.append(f"| {method} | {n:,} | {' | '.join(models)} | {seen:.0%} |")
    _save("4 Beside fixed thresholds", lines)
    assert rates[100, 0.0]["PSI > 0.1"] > 0.2
    assert rates[1000, 0.25]["PSI > 0.1"] < 0.5


def _others(n: int, shift: float, rng: np.random.Generator) -> dict[str, float]:
    found: dict[str, int] = {}
    for _ in range(REPETITIONS):
        old, new = rng.normal(size=5000), rng.normal(shift, 1, n)
        for name, alarm in _methods(old, new).items():
            found[name] = found.get(name, 0) + alarm
    return {name: count / REPETITIONS for name, count in found.items()}


def _methods(old: NDArray[np.float64], new: NDArray[np.float64]) -> dict[str, bool]:
    edges = np.quantile(old, np.linspace(0, 1, 11))[1:-1]
    b, w = (np.bincount(np.searchsorted(edges, x), minlength=10) for x in (old, new))
    p, q = np.maximum(b / b.sum(), 1e-4), np.maximum(w / w.sum(), 1e-4)
    psi = float(np.sum((q - p) * np.log(q / p)))
    ks = stats.ks_2samp(old, new).pvalue
    return {
        "PSI > 0.1": psi > 0.1,
        "PSI > 0.25": psi > 0.25,
        "Wasserstein / sd > 0.1": stats.wasserstein_distance(old, new) / old.std() > 0.1,
        "Jensen-Shannon > 0.1": jensenshannon(p, q, base=2) > 0.1,
        "KS, p < 0.05": ks < 0.05,
        _BONFERRONI + "20 (Bonferroni)": ks < 0.05 / 20,
        _BONFERRONI + "500 (Bonferroni)": ks < 0.05 / 500,
        "chi-square, p < 0.05": stats.chi2_contingency(np.stack([b, w])[:, b + w > 0]).pvalue
        < 0.05,
    }


def test_the_rows_of_many_features_have_the_products_p_values() -> None:
    """The simulation's p-values are the product's."""
    rng = np.random.default_rng(3)
    for name, (kind, draw) in KINDS.items():
        for m in REFERENCES:
            reference = draw(100, m, rng)
            for n in ROWS:
                sample = windows(reference, n, kind, rng)
                for i, p in enumerate(sample.p_values()):
                    tests = drift.p_values(*sample.feature(i))
                    exact = min([1.0, *(len(tests) * each for each in tests.values())])
                    assert p == pytest.approx(exact, rel=1e-6) or min(p, exact) > 0.01, (name, m, n)

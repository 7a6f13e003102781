"""Which session should go: what is built in beside the least recently used, on stated traffic."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.serving.sessions import Opened, Sessions

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

TABLE = Path(__file__).parent / "results/eviction.md"
MB = 1 << 20
BUDGET_MB = 1024
HEAD = f"""\
What requests wait for openings, with a budget of {BUDGET_MB} MB: the least recently used out, and what is
built in. An opening costs a fixed time and one for each MB (as 40 ms and 15 ms are to each other);
*wait* is the mean over all requests, as a part of what it is if the least recently used goes. Sizes of
*mixed* models are log-normal (median 4 MB, sigma 1.5, at most 400 MB). A simulation: no model is opened.

| traffic | warm: least recently used | warm: built in | wait |
| --- | --- | --- | --- |
"""

Use = tuple[Any, float]


def _cost(mb: float) -> float:
    return 40 + 15 * mb


class LeastRecentlyUsed:
    def __init__(self) -> None:
        self._open: OrderedDict[Any, float] = OrderedDict()
        self._size = 0.0

    def use(self, name: Any, mb: float) -> bool:
        if name in self._open:
            self._open.move_to_end(name)
            return True
        while self._open and self._size + mb > BUDGET_MB:
            self._size -= self._open.popitem(last=False)[1]
        self._open[name] = mb
        self._size += mb
        return False


class BuiltIn:
    def __init__(self) -> None:
        self._sessions = Sessions(BUDGET_MB * MB, lambda _name: None)

    def use(self, name: Any, mb: float) -> bool:
        if self._sessions.get(name):
            return True
        size = int(mb * MB)
        self._sessions.make_room(size)
        # Only the size is looked at.
        self._sessions.keep(name, Opened(None, None, None, 0.0, size, None))  # type: ignore[arg-type]
        return False


def _traffic() -> dict[str, list[Use]]:
    rng = np.random.default_rng(1)
    count = 1000
    sizes = np.minimum(400, np.exp(rng.normal(math.log(4), 1.5, count))) + 0.3

    def zipf(exponent: float, length: int, models: int = count) -> list[int]:
        shares = 1 / np.arange(1, models + 1) ** exponent
        order = rng.permutation(models)
        return order[rng.choice(models, length, p=shares / shares.sum())].tolist()

    def mixed(exponent: float, length: int, phase: int = 0) -> list[Use]:
        return [((phase, name), sizes[name]) for name in zipf(exponent, length)]

    hot = zipf(1.0, 20_000, 30)
    return {
        **{f"mixed, Zipf {e}": mixed(e, 20_000) for e in (0.8, 1.0, 1.2)},
        "10 MB each, Zipf 1.0": [(name, 10.0) for name in zipf(1.0, 20_000)],
        "mixed, Zipf 1.0, others from time to time": [
            use for phase in range(8) for use in mixed(1.0, 2500, phase)
        ],
        "10 of 50 MB always, then never; mixed, Zipf 1.0": [
            *((("old", turn % 10), 50.0) for turn in range(20_000)),
            *mixed(1.0, 20_000),
        ],
        "50 of 15 MB in turn, each 60th one of 700 MB": [
            (turn % 50, 15.0) if turn % 60 else ("large", 700.0) for turn in range(20_000)
        ],
        "30 of 15 MB, Zipf 1.0, each 4th one of 1000 in turn": [
            (("hot", hot[turn]) if turn % 4 else ("scan", turn // 4 % 1000), 15.0)
            for turn in range(20_000)
        ],
        "56 of 20 MB in turn, a tenth too many": [(turn % 56, 20.0) for turn in range(10_000)],
        "2 of 500 MB in turn": [(turn % 2, 500.0) for turn in range(1000)],
    }


@dataclass(frozen=True)
class Row:
    warm: float
    wait: float


def _row(make: Callable[[], Any], traffic: list[Use]) -> Row:
    policy = make()
    waits = [0.0 if policy.use(name, mb) else _cost(mb) for name, mb in traffic]
    return Row(waits.count(0.0) / len(waits), sum(waits) / len(waits))


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[Row, Row]]:
    found = {
        name: (_row(LeastRecentlyUsed, traffic), _row(BuiltIn, traffic))
        for name, traffic in _traffic().items()
    }
    lines = [
        f"| {name} | {least.warm:.2f} | {built.warm:.2f} | {built.wait / least.wait:.2f} |"
        for name, (least, built) in found.items()
    ]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n" + TABLE.read_text(encoding="utf-8"))
    return found


def test_built_in_is_never_worse(rows: dict[str, tuple[Row, Row]]) -> None:
    """On no traffic do requests wait longer than if the least recently used went."""
    assert [name for name, (least, built) in rows.items() if built.wait > 1.02 * least.wait] == []


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.2])
def test_built_in_is_better_where_use_is_uneven(
    exponent: float, rows: dict[str, tuple[Row, Row]]
) -> None:
    """On Zipf-distributed use of models of all sizes, requests wait at least 8 per cent less."""
    least, built = rows[f"mixed, Zipf {exponent}"]
    assert built.wait < 0.92 * least.wait


def test_what_fits_is_opened_once(rows: dict[str, tuple[Row, Row]]) -> None:
    """Two that fit together wait for their first openings alone."""
    _, built = rows["2 of 500 MB in turn"]
    assert built.warm == 0.998

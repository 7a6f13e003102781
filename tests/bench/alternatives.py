"""Hearth beside what people would use instead: one model, one run, by turns, every answer checked.

Usage, from the folder `tests`: python -m bench.alternatives [--rounds 7] [--only floor,hearth,kserve]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
from bench import cold_start, installed, machine, server, tables
from bench.cold_start import Bench
from bench.contenders import lambdas
from bench.contenders.lambdas import CONTENDERS, FLOOR
from bench.contenders.standing import STANDING, Standing
from bench.sandbox import Life, WorkerFailed
from bench.spread import Spread, figure, ratios

TABLE = Path(__file__).parent / "results/alternatives.md"
WARM_UP, REQUESTS = 50, 1000
# Servers take long to start, and a thousand requests take long: they have this many rounds.
FULL_ROUNDS = 3
ROUNDS = 9


@dataclass(frozen=True)
class Alternative:
    """One of those compared: what it takes to let it live once, and to install it."""

    live: Callable[[int], Life]
    installed_mb: float
    standing: bool


@dataclass
class Measured:
    """Lives of one contender: the number of their round, and what happened."""

    starts: dict[int, Life] = field(default_factory=dict)
    full: list[Life] = field(default_factory=list)

    def over(self, floor: Measured, of: Callable[[Life], float]) -> Spread:
        both = [number for number in self.starts if number in floor.starts]
        return ratios([of(self.starts[n]) for n in both], [of(floor.starts[n]) for n in both])


def start_s(life: Life) -> float:
    return life.start_s


def start_cpu_s(life: Life) -> float:
    return life.served[0].cpu_s


def cpu_s(life: Life) -> float:
    """Return what the last requests took, a thousand where not told otherwise."""
    return life.served[-1].cpu_s - life.served[WARM_UP].cpu_s


def found(bench: Bench) -> dict[str, Alternative]:
    """Return what can be measured here; say on standard error what cannot."""
    made = {
        name: Alternative(partial(bench.live, name), _installed_mb(name), standing=False)
        for name in lambdas.present()
    }
    for name, standing in STANDING.items():
        if missing := standing.missing():
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        size = installed.environment_mb(standing.folder)
        made[name] = Alternative(partial(_live, standing, bench), size, standing=True)
    return made


def _installed_mb(name: str) -> float:
    if name in (lambdas.HEARTH, lambdas.PRELOADED):
        return installed.built_mb("predict")
    return installed.libraries_mb(CONTENDERS[name].libraries)


def _live(standing: Standing, bench: Bench, answers: int) -> Life:
    asked = standing.asked(bench.stage.case)
    scratch = bench.scratch()
    life = server.live(standing.start, asked, answers, scratch)
    for answer in {served.payload for served in life.served}:
        said = server.read(asked, answer)
        assert np.allclose(said, bench.expected, rtol=1e-5, atol=1e-5), (standing, answer)
    return life


def measure(
    alternatives: Mapping[str, Alternative], rounds: int, requests: int
) -> dict[str, Measured]:
    """Let all live by turns, in another order each round; a life before the first does not count."""
    measured = {name: Measured() for name in alternatives}
    order, shuffle = list(alternatives), random.Random(0).shuffle
    for number in range(rounds + 1):
        full = 1 <= number <= FULL_ROUNDS
        shuffle(order)
        for name in order:
            if alternatives[name].standing and number > FULL_ROUNDS:
                continue
            began = time.perf_counter()
            life = _one(name, alternatives[name], 1 + WARM_UP + requests if full else 1)
            said = "fails" if life is None else f"first answer after {life.start_s:.2f} s"
            took = time.perf_counter() - began
            print(f"round {number} of {rounds}  {name:18} {said}  ({took:.1f} s)", file=sys.stderr)
            if life and number:
                measured[name].starts[number] = life
                measured[name].full += [life] if full else []
    return {name: one for name, one in measured.items() if one.full}


def _one(name: str, alternative: Alternative, answers: int) -> Life | None:
    try:
        return alternative.live(answers)
    except WorkerFailed as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


HEAD = [
    "",
    "first answer, ms",
    "over the floor",
    "its CPU over the floor's",
    "CPU for 1,000 rows, s",
    "p50, ms",
    "p99, ms",
    "memory, MB",
    "installed, MB",
]


def rows(
    measured: Mapping[str, Measured], alternatives: Mapping[str, Alternative]
) -> list[list[str]]:
    return [_row(name, one, measured[FLOOR], alternatives[name]) for name, one in measured.items()]


def _row(name: str, one: Measured, floor: Measured, alternative: Alternative) -> list[str]:
    starts = [start_s(life) * 1000 for life in one.starts.values()]
    return [
        name,
        Spread.of(starts).text(),
        one.over(floor, start_s).text(),
        figure(one.over(floor, start_cpu_s).median),
        _of(one.full, cpu_s).text(),
        _of(one.full, lambda life: life.latency_ms(50, WARM_UP)).text(),
        _of(one.full, lambda life: life.latency_ms(99, WARM_UP)).text(),
        f"{_of(one.full, lambda life: life.resident_mb).median:.0f}",
        f"{alternative.installed_mb:.0f}",
    ]


def _of(lives: Sequence[Life], of: Callable[[Life], float]) -> Spread:
    return Spread.of([of(life) for life in lives])


def page(table: str, names: Iterable[str]) -> str:
    """Return the page of results: what was measured and how, the table, what it does not show."""
    versions = "; ".join(f"{name}: {of}" for name in names if (of := _versions(name)))
    return f"""{_HOW}
Measured on {machine.described()}. {versions}.

{table}
{_NOT_SHOWN}"""


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.alternatives", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument(
        "--only", default="", help="names between semicolons; nothing is written then"
    )
    asked = parser.parse_args()
    wanted = [one.strip().casefold() for one in asked.only.split(";") if one.strip()]
    with ExitStack() as stack:
        alternatives = {
            name: one
            for name, one in found(cold_start.opened(stack)).items()
            if not wanted or name.casefold() in (*wanted, FLOOR)
        }
        measured = measure(alternatives, asked.rounds, asked.requests)
    made = rows(measured, alternatives)
    print(machine.described() + "\n" + tables.aligned(HEAD, made))
    if not wanted and asked.requests == REQUESTS:
        TABLE.write_text(page(tables.markdown(HEAD, made), measured), encoding="utf-8")
        print(f"written to {TABLE}; make readme renews the README's table")


def _versions(name: str) -> str:
    """Return the releases of what a contender is named after, and its Python packages' beside it."""
    if name in STANDING:
        pinned = STANDING[name].pinned()
        shown = (name.casefold(), *name.casefold().split(", "), "onnxruntime")
        return ", ".join(f"{one} {pinned[one]}" for one in dict.fromkeys(shown) if one in pinned)
    return ", ".join(f"{one} {metadata.version(one)}" for one in CONTENDERS[name].libraries)


_HOW = """\
A handwritten digit's 64 floats as JSON, asked of one model (`tests/models/digits_mlp.onnx`, 272 KB) in all
the ways below; all by turns, in another order each round; medians, with the tenth and the ninetieth of a
hundred in brackets (of fewer than five rounds: the least and the most); every answer compared with
`session.run`'s. Made by `make bench BENCH=alternatives`.

- *floor*: the least that a model on Lambda can cost. A bare handler under `awslambdaric` that imports ONNX
  Runtime, opens the model from local disk, and answers with `session.run` of one fixed row: it fetches and
  reads nothing.
- *Hearth*, *naive*, *Powertools*, *Mangum*: Lambda handlers under `awslambdaric` that fetch the model from S3
  (moto's server, in a process of its own). *naive* is boto3, `json`, numpy and `session.run`, and checks
  nothing; *Powertools* is AWS Lambda Powertools' HTTP resolver with validation, *Mangum* a FastAPI app.
  *Hearth preloaded* is told the model by its setting, and opens it while the sandbox starts.
- The others are servers, each in a virtual environment of its own, set up as its documentation shows it, with
  one process for the model and the model on local disk: they fetch nothing.

*First answer* is from the start of the process to the right answer; *over the floor* is the median of the
ratios to the floor in the same round; CPU is user and system time of all processes of a contender. The
thousand rows come after fifty that do not count, one after another: through the Runtime API for handlers, over
one kept connection for servers; both ways include what hands the request over. *Memory* is resident after
them. *Installed* is what pip installs, and for Hearth its layers as built; boto3 and what AWS's runtime brings
are not counted.
"""

_NOT_SHOWN = """\
What it does not show: Lambda's own part of a cold start (placing a sandbox, fetching the code, in which size
matters), its processors, its network and S3's distance; moto answers within milliseconds on the same machine.
Servers are not made for one request at a time, and start once for many; none of them scales to nothing. One
client and one small row say nothing of throughput, of batches or of large tensors (`handlers.md` does). Hearth
checks, resolves a version and writes a record for each row, which no other does.
"""


if __name__ == "__main__":
    main()

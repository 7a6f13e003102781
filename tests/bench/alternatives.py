"""Hearth beside what people would use instead: one model, one run, by turns, every answer checked.

Usage, from the folder `tests`: python -m bench.alternatives [--image] [--only 'hearth;kserve']
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from bench import cold_start, installed, machine, server, tables
from bench.cold_start import Bench
from bench.contenders import lambdas
from bench.contenders.lambdas import CONTENDERS, FLOOR
from bench.contenders.standing import STANDING, Standing
from bench.processes import interrupted_by_sigterm
from bench.sandbox import Life, WorkerFailed
from bench.spread import Spread, figure, ratios
from bench.subject import one_image, row

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        rounds: Starts of each handler.
        full_rounds: Starts of each server, which take long, and rounds with requests, which do, too.
        warm_up: Requests that do not count, after the first.
        requests: Requests that do.
    """

    rounds: int
    full_rounds: int
    warm_up: int
    requests: int


ROWS = Plan(rounds=9, full_rounds=3, warm_up=50, requests=1000)
IMAGES = Plan(rounds=3, full_rounds=3, warm_up=2, requests=20)


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
    asked = standing.asked(bench.stage.subject)
    start = partial(standing.start, bench.stage.subject)
    life = server.live(start, asked, answers, bench.scratch())
    for answer in {served.payload for served in life.served}:
        bench.check(server.read(asked, answer), standing.environment)
    return life


def measure(alternatives: Mapping[str, Alternative], plan: Plan) -> dict[str, Measured]:
    """Let all live by turns, in another order each round; a life before the first does not count."""
    measured = {name: Measured() for name in alternatives}
    order, shuffle = list(alternatives), random.Random(0).shuffle
    for number in range(plan.rounds + 1):
        full = 1 <= number <= plan.full_rounds
        shuffle(order)
        for name in order:
            if alternatives[name].standing and number > plan.full_rounds:
                continue
            began = time.perf_counter()
            life = _one(name, alternatives[name], 1 + plan.warm_up + plan.requests if full else 1)
            said = "fails" if life is None else f"first answer after {life.start_s:.2f} s"
            took = time.perf_counter() - began
            print(
                f"round {number} of {plan.rounds}  {name:18} {said}  ({took:.1f} s)",
                file=sys.stderr,
            )
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


HEAD = ["", "first answer, ms", "over the floor", "its CPU over the floor's"]
HEAD += ["CPU for 1,000, s", "p50, ms", "p99, ms", "memory, MB", "installed, MB"]


def rows(
    measured: Mapping[str, Measured], alternatives: Mapping[str, Alternative], plan: Plan
) -> list[list[str]]:
    floor = measured[FLOOR]
    return [_row(name, one, floor, alternatives[name], plan) for name, one in measured.items()]


def _row(
    name: str, one: Measured, floor: Measured, alternative: Alternative, plan: Plan
) -> list[str]:
    def of(value: Callable[[Life], float]) -> Spread:
        return Spread.of([value(life) for life in one.full])

    def cpu_s(life: Life) -> float:
        used = life.served[-1].cpu_s - life.served[plan.warm_up].cpu_s
        return used * 1000 / plan.requests

    return [
        name,
        Spread.of([start_s(life) * 1000 for life in one.starts.values()]).text(),
        one.over(floor, start_s).text(),
        figure(one.over(floor, start_cpu_s).median),
        of(cpu_s).text(),
        of(lambda life: life.latency_ms(50, plan.warm_up)).text(),
        of(lambda life: life.latency_ms(99, plan.warm_up)).text(),
        f"{of(lambda life: life.resident_mb).median:.0f}",
        f"{alternative.installed_mb:.0f}",
    ]


def page(made: Sequence[Sequence[str]], how: str) -> str:
    """Return a page of results: what was measured and how, the table, what it does not show."""
    names = [name for name, *_ in made]
    versions = "; ".join([_libraries(), *(_server(name) for name in names if name in STANDING)])
    measured_on = f"Measured on {machine.described()}. {versions}."
    return f"{how}\n{measured_on}\n\n{tables.markdown(HEAD, made)}\n{_NOT_SHOWN}"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.alternatives", description=__doc__)
    parser.add_argument("--image", action="store_true", help="an image of 3 MB in place of rows")
    parser.add_argument("--rounds", type=int, help="starts of each handler")
    parser.add_argument("--only", default="", help="names between semicolons; nothing is written")
    asked = parser.parse_args()
    plan, how = (IMAGES, _IMAGE) if asked.image else (ROWS, _ROWS)
    plan = replace(plan, rounds=asked.rounds or plan.rounds)
    wanted = [one.strip().casefold() for one in asked.only.split(";") if one.strip()]
    with interrupted_by_sigterm(), ExitStack() as stack:
        subject = one_image(stack) if asked.image else row()
        alternatives = {
            name: one
            for name, one in found(cold_start.opened(stack, subject)).items()
            if not wanted or name.casefold() in (*wanted, FLOOR)
        }
        measured = measure(alternatives, plan)
    made = rows(measured, alternatives, plan)
    print(machine.described() + "\n" + tables.aligned(HEAD, made))
    if not wanted:
        path = RESULTS / ("alternatives_image.md" if asked.image else "alternatives.md")
        path.write_text(page(made, how), encoding="utf-8")
        print(f"written to {path}; make readme renews the README's table")


def _libraries() -> str:
    """Return the releases of what the handlers are made of."""
    used = {"awslambdaric", "boto3"}.union(*(CONTENDERS[n].libraries for n in lambdas.present()))
    return "handlers: " + ", ".join(f"{name} {metadata.version(name)}" for name in sorted(used))


def _server(name: str) -> str:
    """Return the releases of what a server is named after."""
    pinned = STANDING[name].pinned()
    own = [one for one in name.casefold().split(", ") if one in pinned]
    return ", ".join(f"{one} {pinned[one]}" for one in own)


_ROWS = """\
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
- MLServer is asked in Open Inference's form with flat `data`, all others in TensorFlow Serving's `instances`.

*First answer* is from the start of the process to the right answer; *over the floor* is the median of the
ratios to the floor in the same round; CPU is user and system time of all processes of a contender. The
thousand rows come after fifty that do not count, one after another: through the Runtime API for handlers, over
one kept connection for servers; both ways include what hands the request over. *Memory* is resident after
them. *Installed* is what pip installs, and for Hearth its layers as built; boto3 and what AWS's runtime brings
are not counted.
"""

_IMAGE = """\
As `alternatives.md`, but for the request: one image of 3 x 224 x 224 floats, 3 MB of JSON, asked of a model that
takes each channel's mean, so that nearly all of a request is the handling of it. Twenty of them come after two
that do not count; *p99* is then about their slowest. Made by `make bench BENCH=images`.
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

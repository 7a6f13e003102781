"""What a first answer costs: from the start of a process to the right answer, by turns.

Usage, from the folder `tests`: python -m bench.cold_start [--rounds 15] [--only floor,hearth]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bench import bucket, subject, tables
from bench.contenders.lambdas import FLOOR, Stage, present
from bench.processes import interrupted_by_sigterm
from bench.sandbox import Life, live
from bench.share import WHOLE, Share
from bench.spread import Spread, ratios
from bench.subject import Subject

ROUNDS = 15


@dataclass(frozen=True)
class Starts:
    """Lives of contenders, one a round; of each round all were measured by turns."""

    lives: Mapping[str, Sequence[Life]]

    def seconds(self, name: str) -> list[float]:
        return [life.start_s for life in self.lives[name]]

    def cpu(self, name: str) -> list[float]:
        return [life.served[0].cpu_s for life in self.lives[name]]

    def over(self, name: str, floor: str = FLOOR) -> Spread:
        """Return how many times as long as another of the same round this took."""
        return ratios(self.seconds(name), self.seconds(floor))

    def cpu_over(self, name: str, floor: str = FLOOR) -> Spread:
        return ratios(self.cpu(name), self.cpu(floor))


@dataclass
class Bench:
    """Contenders ready to be started."""

    stage: Stage
    expected: np.ndarray
    _count: int = field(default=0, init=False)

    def scratch(self) -> Path:
        """Return the name of a folder that there is not yet."""
        self._count += 1
        return self.stage.folder / f"lives/{self._count}"

    def live(self, name: str, answers: int = 1, share: Share = WHOLE) -> Life:
        """Have a contender start and answer so often; check what it says."""
        scratch = self.scratch()
        events = [self.stage.event(name)] * answers
        worker = share.limiting(self.stage.worker(name, scratch, share.memory_mb))
        life = live(worker, events, scratch, share.limit)
        for served in {served.payload for served in life.served}:
            self.check(self.stage.subject.case.read(json.loads(served)), name)
        return life

    def check(self, found: object, name: str) -> None:
        right = np.allclose(found, self.expected, rtol=1e-5, atol=1e-5)
        assert right, f"{name} answers {found}, expected {self.expected}"


def opened(stack: ExitStack, asked: Subject | None = None) -> Bench:
    """Return a bench with an S3 of its own, both gone when the stack is closed.

    Args:
        stack: What closes it.
        asked: What contenders are asked; a row where it is left out.
    """
    asked = asked or subject.row()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hearth-bench-")))
    url = stack.enter_context(bucket.serving({asked.model: asked.file}))
    return Bench(Stage(folder, url, asked), asked.expected())


def measure(
    bench: Bench,
    names: Sequence[str],
    rounds: int,
    told: Callable[[str], None] = lambda _: None,
) -> Starts:
    """Start every contender once a round, in another order each; a first round does not count."""
    lives: dict[str, list[Life]] = {name: [] for name in names}
    order, shuffle = list(names), random.Random(0).shuffle
    for number in range(rounds + 1):
        told(f"round {number} of {rounds}")
        shuffle(order)
        for name in order:
            life = bench.live(name)
            if number:  # the first writes bytecode and fills the page cache
                lives[name].append(life)
    return Starts(lives)


HEAD = ["contender", "first answer, ms", "over the floor", "its CPU, ms", "over the floor's"]
HEAD += ["peak memory, MB"]


def _rows(starts: Starts) -> list[list[str]]:
    """Return a row for each contender: medians, with a tenth and nine tenths in brackets."""
    made = []
    for name, lives in starts.lives.items():
        floored = FLOOR in starts.lives
        over = [starts.over(name).text(), starts.cpu_over(name).text()] if floored else ["", ""]
        took, used = (Spread.of(of(name)).text(1000) for of in (starts.seconds, starts.cpu))
        peak = Spread.of([life.peak_mb for life in lives])
        made.append([name, took, over[0], used, over[1], f"{peak.median:.0f}"])
    return made


def measured(
    names: Sequence[str], rounds: int, told: Callable[[str], None] = lambda _: None
) -> Starts:
    """Start contenders on a bench of their own; print the table, and return what it is of."""
    with ExitStack() as stack:
        starts = measure(opened(stack), names, rounds, told)
    print("\n" + tables.aligned(HEAD, _rows(starts)))
    return starts


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default=",".join(present()), help="default: %(default)s")
    asked = parser.parse_args()
    names = [name for name in present() if name.casefold() in asked.only.casefold().split(",")]
    with interrupted_by_sigterm():
        measured(names, asked.rounds, lambda line: print(line, file=sys.stderr))


if __name__ == "__main__":
    main()

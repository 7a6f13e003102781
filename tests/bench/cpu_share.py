"""First answers and rows where there is less than a processor, as small memory sizes have it.

Usage, from the folder `tests`: python -m bench.cpu_share [--rounds 7]
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench import cold_start, machine, share, tables
from bench.cold_start import Bench
from bench.contenders.lambdas import FLOOR, HEARTH, NAIVE, PRELOADED
from bench.processes import interrupted_by_sigterm
from bench.sandbox import Life
from bench.share import ONE_CPU_MB, Share
from bench.spread import Spread, ratios

TABLE = Path(__file__).parent / "results/cpu_share.md"
SIZES_MB = (512, 1024, ONE_CPU_MB)
NAMES = (FLOOR, HEARTH, PRELOADED, NAIVE)
WARM_UP, REQUESTS = 50, 200
ROUNDS = 7

Lives = dict[str, list[Life]]

HEAD = ["CPU (memory)", "", "first answer, ms", "over the floor"]
HEAD += ["init unlimited: first answer, ms", "over the floor", "row p50, ms", "row p99, ms"]


def measure(bench: Bench, at: Share, rounds: int) -> tuple[Lives, Lives]:
    """Return lives that are limited from their start, and lives that are after their init."""
    limited: Lives = {name: [] for name in NAMES}
    boosted: Lives = {name: [] for name in NAMES}
    shuffle, order = random.Random(0).shuffle, list(NAMES)
    for number in range(rounds + 1):
        print(f"{at.memory_mb} MB: round {number} of {rounds}", file=sys.stderr)
        shuffle(order)
        for name in order:
            one = bench.live(name, 1, at)
            other = bench.live(name, 1 + WARM_UP + REQUESTS, replace(at, boosted=True))
            if number:  # the first writes bytecode and fills the page cache
                limited[name].append(one)
                boosted[name].append(other)
    return limited, boosted


def rows(at: Share, limited: Lives, boosted: Lives) -> list[list[str]]:
    return [
        [
            f"{at.memory_mb / ONE_CPU_MB:.2f} ({at.memory_mb} MB)",
            name,
            *_starts(limited, name),
            *_starts(boosted, name),
            *(
                Spread.of([life.latency_ms(p, WARM_UP) for life in boosted[name]]).text()
                for p in (50, 99)
            ),
        ]
        for name in NAMES
    ]


def _starts(lives: Lives, name: str) -> list[str]:
    took, floor = ([life.start_s * 1000 for life in lives[one]] for one in (name, FLOOR))
    return [Spread.of(took).text(), ratios(took, floor).text()]


def page(made: Sequence[Sequence[str]], rounds: int) -> str:
    how = _HOW.format(rounds=rounds)
    measured_on = f"Measured on {machine.described()}."
    return f"{how}\n{measured_on}\n\n{tables.markdown(HEAD, made)}\n{_OTHERWISE}"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.cpu_share", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    made: list[list[str]] = []
    with interrupted_by_sigterm(), ExitStack() as stack:
        bench = cold_start.opened(stack)
        for size in SIZES_MB:
            try:
                with share.of(size) as at:
                    made += rows(at, *measure(bench, at, rounds))
            except share.CannotLimit as error:
                print(f"left out: {error}")
                return
    print(tables.aligned(HEAD, made))
    TABLE.write_text(page(made, rounds), encoding="utf-8")


_HOW = """\
The floor, Hearth and a naive handler (`alternatives.md` says what they are) with less than a processor, by the
kernel's quota of CPU time with a period of 20 ms; medians of {rounds} rounds by turns, the tenth and the ninetieth
of a hundred in brackets. Made by `make bench BENCH=cpu_share`, as root on Linux.

- *first answer*: limited from the start of the process on.
- *init unlimited*: limited from the moment at which the worker asks for its first event, as Lambda, which gives
  an init more than its share. What is done while a module is imported is then cheaper than what the first event
  does.
- *row*: 200 answers to a row of 64 floats after 50 that do not count, limited.
"""

_OTHERWISE = """\
What differs on Lambda: how much more an init gets, and for how long, AWS does not say, and it need not be two
processors; the quota's period is not known either, and decides how long a wait for it is; the code comes from
a cache of AWS's and not from this machine's page cache, and what is written to ephemeral storage may be slower
to read; S3 is a network away, where a fetch takes tens of milliseconds that no processor is used for.
`make bench-aws` measures a deployed stack.
"""


if __name__ == "__main__":
    main()

"""A run: mutants one after another, what came of them, and the bodies that showed a fault."""

from __future__ import annotations

import gc
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.corpus import Request, requests
from fuzz.mutation import KINDS, mutant, to_document
from fuzz.verdict import Answer, fault

Send = Callable[[Request], Answer]

# Memory is read when this share of a run is over, and again at its end.
WARM_SHARE = 0.25
_KEPT_OF_A_CAUSE = 3
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Plan:
    """How much is sent.

    Args:
        seed: Where every random choice starts.
        bodies: How many.
        seconds: It ends after this long, however many were sent.
        folder: Where bodies that show a fault are written.
        over_socket: Whether they go through the local stack.
    """

    seed: int
    bodies: int
    seconds: float
    folder: Path
    over_socket: bool = False

    @property
    def where(self) -> str:
        return "local stack" if self.over_socket else "in process"


@dataclass
class Tally:
    """What came of a run; memory in MB, after a first share of it and at the end."""

    plan: Plan
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    files: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    memory: tuple[float, float] = (0.0, 0.0)

    @property
    def bodies(self) -> int:
        return sum(counter.total() for counter in self.statuses.values())


def run(plan: Plan, send: Send, memory_mb: Callable[[], float]) -> Tally:
    """Send a plan's mutants; the same plan sends the same."""
    seeds = requests()
    tally = Tally(plan, {kind: Counter() for kind in KINDS})
    started = time.monotonic()
    for seed in seeds:
        _send(tally, "valid", seed, send)
    for index in range(len(seeds), plan.bodies):
        if time.monotonic() - started > plan.seconds:
            break
        if index == max(len(seeds), int(plan.bodies * WARM_SHARE)):
            tally.memory = (_settled(memory_mb), 0.0)
        _send_mutant(tally, seeds, index, send)
    tally.seconds = time.monotonic() - started
    tally.memory = (tally.memory[0], _settled(memory_mb))
    return tally


def _send_mutant(tally: Tally, seeds: tuple[Request, ...], index: int, send: Send) -> None:
    """Send a body that nothing holds on to afterwards: what is resident would count its 20 MB."""
    # One generator a body: each can be made again without those before it.
    rng = random.Random(f"{tally.plan.seed}:{index}")
    made = mutant(seeds, rng, over_socket=tally.plan.over_socket)
    _send(tally, made.kind, made.request, send)


def _settled(memory_mb: Callable[[], float]) -> float:
    gc.collect()
    return memory_mb()


def _send(tally: Tally, kind: str, request: Request, send: Send) -> None:
    try:
        answer = send(request)
    except Exception as error:  # noqa: BLE001 (whatever a handler lets out is what is looked for)
        answer = Answer(0, {}, b"", repr(error))
        found = f"nothing was answered: {type(error).__name__}: {error}"
    else:
        found = fault(request, answer, mutated=kind != "valid")
    tally.statuses[kind][answer.status] += 1
    if found:
        _keep(tally, request, answer, found)


def _keep(tally: Tally, request: Request, answer: Answer, found: str) -> None:
    last = (answer.said.strip().splitlines() or [""])[-1] or answer.body[:120].decode("latin-1")
    cause = _DIGITS.sub("#", f"{found}: {last}")[:200]
    tally.faults[cause] += 1
    if tally.faults[cause] > _KEPT_OF_A_CAUSE:
        return
    tally.plan.folder.mkdir(parents=True, exist_ok=True)
    name = f"{tally.plan.seed}-{tally.plan.where.replace(' ', '-')}-{len(tally.files):03}.json"
    path = tally.plan.folder / name
    document = {
        "seed": tally.plan.seed,
        "fault": found,
        "status": answer.status,
        "answer": answer.body[:2000].decode("utf-8", "replace"),
        "said": answer.said[-4000:],
        "request": to_document(request),
    }
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    tally.files.append(path)

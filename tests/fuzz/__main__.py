"""The command: sends everything, says what came of it, and exits 1 where something is wrong."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz import local, mutation, running, sandbox, verdict
from fuzz.described import Described, Outcome
from fuzz.resident import resident_mb
from fuzz.running import Plan, Tally

# Of the time: the handlers in process, the local stack's socket, Schemathesis.
_PARTS = (0.5, 0.3, 0.2)
# What is resident at the end may be this much more than after the first share of a run.
GROWTH, SLACK_MB = 0.05, 16.0


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _arguments(arguments)
    if asked.replay:
        return _replay(asked.replay, over_socket=asked.over_socket)
    print(f"seed {asked.seed}: repeat with --seed {asked.seed}", flush=True)
    started = time.monotonic()
    inside, outside, by_schema = (asked.seconds * part for part in _PARTS)
    plan = Plan(asked.seed, asked.bodies, inside, asked.faults)
    with tempfile.TemporaryDirectory() as folder, sandbox.warm(Path(folder)) as functions:
        tallies = [running.run(plan, functions.send, resident_mb)]
    plan = Plan(asked.seed, int(asked.bodies * asked.socket_share), outside, asked.faults, True)
    described = Described(
        asked.openapi, asked.schemathesis, asked.seed, by_schema, asked.faults.absolute()
    )
    with tempfile.TemporaryDirectory() as folder, local.up(Path(folder)) as stack:
        tallies.append(running.run(plan, stack.send, stack.memory_mb))
        outcome = described.run(stack.stack.url)
        lost = stack.lost()
    print(f"\n{_table(tallies)}\n{_described(outcome)}")
    wrong = [*_wrong(tallies), *lost, *filter(None, [outcome.failures])]
    print(f"{time.monotonic() - started:.0f} s, seed {asked.seed}")
    for what in wrong:
        print(f"FAILED: {what}")
    return 1 if wrong else 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    add = parser.add_argument
    add("--bodies", type=int, default=20_000, help="requests in process")
    add("--socket-share", type=float, default=0.1, help="as many more over the stack's socket")
    add("--seconds", type=float, default=300, help="no new request is sent after this long")
    add("--seed", type=int, default=random.SystemRandom().randrange(2**31), help="a run's choices")
    add("--faults", type=Path, default=Path(".hearth/fuzz"), help="where bodies with a fault go")
    add("--openapi", default="/openapi.json", help="a file, a URL, or a path of the stack")
    add("--schemathesis", type=Path, default=Path(".venv-fuzz/bin/schemathesis"))
    add("--replay", type=Path, help="send one body again, from its file")
    add("--over-socket", action="store_true", help="replay over the local stack's socket")
    return parser.parse_args(arguments)


def _replay(file: Path, *, over_socket: bool) -> int:
    request = mutation.from_document(file.read_text(encoding="utf-8"))
    where = local.up if over_socket else sandbox.warm
    with tempfile.TemporaryDirectory() as folder, where(Path(folder)) as side:
        answer = side.send(request)
    found = verdict.fault(request, answer, mutated=True)
    print(f"{request.method} {request.path}\n{dict(request.headers)}\n{request.body[:2000]!r}\n")
    print(f"{answer.status} {answer.body[:2000]!r}\n{answer.said}\nfault: {found or 'none'}")
    return 1 if found else 0


def _table(tallies: Sequence[Tally]) -> str:
    lines = ["| where | kind | bodies | statuses |", "| --- | --- | --- | --- |"]
    for tally in tallies:
        for kind, counter in tally.statuses.items():
            counts = ", ".join(f"{status}: {counter[status]}" for status in sorted(counter))
            if counts:
                lines.append(f"| {tally.plan.where} | {kind} | {counter.total()} | {counts} |")
    for tally in tallies:
        rate, (warm, end) = tally.bodies / tally.seconds, tally.memory
        lines.append(
            f"\n{tally.plan.where}: {tally.bodies} bodies, {rate:.0f} a second; resident memory "
            f"{warm:.0f} MB after {running.WARM_SHARE:.0%} of them, {end:.0f} MB at the end"
        )
    return "\n".join(lines)


def _described(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"by the OpenAPI document: not run, {outcome.skipped}"
    cases, operations = outcome.cases, outcome.operations
    return f"by the OpenAPI document: {cases} requests of {operations} operations"


def _wrong(tallies: Sequence[Tally]) -> Iterator[str]:
    for tally in tallies:
        plan, (warm, end) = tally.plan, tally.memory
        if tally.bodies < plan.bodies:
            yield f"{plan.where}: time was up after {tally.bodies} of {plan.bodies} bodies"
        elif end > warm * (1 + GROWTH) + SLACK_MB:
            yield f"{plan.where}: memory grew from {warm:.0f} to {end:.0f} MB"
        for cause, count in tally.faults.most_common():
            yield f"{plan.where}: {count} times: {cause}"
        if tally.files:
            yield f"bodies to --replay: {', '.join(map(str, tally.files))}"


if __name__ == "__main__":
    sys.exit(main())

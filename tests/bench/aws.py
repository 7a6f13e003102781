"""The bench of cold starts on AWS itself, beside a deployed stack: `make bench-aws STACK=name`.

It was never run on AWS: tests hold it to moto's Lambda as far as that goes, and to REPORT lines as AWS's
guide shows them. It makes three functions beside the stack (predict's copy, the floor, a naive handler),
changes nothing of the stack, says what it will cost and asks, and deletes what it made, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bench import cases, deployed_copy, tables
from bench.cases import DIGITS
from bench.deployed_copy import LeftOver, Original
from bench.processes import interrupted_by_sigterm
from bench.report_line import ReportLine, parse
from bench.spread import Spread, ratios
from hearth.optimizing.cost import PRICES
from hearth_local import target
from hearth_local.target import Target

FLOOR, HEARTH, NAIVE, RESTORED = "floor", "Hearth", "naive", "Hearth, SnapStart"
SIZES_MB = (512, 1024, 1769)
# The plain copy of the model lies where predict's role may read, and is swept if it is left.
KEY = "payloads/hearth-bench/model.onnx"
# For the estimate alone: what a first and a later call take at most, in seconds of billed time.
_COLD_S, _WARM_S = 6.0, 0.2
# Source: AWS Lambda pricing, US East (N. Virginia), Python's SnapStart; a version is paid for three hours at least.
_CACHE_GB_S, _RESTORE_GB, _LEAST_S = 0.0000015046, 0.0001397998, 3 * 3600

Invoke = Callable[[str, bytes], tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Args:
        model: A published version of `tests/models/digits_mlp.onnx`.
        sizes_mb: Memory sizes.
        rounds: Cold starts of each function at each size.
        warm: Calls after each of them.
        snapstart: Whether a snapshot of predict's copy is measured, too.
    """

    model: str
    sizes_mb: Sequence[int] = SIZES_MB
    rounds: int = 5
    warm: int = 20
    snapstart: bool = False

    def dollars(self) -> float:
        """Return what it costs at most, with US East's prices and no free tier."""
        price = PRICES["x86_64"]
        gb = sum(self.sizes_mb) / 1024
        calls = 3 * self.rounds * (1 + self.warm)
        total = 3 * self.rounds * (_COLD_S + self.warm * _WARM_S) * gb * price.gb_second
        total += calls * len(self.sizes_mb) * price.request
        if self.snapstart:
            total += gb * (_LEAST_S * _CACHE_GB_S + self.rounds * _RESTORE_GB)
            total += self.rounds * _COLD_S * gb * price.gb_second
        return total


@dataclass(frozen=True, slots=True)
class Row:
    """One function at one memory size: its first calls, and the others."""

    name: str
    memory_mb: int
    first: Sequence[ReportLine]
    warm: Sequence[ReportLine]


@dataclass(frozen=True, slots=True)
class Account:
    """What the bench does on AWS, with the two things that moto cannot play.

    Args:
        client: boto3's for Lambda.
        s3: boto3's for S3.
        invoke: Calls a function by name; returns its answer and the end of its log.
        download: As `deployed_copy.original` wants it.
    """

    client: Any
    s3: Any
    invoke: Invoke
    download: Callable[[str], bytes] = deployed_copy.fetched


def invoking(client: Any) -> Invoke:
    """Return what calls functions, or a version of one: `name:version`."""

    def invoke(name: str, event: bytes) -> tuple[bytes, str]:
        answer = client.invoke(FunctionName=name, Payload=event, LogType="Tail")
        payload = answer["Payload"].read()
        if "FunctionError" in answer:
            raise RuntimeError(f"{name} failed: {payload.decode('utf-8', 'replace')}")
        return payload, base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")

    return invoke


def run(account: Account, bundle: Target, plan: Plan, told: Callable[[str], None]) -> list[Row]:
    """Make the functions, call them, delete them; return what they reported.

    Raises:
        LeftOver: If an earlier bench left a function.
        AssertionError: If an answer is wrong.
    """
    predict = bundle.function("predict")
    like = deployed_copy.original(account.client, predict, account.download)
    names = names_beside(like.configuration["FunctionName"])
    rows: list[Row] = []
    with ExitStack() as undo:
        undo.callback(account.s3.delete_object, Bucket=bundle.bucket, Key=KEY)
        account.s3.upload_file(str(DIGITS), bundle.bucket, KEY)
        for name, made in _made(account, like, names, bundle.bucket).items():
            undo.enter_context(made)
            told(f"made {names[name]}")
        for size in plan.sizes_mb:
            rows += _at(account, names, plan, size, told)
            if plan.snapstart:
                rows.append(_restored(account, names[HEARTH], plan, size, told))
    return rows


def names_beside(predict: str) -> dict[str, str]:
    return {name: f"{predict}-bench-{name.lower()}" for name in (FLOOR, HEARTH, NAIVE)}


def _made(
    account: Account, like: Original, names: Mapping[str, str], bucket: str
) -> dict[str, Any]:
    told = {"BENCH_FILE": "/var/task/model.onnx", "BENCH_BATCH": "/var/task/batch.npy"}
    told |= {"BENCH_BUCKET": bucket, "BENCH_KEY": KEY}
    contenders, functions = deployed_copy.bundled(), "bench.contenders.functions"
    wanted = {
        FLOOR: (contenders, f"{functions}.floor.handler", told),
        HEARTH: (like.code, "", {}),
        NAIVE: (contenders, f"{functions}.naive.handler", told),
    }
    return {
        name: deployed_copy.copied(account.client, names[name], like, *of)
        for name, of in wanted.items()
    }


def _at(
    account: Account, names: Mapping[str, str], plan: Plan, size: int, told: Callable[[str], None]
) -> list[Row]:
    rows = {name: Row(name, size, [], []) for name in names}
    for number in range(plan.rounds):
        for name, function in names.items():
            deployed_copy.renew(account.client, function, size, number)
            first, *warm = _calls(account, name, function, plan)
            rows[name].first.append(first)
            rows[name].warm.extend(warm)
            told(
                f"{size} MB, round {number + 1} of {plan.rounds}: {name} {first.first_answer_ms:.0f} ms"
            )
    return list(rows.values())


def _calls(account: Account, name: str, function: str, plan: Plan) -> list[ReportLine]:
    event = _event(name, plan.model)
    lines = []
    for _ in range(1 + plan.warm):
        payload, log = account.invoke(function, event)
        _check(name, payload)
        lines.append(parse(log))
    if not lines[0].cold:
        raise RuntimeError(
            f"{function} was warm at its first call: got {lines[0]}, expected an init"
        )
    return lines


def _restored(
    account: Account, function: str, plan: Plan, size: int, told: Callable[[str], None]
) -> Row:
    """Call a snapshot's version so often at once that each call meets a sandbox of its own."""
    told(f"{size} MB: a snapshot is taken, which takes minutes")
    version = f"{function}:{deployed_copy.snapshot(account.client, function)}"
    event = _event(HEARTH, plan.model)
    with ThreadPoolExecutor(plan.rounds) as pool:
        answers = list(pool.map(lambda _: account.invoke(version, event), range(plan.rounds)))
    for payload, _ in answers:
        _check(RESTORED, payload)
    lines = [parse(log) for _, log in answers]
    warm = [line for line in lines if not line.cold]
    return Row(RESTORED, size, [line for line in lines if line.cold], warm)


def _event(name: str, model: str) -> bytes:
    path = f"/v1/models/{model}:predict" if name == HEARTH else "/instances"
    return json.dumps(cases.digits().event(path, "pixels")).encode()


@cache
def _expected() -> np.ndarray:
    import onnxruntime as ort

    [output] = ort.InferenceSession(DIGITS).run(None, {"pixels": cases.digits().batch})
    return output


def _check(name: str, payload: bytes) -> None:
    found, expected = cases.digits().read(json.loads(payload)), _expected()
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-4), (
        f"{name} answers otherwise than {DIGITS.name}: got {found}, expected {expected}; "
        f"publish that file: hearth publish {DIGITS} --name NAME --stack STACK"
    )


HEAD = ["memory, MB", "", "init or restore, ms", "first answer, ms", "over the floor"]
HEAD += ["billed, ms", "warm, ms", "memory used, MB"]


def table(rows: Sequence[Row]) -> list[list[str]]:
    floors = {row.memory_mb: row for row in rows if row.name == FLOOR}
    return [_cells(row, floors[row.memory_mb]) for row in rows if row.first]


def _cells(row: Row, floor: Row) -> list[str]:
    answered = [line.first_answer_ms for line in row.first]
    least = statistics.median(line.first_answer_ms for line in floor.first)
    billed = [line.billed_ms + line.billed_restore_ms for line in row.first]
    warm = [line.duration_ms for line in row.warm]
    return [
        str(row.memory_mb),
        row.name,
        Spread.of([line.ready_ms for line in row.first]).text(),
        Spread.of(answered).text(),
        ratios(answered, [least] * len(answered)).text(),
        Spread.of(billed).text(),
        Spread.of(warm).text() if warm else "",
        f"{max(line.used_mb for line in row.first):.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser("make bench-aws", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument(
        "--model", default="digits", help="a published tests/models/digits_mlp.onnx"
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES_MB)), help="memory sizes in MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--snapstart", action="store_true", help="a snapshot of predict, too")
    parser.add_argument(
        "--clean", action="store_true", help="delete what a killed run left, and stop"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    given = parser.parse_args()
    bundle = target.find(Path(), given.stack)
    client = bundle.client("lambda")
    account = Account(client, bundle.client("s3"), invoking(client))
    if given.clean:
        clean(account, bundle)
        return
    sizes = [int(size) for size in given.sizes.split(",")]
    plan = Plan(given.model, sizes, given.rounds, given.warm, given.snapstart)
    if not given.yes and not agreed(plan, bundle):
        return
    with interrupted_by_sigterm():
        try:
            rows = run(account, bundle, plan, lambda line: print(line, file=sys.stderr))
        except LeftOver as error:
            sys.exit(str(error))
    print(tables.aligned(HEAD, table(rows)))


def clean(account: Account, bundle: Target) -> None:
    """Delete what a bench made, where it could not do so itself."""
    found = account.client.get_function(FunctionName=bundle.function("predict"))
    for name in names_beside(found["Configuration"]["FunctionName"]).values():
        deployed_copy.delete(account.client, name)
    account.s3.delete_object(Bucket=bundle.bucket, Key=KEY)


def agreed(plan: Plan, bundle: Target) -> bool:
    print(
        f"Three functions are made beside {bundle.function('predict')} and deleted at the end; "
        f"{3 * len(plan.sizes_mb) * plan.rounds * (1 + plan.warm)} calls in all.\n"
        f"It costs ${plan.dollars():.2f} at most, with the prices of US East and no free tier."
    )
    return input("go on? [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    main()

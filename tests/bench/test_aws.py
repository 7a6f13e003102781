"""The bench on AWS, as far as moto's Lambda goes; its calls are played, for nothing runs there."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import numpy as np
import onnxruntime as ort
import pytest
from bench import aws, cases
from bench.aws import FLOOR, HEARTH, NAIVE, RESTORED, Account, Plan
from bench.deployed_copy import LeftOver
from hearth_local.target import Target
from moto import mock_aws

REGION, BUCKET, PREDICT = "eu-central-1", "models", "hearth-predict"
COLD_MS = {"floor": 300.0, "hearth": 360.0, "naive": 700.0}
PLAN = Plan("digits", (512, 1769), rounds=2, warm=2)


@dataclass
class Played:
    """Lambda's side of a call: a function whose configuration changed meets a new sandbox."""

    client: Any
    off: float = 0.0
    warm: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, name: str, event: bytes) -> tuple[bytes, str]:
        function, _, version = name.partition(":")
        seen = self.client.get_function_configuration(FunctionName=function)
        sandbox = (
            name,
            f"{seen['Environment']['Variables'].get('BENCH_ROUND')} {seen['MemorySize']}",
        )
        ready = (
            "" if sandbox in self.warm else f"Init Duration: {COLD_MS[function.split('-')[-1]]} ms"
        )
        self.warm.add(sandbox)
        if version:
            ready = "Restore Duration: 150.00 ms\tBilled Restore Duration: 80 ms"
        batch = np.float32(json.loads(json.loads(event)["body"])["instances"])
        [output] = _session().run(None, {"pixels": batch})
        body = json.dumps({"predictions": (output + self.off).tolist()})
        report = f"REPORT RequestId: 1\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: {seen['MemorySize']} MB"
        log = f"START\n{report}\tMax Memory Used: 99 MB\t{ready}\t\n"
        return json.dumps({"statusCode": 200, "body": body}).encode(), log


@cache
def _session() -> ort.InferenceSession:
    return ort.InferenceSession(cases.DIGITS)


@dataclass(frozen=True)
class Stack:
    account: Account
    target: Target
    played: Played

    def run(self, plan: Plan = PLAN) -> list[aws.Row]:
        return aws.run(self.account, self.target, plan, lambda _: None)

    def functions(self) -> dict[str, Any]:
        listed = self.account.client.list_functions()["Functions"]
        return {one["FunctionName"]: one for one in listed}

    def objects(self) -> list[str]:
        listed = self.account.s3.list_objects_v2(Bucket=BUCKET)
        return [one["Key"] for one in listed.get("Contents", ())]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws(config={"lambda": {"use_docker": False}}):
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        client = boto3.client("lambda", region_name=REGION)
        _deploy(client)
        arn = client.get_alias(FunctionName=PREDICT, Name="live")["AliasArn"]
        played = Played(client)
        account = Account(client, s3, played, lambda _: _zipped())
        yield Stack(account, Target("", BUCKET, {"predict": arn}, REGION), played)


def _deploy(client: Any) -> None:
    """Create predict with an alias, as the template does."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam = boto3.client("iam")
    role = iam.create_role(RoleName="predict", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    client.create_function(
        FunctionName=PREDICT,
        Runtime="python3.13",
        Role=role,
        Handler="predict.handler",
        Code={"ZipFile": _zipped()},
        MemorySize=1769,
        Environment={"Variables": {"HEARTH_BUCKET": BUCKET}},
    )
    version = client.publish_version(FunctionName=PREDICT)["Version"]
    client.create_alias(FunctionName=PREDICT, Name="live", FunctionVersion=version)


def _zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("predict.py", "def handler(event, context): ...")
    return made.getvalue()


def test_every_function_is_measured_cold_and_warm_at_every_size(stack: Stack) -> None:
    """Each round begins with a sandbox that is new, and goes on with the same."""
    rows = stack.run()
    assert [(row.memory_mb, row.name) for row in rows] == [
        (size, name) for size in PLAN.sizes_mb for name in (FLOOR, HEARTH, NAIVE)
    ]
    for row in rows:
        assert len(row.first) == PLAN.rounds
        assert all(line.init_ms == COLD_MS[row.name.lower()] for line in row.first)
        assert all(line.memory_mb == row.memory_mb for line in row.first)
        assert len(row.warm) == PLAN.rounds * PLAN.warm
        assert not any(line.cold for line in row.warm)


def test_snapshot_is_measured_by_its_restores(stack: Stack) -> None:
    """A version with a snapshot is called by its number, and its restores are first answers."""
    rows = stack.run(Plan("digits", (512,), rounds=2, warm=1, snapstart=True))
    [restored] = [row for row in rows if row.name == RESTORED]
    assert [line.restore_ms for line in restored.first] == [150.0, 150.0]


def test_table_sets_first_answers_over_the_floor_of_their_size(stack: Stack) -> None:
    """A row says how many times the floor's first answer at the same memory size it took."""
    cells = aws.table(stack.run())
    assert [row[:2] for row in cells][:3] == [["512", FLOOR], ["512", HEARTH], ["512", NAIVE]]
    assert [row[4].split()[0] for row in cells][:3] == ["1.00", "1.20", "2.32"]


def test_nothing_is_left_and_the_stack_is_as_it_was(stack: Stack) -> None:
    """The bench changes no function of the stack, and deletes what it made."""
    before = stack.functions()
    stack.run()
    assert stack.functions() == before
    assert stack.objects() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_bench_leaves_nothing(stack: Stack, error: type[BaseException]) -> None:
    """Ctrl-C or an error in the middle of a bench leaves nothing behind either."""

    def broken(name: str, event: bytes) -> tuple[bytes, str]:
        raise error

    account = Account(stack.account.client, stack.account.s3, broken, stack.account.download)
    with pytest.raises(error):
        aws.run(account, stack.target, PLAN, lambda _: None)
    assert list(stack.functions()) == [PREDICT]
    assert stack.objects() == []


def test_copy_has_what_predict_has(stack: Stack) -> None:
    """predict's copy has its handler, role and settings, and so do the others but for the handler."""
    seen: dict[str, Any] = {}

    def invoke(name: str, event: bytes) -> tuple[bytes, str]:
        seen.update(stack.functions())
        return stack.played(name, event)

    account = Account(stack.account.client, stack.account.s3, invoke, stack.account.download)
    aws.run(account, stack.target, Plan("digits", (512,), rounds=1, warm=1), lambda _: None)
    predict, copy = seen[PREDICT], seen[f"{PREDICT}-bench-hearth"]
    for same in ("Runtime", "Role", "Handler", "Timeout"):
        assert copy[same] == predict[same]
    assert copy["Environment"]["Variables"]["HEARTH_BUCKET"] == BUCKET
    assert seen[f"{PREDICT}-bench-naive"]["Handler"].endswith("naive.handler")


def test_other_answer_ends_the_bench_with_a_remedy(stack: Stack) -> None:
    """An answer that is not the model's is no measurement; what was made is deleted all the same."""
    stack.played.off = 1.0
    with pytest.raises(AssertionError, match=r"publish that file: hearth publish"):
        stack.run()
    assert list(stack.functions()) == [PREDICT]


def test_what_a_killed_bench_left_is_named_and_cleaned(stack: Stack) -> None:
    """A function of a bench that was killed is not taken over; `--clean` deletes it."""
    left = f"{PREDICT}-bench-floor"
    role = stack.functions()[PREDICT]["Role"]
    stack.account.client.create_function(
        FunctionName=left,
        Runtime="python3.13",
        Role=role,
        Handler="x.y",
        Code={"ZipFile": _zipped()},
    )
    with pytest.raises(LeftOver, match="--clean deletes it"):
        stack.run()
    assert left in stack.functions()
    aws.clean(stack.account, stack.target)
    assert list(stack.functions()) == [PREDICT]


def test_price_is_said_for_what_is_asked() -> None:
    """More sizes, rounds or a snapshot are said to cost more; the default costs cents."""
    usual = Plan("digits").dollars()
    assert 0 < usual < 0.1
    assert Plan("digits", rounds=10).dollars() > usual
    assert Plan("digits", snapstart=True).dollars() > usual

"""The fuzz harness finds what it is there to find, and finds it again."""

from __future__ import annotations

import gc
import gzip
import itertools
import json
import random
import time
from pathlib import Path

import pytest

from fuzz import running
from fuzz.corpus import LENGTH, Request, requests
from fuzz.mutation import from_document, mutant
from fuzz.running import Plan
from fuzz.verdict import Answer, fault

JSON = {"content-type": "application/json"}
BINARY = {"content-type": "application/octet-stream", LENGTH: "44"}
HEAD = b'{"outputs":[{"name":"y","shape":[1]}]}      '
GOOD = Answer(200, JSON, b'{"predictions": [NaN]}')
ASKED = Request("POST", "/v1/models/m:predict")


def made(seed: int) -> list[Request]:
    seeds = requests()
    rngs = (random.Random(f"{seed}:{index}") for index in range(200))
    return [mutant(seeds, rng, over_socket=False).request for rng in rngs]


def test_seed_makes_the_same_requests_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed says what is sent, whatever the time; another seed sends something else."""
    seconds = itertools.count(1_700_000_000)
    monkeypatch.setattr(time, "time", lambda: next(seconds))

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_fault_is_kept_and_can_be_sent_again(tmp_path: Path) -> None:
    """A request with a faulty answer is written to a file that holds all of it, a few a cause."""
    sent: list[Request] = []

    def send(request: Request) -> Answer:
        if request.path.endswith("pair/infer"):
            sent.append(request)
            raise RuntimeError("worker gone")
        return GOOD

    count = len(requests()) + 300
    tally = running.run(Plan(1, count, 60, tmp_path), send, lambda: 0.0)

    [cause] = [cause for cause in tally.faults if "worker gone" in cause]
    assert (tally.bodies, tally.faults[cause]) == (count, len(sent))
    kept = [from_document(path.read_text()) for path in tally.files]
    assert kept == sent[: len(kept)] != []
    assert len(kept) < len(sent)


def test_memory_is_read_while_no_mutant_is_held(tmp_path: Path) -> None:
    """What the harness itself holds of the last body is no growth of what is tested."""
    held: list[int] = []

    def count_bodies() -> float:
        held.append(sum(len(o.body) for o in gc.get_objects() if isinstance(o, Request)))
        return 0.0

    running.run(Plan(1, len(requests()) + 40, 60, tmp_path), lambda _: GOOD, count_bodies)

    assert held == [sum(len(request.body) for request in requests())] * 2


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        Answer(400, JSON, b'{"error": "no"}'),
        Answer(404, JSON, b'{"message": "Not Found"}', gateway=True),
        Answer(200, {**JSON, "content-encoding": "gzip"}, gzip.compress(b"{}")),
        Answer(200, BINARY, HEAD),
        Answer(200, {"content-type": "text/plain"}, b"# TYPE"),
    ],
)
def test_right_answer_is_no_fault(answer: Answer) -> None:
    """Success and refusals in words are what a mutant may get."""
    assert fault(ASKED, answer, mutated=True) == ""


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, JSON, b'{"error": "internal error"}'),
        Answer(503, JSON, b'{"error": "unavailable"}'),
        Answer(400, JSON, b'{"message": "not said as the protocols say it"}'),
        Answer(400, JSON, b""),
        Answer(200, JSON, b'{"predictions": ['),
        Answer(200, {}, b"{}"),
        Answer(200, {**JSON, "content-encoding": "gzip"}, b"{}"),
        Answer(200, BINARY, HEAD + b"\0"),
        Answer(200, {"content-type": "text/plain"}, b"\xff"),
        Answer(
            200,
            JSON,
            json.dumps({"model_name": "m", "outputs": [{"shape": [2], "data": [1]}]}).encode(),
        ),
    ],
)
def test_wrong_answer_is_a_fault(answer: Answer) -> None:
    """A status of 500 and more, or a body that is not what its headers say, is a fault."""
    assert fault(ASKED, answer, mutated=True) != ""


def test_valid_request_must_be_answered() -> None:
    """A request that nobody has mutated is not to be refused."""
    refused = Answer(400, JSON, b'{"error": "no"}')

    assert fault(ASKED, refused, mutated=False) != ""
    assert fault(ASKED, GOOD, mutated=False) == ""

"""From a request to the one version that answers it, while labels move."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import predict as predict_module
import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.registry_entry import Actor
from hearth.serving.catalogue import Catalogue
from hearth.stores.registry import Registry
from support import models
from support.calling import Caller
from support.faults import Faults, answer

ACTOR = Actor("test", "2026-11-23T00:00:00.000Z")
ONES = {"instances": [[1, 1, 1, 1]]}
INFER = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 1, 1, 1]}]}


class Monotonic:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def two(serve: Callable[..., Any]) -> None:
    """Model m with two versions: 1 answers 3 to ones, 2 answers 4 and is stable."""
    serve("m", models.DOUBLED)
    serve("m", models.TRIPLED)


@pytest.fixture
def point(registry: Registry) -> Callable[..., None]:
    """`point(label, {version: weight})` moves a label of m."""

    def move(name: str, split: dict[int, int]) -> None:
        registry.change("m", lambda entry: entries.assign(entry, name, split, ACTOR))

    return move


def answered(predict: Caller, path: str = "/v1/models/m", **kwargs: Any) -> int:
    """Return the version whose answer this is."""
    reply = predict.post(f"{path}:predict", ONES, **kwargs)
    assert reply.status == 200, reply
    return {3: 1, 4: 2}[reply.json["predictions"][0][0]]


def test_version_label_and_default_lead_each_to_their_version(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """Side by side: a version by number, a version by label, and `stable` where neither is named."""
    point("canary", {1: 1})

    assert answered(predict) == 2
    assert answered(predict, "/v1/models/m/labels/stable") == 2
    assert answered(predict, "/v1/models/m/labels/canary") == 1
    assert answered(predict, "/v1/models/m/versions/1") == 1
    assert answered(predict, "/v1/models/m/versions/2") == 2
    infer = predict.post("/v2/models/m/versions/1/infer", INFER)
    assert infer.json["model_version"] == "1"


def test_metadata_describes_the_version_that_is_asked_for(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """Metadata goes the way of a prediction."""
    point("canary", {1: 1})

    def version(path: str) -> str:
        return predict.get(path).json["model_spec"]["version"]

    assert version("/v1/models/m/metadata") == "2"
    assert version("/v1/models/m/labels/canary/metadata") == "1"
    assert predict.get("/v2/models/m").json["versions"] == ["1", "2"]


def test_several_models_are_served_side_by_side(predict: Caller, serve: Any) -> None:
    """One sandbox answers for every model, each with its own answers."""
    for factor in range(5):
        serve(f"times-{factor}", models.scaled(factor))

    for _ in range(2):
        for factor in range(5):
            reply = predict.post(f"/v1/models/times-{factor}:predict", ONES)
            assert reply.json["predictions"] == [[factor + 1] * 4]


# ------------------------------------------------------------------------------------------- splits


def test_split_sends_the_same_key_to_the_same_version(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """A caller with a routing key stays with its version, through both protocols."""
    point("stable", {1: 50, 2: 50})
    for number in range(20):
        headers = {"x-hearth-routing-key": f"caller-{number}"}
        versions = {
            answered(predict, headers=headers, request_id=f"{number}-{again}") for again in range(3)
        }
        infer = predict.post("/v2/models/m/infer", INFER, headers=headers)
        versions.add(int(infer.json["model_version"]))
        assert len(versions) == 1


def test_split_is_sticky_by_the_requests_own_id(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """Without a routing key it is the caller's id: TF Serving's header, Open Inference's member."""
    point("stable", {1: 50, 2: 50})
    seen = set()
    for number in range(20):
        name = f"call-{number}"
        by_header = {
            answered(predict, headers={"x-request-id": name}, request_id=f"h{number}{again}")
            for again in range(3)
        }
        by_member = {
            predict.post(
                "/v2/models/m/infer", {**INFER, "id": name}, request_id=f"m{number}{again}"
            ).json["model_version"]
            for again in range(3)
        }
        assert len(by_header) == 1
        assert by_member == {str(version) for version in by_header}
        seen |= by_header
    assert seen == {1, 2}


def test_split_key_goes_before_the_requests_id(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """A routing key decides, whatever ids the requests have."""
    point("stable", {1: 50, 2: 50})

    versions = {
        answered(predict, headers={"x-hearth-routing-key": "k", "x-request-id": str(number)})
        for number in range(20)
    }

    assert len(versions) == 1


@pytest.mark.parametrize("weights", [{1: 90, 2: 10}, {1: 1, 2: 3}, {1: 1, 2: 1}])
def test_split_shares_are_near_their_weights(
    predict: Caller, two: None, point: Callable[..., None], weights: dict[int, int]
) -> None:
    """Callers without a key are spread by the gateway's ids, in proportion to the weights."""
    point("stable", weights)
    worker = predict_module.assemble()
    worker.catalogue = Catalogue(worker.catalogue._registry, ttl_s=60)
    count = 2000

    shares = Counter(answered(predict, request_id=f"request-{n}") for n in range(count))

    for version, weight in weights.items():
        expected = weight / sum(weights.values())
        # Four standard deviations of a binomial share: once in some ten thousand seeds.
        assert (
            abs(shares[version] / count - expected) < 4 * (expected * (1 - expected) / count) ** 0.5
        )


def test_split_leaves_out_what_is_not_available(
    predict: Caller, two: None, point: Callable[..., None], registry: Registry
) -> None:
    """A version of a split that ends is no longer chosen: the others take its share."""
    point("stable", {1: 50, 2: 50})

    def unload(entry: Any) -> Any:
        return entries.end(entries.begin_unloading(entry, 2, ACTOR), 2, ("OK", ""), ACTOR)

    registry.change("m", unload)

    assert {answered(predict, request_id=str(n)) for n in range(20)} == {1}


# ------------------------------------------------------------------------------------ labels moving


@pytest.fixture
def clocked(predict: Caller, faults: Faults) -> Monotonic:
    """predict's view of the registry by a clock that the test moves: 5 s old at most."""
    clock = Monotonic()
    worker = predict_module.assemble()
    worker.catalogue = Catalogue(worker.catalogue._registry, ttl_s=5, monotonic=clock)
    return clock


def test_promote_is_seen_within_the_registrys_age(
    predict: Caller, two: None, clocked: Monotonic, point: Callable[..., None], faults: Faults
) -> None:
    """Until the entry is too old the label stands where it stood; then one conditional read moves it."""
    assert answered(predict) == 2
    answered(predict, "/v1/models/m/versions/1")
    point("stable", {1: 1})

    clocked.at += 4.9
    reads = faults.count("GetObject")
    assert answered(predict) == 2
    assert faults.count("GetObject") == reads

    clocked.at += 0.2
    assert answered(predict) == 1
    assert faults.count("GetObject") == reads + 1


def test_unchanged_registry_costs_one_conditional_read_an_age(
    predict: Caller, two: None, clocked: Monotonic, faults: Faults
) -> None:
    """A warm sandbox asks S3 once in that time, and is told that nothing changed."""
    answered(predict)
    reads = faults.count("GetObject")

    for _ in range(10):
        clocked.at += 1.0
        answered(predict)

    assert faults.count("GetObject") == reads + 2


def test_promote_while_requests_run_fails_and_mixes_none(
    predict: Caller, two: None, point: Callable[..., None]
) -> None:
    """Each answer is wholly of one version, and none fails, however often a label moves meanwhile."""
    done = threading.Event()

    def move() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            point("stable", {turn % 2 + 1: 1})

    mover = threading.Thread(target=move)
    mover.start()
    seen: Counter[int] = Counter()
    body = {"instances": [[1, 1, 1, 1]] * 50}
    until = time.monotonic() + 30
    try:
        # Until each version has answered some requests in between.
        while time.monotonic() < until and min(seen[1], seen[2]) < 20:
            reply = predict.post("/v1/models/m:predict", body)
            assert reply.status == 200, reply
            values = {value for row in reply.json["predictions"] for value in row}
            assert len(values) == 1
            seen[{3: 1, 4: 2}[values.pop()]] += 1
    finally:
        done.set()
        mover.join()

    assert seen.keys() == {1, 2}


def test_new_version_and_label_are_seen_at_once(
    predict: Caller, two: None, clocked: Monotonic, point: Callable[..., None], serve: Any
) -> None:
    """What the known entry cannot answer is asked of the registry before it is refused."""
    assert answered(predict) == 2
    serve("m", models.scaled(7))
    point("canary", {1: 1})

    assert answered(predict, "/v1/models/m/labels/canary") == 1
    reply = predict.post("/v1/models/m/versions/3:predict", ONES)
    assert reply.json["predictions"] == [[8] * 4]


def test_unknown_version_is_refused_after_one_more_look(
    predict: Caller, two: None, clocked: Monotonic, faults: Faults
) -> None:
    """A version that nobody has is a 404 after the registry was asked, in both protocols."""
    answered(predict)
    reads = faults.count("GetObject")

    one = predict.post("/v1/models/m/versions/9:predict", ONES)
    two_ = predict.post("/v2/models/m/versions/9/infer", INFER)

    assert (one.status, two_.status) == (404, 404)
    assert "Could not find version 9 of model m" in one.error
    assert "Could not find version 9 of model m" in two_.error
    assert faults.count("GetObject") == reads + 2


def test_unknown_label_is_refused_as_its_protocol_does(
    predict: Caller, two: None, clocked: Monotonic, faults: Faults
) -> None:
    """TF Serving calls an unknown label a 400, in any spelling of the path, and lists the known."""
    for path in ("/v1/models/m/labels/none", "/V1/MODELS/m/Labels/none"):
        reply = predict.post(f"{path}:predict", ONES)
        assert reply.status == 400
        assert "Unrecognized servable version label: none" in reply.error
        assert "['stable']" in reply.error
    assert predict.get("/v1/models/m/labels/none/metadata").status == 400


def test_unknown_model_is_a_404_in_both_protocols(predict: Caller, bucket: str) -> None:
    """A model without a registry entry is not there; the message says where to look."""
    one = predict.post("/v1/models/none:predict", ONES)
    two = predict.post("/v2/models/none/infer", INFER)

    assert (one.status, two.status) == (404, 404)
    assert "Servable not found for request: Latest(none)" in one.error
    assert "publish it" in two.error


def test_version_that_is_not_available_is_refused_as_its_protocol_does(
    predict: Caller, publish: Any, load: Any, registry: Registry
) -> None:
    """A version that has not been proven, or has ended, is a 404 for TF Serving, else a 503."""
    publish("m")
    registry.change("m", lambda entry: entries.begin_loading(entry, 1, "id", "", ACTOR))

    for path in ("", "/versions/1"):
        one = predict.post(f"/v1/models/m{path}:predict", ONES)
        two = predict.post(f"/v2/models/m{path}/infer", INFER)
        assert (one.status, two.status) == (404, 503)
        assert "AVAILABLE: none is" in one.error


# -------------------------------------------------------------------------------------- S3 failing


@pytest.mark.parametrize(
    "fault", [answer(503, "SlowDown"), answer(500, "InternalError"), answer(403, "AccessDenied")]
)
def test_outage_leaves_the_last_known_entry_serving(
    predict: Caller, two: None, clocked: Monotonic, faults: Faults, impatient: None, fault: Any
) -> None:
    """While S3 fails, what is open goes on answering by the last known labels."""
    assert answered(predict) == 2
    faults.on("*", fault)

    for _ in range(3):
        clocked.at += 6
        assert answered(predict) == 2


def test_outage_ends_and_the_new_label_is_seen(
    predict: Caller,
    two: None,
    clocked: Monotonic,
    faults: Faults,
    impatient: None,
    point: Callable[..., None],
) -> None:
    """When S3 answers again, the entry as it is then is seen: within half a minute."""
    answered(predict, "/v1/models/m/versions/1")
    assert answered(predict) == 2
    faults.on("*", answer(503, "SlowDown"))
    clocked.at += 6
    assert answered(predict) == 2

    faults.heal()
    point("stable", {1: 1})
    clocked.at += 6
    assert answered(predict) == 2  # S3 is not asked again at once: its silence costs a request
    clocked.at += 30
    assert answered(predict) == 1


def test_outage_refuses_what_is_not_known(
    predict: Caller, two: None, clocked: Monotonic, faults: Faults, impatient: None
) -> None:
    """A model, label or version that this sandbox never saw is a 503 while S3 fails."""
    assert answered(predict) == 2
    faults.on("*", answer(503, "SlowDown"))
    clocked.at += 1

    for path in ("/v1/models/other", "/v1/models/m/labels/canary", "/v1/models/m/versions/7"):
        reply = predict.post(f"{path}:predict", ONES)
        assert reply.status == 503
        assert "try again" in reply.error

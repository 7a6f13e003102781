"""What a predict process fetches and opens before anybody asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain.routing import Target
from hearth.edge.settings import PredictSettings
from hearth.serving.ahead import Ahead
from hearth.serving.stock import Stock
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.registry import Registry
from support.faults import Faults, answer


@pytest.fixture
def begin(registry: Registry, artefacts: Artefacts, bucket: str, tmp_path: Any) -> Callable:
    """`begin(snapshot=..., **settings)`: a process's first half, and its worker."""

    def make(*, snapshot: bool = False, **values: Any) -> tuple[Ahead, Worker]:
        settings = PredictSettings(bucket, files_dir=str(tmp_path / "ahead"), **values)
        stock = Stock(registry, artefacts, settings)
        ahead = Ahead(stock, snapshot=snapshot)
        ahead.start()
        return ahead, Worker(stock, S3Payloads(bucket), settings)

    return make


def opened(ahead: Ahead, worker: Worker) -> list[str]:
    """Open what was fetched; return the models that are open, the last to be closed first."""
    worker.preload(ahead.fetched())
    return [opened.manifest.model for opened in reversed(worker._sessions.all())]


def test_only_model_of_a_bucket_is_there_before_the_first_request(
    serve: Callable, begin: Callable, faults: Faults
) -> None:
    """A request for the one model of a bucket asks S3 for nothing any more."""
    serve("m")
    ahead, worker = begin()
    assert opened(ahead, worker) == ["m"]
    faults.on("*", answer(503, "SlowDown"))

    found, cold = worker.open(worker.catalogue.route(Target("m"), ""))

    assert found.manifest.model == "m"
    assert cold


def test_opening_ahead_counts_for_the_first_request_alone(serve: Callable, begin: Callable) -> None:
    """What opening took is in the record of the first request, and in no other's."""
    serve("m")
    ahead, worker = begin()
    opened(ahead, worker)
    route = worker.catalogue.route(Target("m"), "")

    assert [worker.open(route)[1] for _ in range(3)] == [True, False, False]


def test_among_several_models_nothing_is_guessed(serve: Callable, begin: Callable) -> None:
    """On demand, a process of a bucket with two models fetches neither ahead."""
    serve("one")
    serve("two")

    assert opened(*begin()) == []


def test_snapshot_holds_the_models_that_changed_last(serve: Callable, begin: Callable) -> None:
    """Before a snapshot every model is opened, the newest entry's is the last to be closed."""
    serve("old")
    time.sleep(1.1)  # S3 tells whole seconds
    serve("a-new")

    assert opened(*begin(snapshot=True)) == ["a-new", "old"]


@pytest.mark.parametrize("snapshot", [False, True])
def test_named_models_are_opened_in_their_order(
    serve: Callable, begin: Callable, *, snapshot: bool
) -> None:
    """Models that the settings name are opened, and no others; the first named stays longest."""
    for name in ("one", "two", "three"):
        serve(name)

    assert opened(*begin(preload="three, one", snapshot=snapshot)) == ["three", "one"]


def test_nothing_is_opened_where_that_is_wanted(serve: Callable, begin: Callable) -> None:
    """`none` switches fetching ahead off."""
    serve("m")

    assert opened(*begin(preload="none", snapshot=True)) == []


def test_model_beyond_the_budget_is_not_fetched(serve: Callable, begin: Callable) -> None:
    """Fetching ahead ends where the byte budget does; the model is served when it is asked for."""
    serve("m")
    ahead, worker = begin(cache_mb=0)

    assert opened(ahead, worker) == []
    assert worker.open(worker.catalogue.route(Target("m"), ""))[1]


@pytest.mark.parametrize("fault", [answer(503, "SlowDown"), answer(403, "AccessDenied")])
def test_bucket_that_fails_at_start_costs_no_request(
    serve: Callable, begin: Callable, faults: Faults, capsys: Any, fault: Any
) -> None:
    """What could not be fetched ahead is told to the log, and fetched when it is asked for."""
    serve("m")
    faults.on("*", fault)
    ahead, worker = begin()
    assert opened(ahead, worker) == []
    assert "not fetched ahead: Store" in capsys.readouterr().err
    faults.heal()

    assert worker.open(worker.catalogue.route(Target("m"), ""))[1]


def test_unknown_name_keeps_no_other_from_being_opened(
    serve: Callable, begin: Callable, capsys: Any
) -> None:
    """A name without a model is told to the log; the others are opened."""
    serve("m")

    assert opened(*begin(preload="gone,m")) == ["m"]
    assert "gone not fetched ahead: UnknownModel" in capsys.readouterr().err


def test_manifest_that_was_not_proven_is_not_opened_ahead(
    serve: Callable, begin: Callable, s3: Any, bucket: str, capsys: Any
) -> None:
    """A version whose manifest was exchanged is refused at start as it is by a request."""
    serve("m")
    key = "models/m/versions/1/manifest.json"
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=body.replace(b'"m"', b'"m" '))

    assert opened(*begin()) == []
    assert "ArtefactCorrupt" in capsys.readouterr().err


def test_request_during_fetching_waits_and_fetches_nothing_twice(
    serve: Callable, begin: Callable, faults: Faults
) -> None:
    """Whoever asks for a model that is being fetched gets it from there."""
    serve("m")
    before = faults.count("GetObject")
    _, worker = begin(preload="m")

    worker.open(worker.catalogue.route(Target("m"), ""))

    # The entry once or twice, the manifest and the model once each.
    assert faults.count("GetObject") - before <= 4

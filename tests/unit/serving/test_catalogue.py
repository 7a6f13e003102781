"""The registry as a warm sandbox sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.errors import (
    InvalidDocument,
    StoreError,
    UnknownLabel,
    UnknownModel,
    UnknownVersion,
    VersionUnavailable,
)
from hearth.domain.registry_entry import Actor, Figures
from hearth.domain.routing import Route, Target
from hearth.serving.catalogue import Catalogue
from hearth.stores.registry import Registry
from support.faults import Faults, answer

ACTOR = Actor("test", "2026-11-23T00:00:00.000Z")
FIGURES = Figures(1.0, 1.0, 1.0, 1.0, 1.0, 1769)


class Monotonic:
    """Seconds that a test moves."""

    at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def seconds() -> Monotonic:
    return Monotonic()


@pytest.fixture
def catalogue(registry: Registry, seconds: Monotonic, faults: Faults) -> Catalogue:
    return Catalogue(registry, ttl_s=5, monotonic=seconds)


@pytest.fixture
def available(registry: Registry) -> Callable[..., None]:
    """`available(model, version)` makes a version AVAILABLE; the first one is stable."""

    def make(model: str = "m", version: int = 1) -> None:
        def transition(entry: Any) -> Any:
            entry = entries.begin_loading(entry, version, "id", "", ACTOR)
            return entries.become_available(entry, version, f"{version:064}", FIGURES, ACTOR)

        registry.change(model, transition)

    return make


def test_route_says_which_version_and_why(catalogue: Catalogue, available: Callable) -> None:
    """A route names model, version and label, and the manifest that was proven."""
    available()

    assert catalogue.route(Target("m"), "key") == Route("m", 1, "stable", "label", f"{1:064}")
    assert catalogue.route(Target("m", 1), "key") == Route("m", 1, "", "version", f"{1:064}")


def test_known_entry_is_not_read_again_while_it_is_young(
    catalogue: Catalogue, available: Callable, faults: Faults, seconds: Monotonic
) -> None:
    """One read an age, however many requests."""
    available()
    before = faults.count("GetObject")
    for _ in range(50):
        catalogue.route(Target("m"), "key")
        seconds.at += 0.099

    assert faults.count("GetObject") == before + 1
    seconds.at += 0.1
    catalogue.route(Target("m"), "key")
    assert faults.count("GetObject") == before + 2


def test_age_of_nothing_reads_every_time(
    registry: Registry, available: Callable, faults: Faults
) -> None:
    """With an age of 0 seconds each request sees the registry as it is."""
    available()
    catalogue = Catalogue(registry, ttl_s=0)
    before = faults.count("GetObject")
    for _ in range(3):
        catalogue.route(Target("m"), "key")

    assert faults.count("GetObject") == before + 3


def test_model_that_is_not_there_is_not_remembered(
    catalogue: Catalogue, available: Callable
) -> None:
    """A model that was unknown a moment ago is served as soon as it is there."""
    with pytest.raises(UnknownModel):
        catalogue.route(Target("m"), "key")
    available()

    assert catalogue.route(Target("m"), "key").version == 1


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (Target("m", 9), UnknownVersion),
        (Target("m", 0, "canary"), UnknownLabel),
        (Target("m", 2), VersionUnavailable),
    ],
)
def test_refusal_is_never_made_from_memory(
    catalogue: Catalogue,
    available: Callable,
    registry: Registry,
    faults: Faults,
    target: Target,
    error: type[Exception],
) -> None:
    """What a young entry cannot answer is looked up once more; an entry just read is believed."""
    available()
    registry.change("m", lambda entry: entries.begin_loading(entry, 2, "id", "", ACTOR))
    before = faults.count("GetObject")
    with pytest.raises(error):
        catalogue.route(target, "key")
    assert faults.count("GetObject") == before + 1
    with pytest.raises(error):
        catalogue.route(target, "key")
    assert faults.count("GetObject") == before + 2


@pytest.mark.parametrize("fault", ["forbidden", "broken", "not JSON"])
def test_entry_that_cannot_be_read_leaves_the_last_known_one(
    catalogue: Catalogue,
    available: Callable,
    faults: Faults,
    seconds: Monotonic,
    s3: Any,
    bucket: str,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """S3 failing or an entry spoilt: a sandbox that knows the model serves on, and logs it."""
    available()
    catalogue.route(Target("m"), "key")
    if fault == "forbidden":
        faults.on("GetObject", answer(403, "AccessDenied"))
    else:
        body = b"{" if fault == "not JSON" else b'{"schema": "hearth.registry/9"}'
        s3.put_object(Bucket=bucket, Key="registry/m.json", Body=body)
    seconds.at += 6

    assert catalogue.route(Target("m"), "key").version == 1
    assert catalogue.versions("m") == [1]
    assert "registry of m not refreshed" in capsys.readouterr().err


def test_entry_that_was_never_read_is_an_error(
    catalogue: Catalogue, s3: Any, bucket: str, faults: Faults
) -> None:
    """A sandbox that knows nothing of a model says what keeps it from knowing."""
    s3.put_object(Bucket=bucket, Key="registry/m.json", Body=b"{")
    with pytest.raises(InvalidDocument):
        catalogue.route(Target("m"), "key")
    faults.on("GetObject", answer(403, "AccessDenied"))
    with pytest.raises(StoreError):
        catalogue.route(Target("other"), "key")


def test_entry_that_is_deleted_is_gone(
    catalogue: Catalogue, available: Callable, seconds: Monotonic, s3: Any, bucket: str
) -> None:
    """A deleted entry is a word of its own: the model is unknown from then on."""
    available()
    catalogue.route(Target("m"), "key")
    s3.delete_object(Bucket=bucket, Key="registry/m.json")
    seconds.at += 6

    with pytest.raises(UnknownModel):
        catalogue.route(Target("m"), "key")


def test_models_are_known_apart(
    catalogue: Catalogue, available: Callable, seconds: Monotonic, faults: Faults
) -> None:
    """Each model has an entry and an age of its own."""
    available("a")
    available("b", 1)
    available("b", 2)
    before = faults.count("GetObject")

    assert [catalogue.route(Target(name), "k").version for name in "abab"] == [1, 2, 1, 2]
    assert faults.count("GetObject") == before + 2

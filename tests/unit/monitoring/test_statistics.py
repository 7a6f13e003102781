"""Statistics in Triton's shape: predictions that were counted, memory that was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.errors import (
    InvalidDocument,
    StoreUnavailable,
    UnknownModel,
    UnknownVersion,
    VersionUnavailable,
)
from hearth.domain.registry_entry import Actor, Figures, RegistryEntry
from hearth.domain.routing import Target
from hearth.monitoring.statistics import all_statistics, model_statistics
from hearth.monitoring.totals import Ledger
from hearth.monitoring.traffic import SECONDS, Traffic, histogram
from hearth.stores.aws_s3 import S3Documents
from hearth.stores.registry import Registry
from support.faults import Faults, answer

ACTOR = Actor("test", "2026-11-23T20:00:00.000Z")
FIGURES = Figures(
    fetch_ms=120.0,
    cold_open_ms=8.25,
    first_run_ms=1.5,
    warm_run_ms=0.0125,
    resident_mb=2.5,
    memory_size_mb=3008,
)
NONE = {"count": 0, "ns": 0}
TRAFFIC = Traffic(
    requests=5,
    rows=40,
    refused_seconds=0.02,
    status={"200": 3, "400": 1, "503": 1},
    latency=histogram([0.01] * 5, SECONDS),
    model=histogram([0.004] * 3, SECONDS),
    decode=histogram([0.002] * 3, SECONDS),
    encode=histogram([0.001] * 3, SECONDS),
    last_ms=1_795_469_952_833,
)
LEDGER = Ledger(totals={"m": {"1": TRAFFIC}}, tallied_ms=1_795_470_000_000)


@pytest.fixture
def proven(registry: Registry) -> Callable[..., None]:
    """`proven(model, *numbers)`: versions that load-and-warm proved, with `FIGURES`."""

    def prove(model: str, *numbers: int) -> None:
        def transition(entry: RegistryEntry) -> RegistryEntry:
            for number in numbers:
                entry = entries.begin_loading(entry, number, "a", "", ACTOR)
                entry = entries.become_available(entry, number, "0" * 64, FIGURES, ACTOR)
            return entry

        registry.change(model, transition)

    return prove


def end(registry: Registry, model: str, number: int) -> None:
    def transition(entry: RegistryEntry) -> RegistryEntry:
        entry = entries.begin_unloading(entry, number, ACTOR)
        return entries.end(entry, number, ("OK", ""), ACTOR)

    registry.change(model, transition)


def versions(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["name"], item["version"]) for item in found["model_stats"]]


def test_item_has_every_member_of_tritons_and_says_its_source(
    registry: Registry, proven: Callable
) -> None:
    """Counts and durations are those of the totals, memory is measured, nothing else is made up."""
    proven("m", 1)

    [item] = model_statistics(registry, LEDGER, Target("m"))["model_stats"]

    source = item.pop("source")
    assert item == {
        "name": "m",
        "version": "1",
        "last_inference": 1_795_469_952_833,
        "inference_count": 40,
        "execution_count": 3,
        "inference_stats": {
            "success": {"count": 3, "ns": 30_000_000},
            "fail": {"count": 2, "ns": 20_000_000},
            "queue": {"count": 3, "ns": 0},
            "compute_input": {"count": 3, "ns": 6_000_000},
            "compute_infer": {"count": 3, "ns": 12_000_000},
            "compute_output": {"count": 3, "ns": 3_000_000},
            "cache_hit": NONE,
            "cache_miss": NONE,
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [{"type": "CPU", "id": 0, "byte_size": 2_621_440}],
    }
    assert "until 2026-11-23T21:40:00.000Z" in source
    assert "3008 MB" in source
    assert ACTOR.at in source
    assert "8.25 ms" in source
    assert "1.5 ms" in source
    assert "0.0125 ms" in source


def test_version_that_was_never_asked_has_no_counts(registry: Registry, proven: Callable) -> None:
    """Without a tally, the source says that nothing was counted yet."""
    proven("new", 1)

    [item] = model_statistics(registry, Ledger(), Target("new"))["model_stats"]

    assert set(map(str, item["inference_stats"].values())) == {str(NONE)}
    assert item["last_inference"] == 0
    assert "no prediction was counted yet" in item["source"]


def test_version_without_figures_has_no_memory(registry: Registry, proven: Callable) -> None:
    """What was never measured is no memory, and the source says so."""
    proven("n", 1)
    registry.change(
        "n",
        lambda entry: replace(entry, versions={1: replace(entry.status(1), figures=None)}),
    )

    [item] = model_statistics(registry, LEDGER, Target("n"))["model_stats"]

    assert item["execution_count"] == item["inference_count"] == 0
    assert item["memory_usage"] == []
    assert "memory was not measured" in item["source"]


def test_model_has_an_item_for_each_version_that_can_be_served(
    registry: Registry, proven: Callable
) -> None:
    """What is not AVAILABLE has no item; asked for one version, there is one."""
    proven("m", 1, 2, 3)
    end(registry, "m", 2)

    assert versions(model_statistics(registry, LEDGER, Target("m"))) == [("m", "1"), ("m", "3")]
    assert versions(model_statistics(registry, LEDGER, Target("m", version=3))) == [("m", "3")]


def test_version_that_cannot_be_served_is_unavailable(registry: Registry, proven: Callable) -> None:
    """A version, or a whole model, that is out of service says so."""
    proven("m", 1)
    end(registry, "m", 1)

    for target in (Target("m"), Target("m", version=1)):
        with pytest.raises(VersionUnavailable, match="END"):
            model_statistics(registry, LEDGER, target)


def test_unknown_model_or_version_is_unknown(registry: Registry, proven: Callable) -> None:
    """What does not exist has no figures."""
    proven("m", 1)

    with pytest.raises(UnknownVersion, match="Could not find version 9"):
        model_statistics(registry, LEDGER, Target("m", version=9))
    with pytest.raises(UnknownModel):
        model_statistics(registry, LEDGER, Target("other"))


def test_every_model_is_listed_though_one_entry_is_broken(
    registry: Registry, proven: Callable, documents: S3Documents
) -> None:
    """One entry that cannot be read is named with the reason, and hides no other model."""
    proven("m", 1)
    proven("n", 1, 2)
    documents.create("registry/broken.json", b"{")

    found = all_statistics(registry, LEDGER)

    assert versions(found) == [("m", "1"), ("n", "1"), ("n", "2")]
    assert list(found["unreadable"]) == ["broken"]
    assert "is not JSON" in found["unreadable"]["broken"]
    with pytest.raises(InvalidDocument):
        model_statistics(registry, LEDGER, Target("broken"))


def test_no_model_is_an_empty_list(registry: Registry) -> None:
    """A bundle without models has no figures; no member says otherwise."""
    assert all_statistics(registry, LEDGER) == {"model_stats": []}


def test_registry_that_cannot_be_listed_is_no_empty_list(
    registry: Registry, faults: Faults
) -> None:
    """No answer is better than an empty list that is not true."""
    faults.on("ListObjectsV2", answer(503, "SlowDown"))

    with pytest.raises(StoreUnavailable):
        all_statistics(registry, LEDGER)

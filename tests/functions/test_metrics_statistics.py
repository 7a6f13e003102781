"""metrics over HTTP: statistics of versions that were really proven."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.calling import Caller
from support.models import TRIPLED


@pytest.fixture
def two(serve: Callable[..., Any]) -> None:
    """Model m with versions 1 and 2, and model stats with version 1."""
    serve("m")
    serve("m", TRIPLED)
    serve("stats")


@pytest.mark.parametrize(
    ("path", "versions"),
    [
        ("/v2/models/stats", [("m", "1"), ("m", "2"), ("stats", "1")]),
        ("/v2/models/m/stats", [("m", "1"), ("m", "2")]),
        ("/v2/models/m/versions/2/stats", [("m", "2")]),
        ("/v2/models/stats/stats", [("stats", "1")]),
        ("/v2/models/%6d/versions/%32/stats", [("m", "2")]),
    ],
)
def test_statistics_are_of_what_the_path_names(
    metrics: Caller, two: None, path: str, versions: list[tuple[str, str]]
) -> None:
    """All models, one model or one version; a model may be called `stats`."""
    reply = metrics.get(path)

    assert reply.status == 200
    assert [(item["name"], item["version"]) for item in reply.json["model_stats"]] == versions


def test_memory_is_what_loading_measured(metrics: Caller, serve: Callable) -> None:
    """A version that was proven and not asked yet has no runs, but memory that its process grew by."""
    serve("m")

    [item] = metrics.get("/v2/models/m/stats").json["model_stats"]

    assert item["execution_count"] == 0
    assert item["memory_usage"][0]["byte_size"] >= 0
    assert "no prediction was counted yet" in item["source"]
    assert "with 1769 MB" in item["source"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v2/models/nothing/stats", 404, "Servable not found"),
        ("/v2/models/m/versions/9/stats", 404, "Could not find version 9"),
        ("/v2/models/m/versions/x/stats", 400, "to numeric"),
        ("/v2/models/.m/stats", 400, "model name is not valid"),
        ("/v2/models/m/stats/", 404, "Not Found"),
    ],
)
def test_what_does_not_exist_has_no_statistics(
    metrics: Caller, two: None, path: str, status: int, words: str
) -> None:
    """The statuses are those of every other route of the protocol."""
    reply = metrics.get(path)

    assert reply.status == status
    assert words in reply.error

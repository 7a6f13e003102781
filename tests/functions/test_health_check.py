"""health-check as AWS calls it: over HTTP, and as the reconciler on its schedule."""

from __future__ import annotations

import health_check
import pytest
from hearth.domain.errors import BadRequest, StoreUnavailable
from hearth.domain.registry_entry import Actor, begin_loading
from hearth.serving.warming import unload
from hearth.stores.clock import stamp
from support import models
from support.events import Context
from support.faults import answer

WHO = Actor("test", "2026-11-23T20:00:00.000Z")


def test_server_metadata_names_the_extensions(health):
    """A client learns what the server is and can."""
    reply = health.get("/v2")
    assert (reply.status, reply.json["name"], reply.json["version"]) == (200, "hearth", "7")
    assert {"binary_tensor_data", "model_repository", "statistics"} <= set(reply.json["extensions"])


def test_liveness_asks_nobody(health, faults):
    """A function that answers is alive, whatever S3 does."""
    faults.on("*", answer(500, "InternalError"))
    reply = health.get("/v2/health/live")
    assert (reply.status, reply.json) == (200, {"live": True})
    assert faults.calls == []


def test_server_is_ready_when_the_registry_answers(health):
    """Ready is what can be known from shared state."""
    reply = health.get("/v2/health/ready")
    assert (reply.status, reply.json) == (200, {"ready": True})


def test_server_is_503_with_the_reason_when_the_registry_does_not(health, faults):
    """Whoever asks reads why."""
    faults.on("ListObjectsV2", answer(403, "AccessDenied"))
    reply = health.get("/v2/health/ready")
    assert reply.status == 503
    assert reply.json["ready"] is False
    assert "access denied" in reply.json["error"]


def test_model_is_ready_when_it_would_answer(health, serve, loader):
    """A model's readiness is that of its stable label; a version's its own."""
    serve("m")
    for path in ("/v2/models/m/ready", "/v2/models/m/versions/1/ready"):
        assert health.get(path).json == {"name": "m", "ready": True}
    unload("m", loader(), "test")
    reply = health.get("/v2/models/m/ready")
    assert (reply.status, reply.json["ready"]) == (503, False)
    assert "label 'stable'" in reply.json["error"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v2/models/nothing/ready", 404, "Servable not found"),
        ("/v2/models/m/versions/9/ready", 404, "Could not find version 9"),
        ("/v2/models/m/versions/x/ready", 400, "to numeric"),
        ("/v1/models/nothing", 404, "Could not find any versions of model nothing"),
        ("/v1/models/m/versions/9", 404, "Could not find version 9"),
        ("/v1/models/m/labels/beta", 400, "Unrecognized servable version label: beta"),
        ("/v1/models", 400, "Missing model name"),
        ("/v1/nonsense", 400, "Malformed request"),
    ],
)
def test_what_does_not_exist_is_told_in_the_protocols_words(health, serve, path, status, words):
    """Each protocol has its status for it."""
    serve("m")
    reply = health.get(path)
    assert reply.status == status, reply
    assert words in reply.error


def test_status_has_tensorflow_servings_form(health, serve, on_the_way):
    """Every version, newest first, with state and error."""
    serve("m")
    on_the_way("m")
    reply = health.get("/v1/models/m")
    assert reply.json == {
        "model_version_status": [
            {
                "version": "2",
                "state": "LOADING",
                "status": {"error_code": "OK", "error_message": ""},
            },
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            },
        ]
    }
    assert len(health.get("/v1/models/m/versions/1").json["model_version_status"]) == 1
    assert len(health.get("/v1/models/m/labels/stable").json["model_version_status"]) == 1


@pytest.fixture
def on_the_way(publish, registry, clock):
    """`on_the_way(name)`: the next version, whose load began and is a minute from its deadline."""

    def begin(name: str, seconds: float = 60) -> int:
        number = publish(name, models.TRIPLED).manifest.version
        clock.forward(seconds=seconds)
        deadline = stamp(clock.now())
        clock.forward(seconds=-seconds)
        registry.change(name, lambda entry: begin_loading(entry, number, "a", deadline, WHO))
        return number

    return begin


def test_index_lists_versions_in_tritons_words(health, serve, on_the_way):
    """One item a version; `ready` leaves those that would answer."""
    serve("m")
    on_the_way("m")
    items = health.post("/v2/repository/index").json
    assert [(i["version"], i["state"]) for i in items] == [("1", "READY"), ("2", "LOADING")]
    items = health.post("/v2/repository/index", {"ready": True}).json
    assert [i["version"] for i in items] == ["1"]


@pytest.mark.parametrize("body", [b"{", {"ready": 1}, [], "5"])
def test_index_refuses_a_body_that_is_no_filter(health, body):
    """A filter is an object with a boolean."""
    assert health.post("/v2/repository/index", body).status == 400


def test_broken_entry_is_listed_and_hides_no_other(health, serve, documents):
    """One document that cannot be read is one model's trouble."""
    serve("m")
    documents.create("registry/broken.json", b"{")
    items = health.post("/v2/repository/index").json
    assert {(i["name"], i["state"]) for i in items} == {("m", "READY"), ("broken", "UNAVAILABLE")}
    assert health.get("/v1/models/broken").status == 500
    assert health.get("/v2/models/m/ready").status == 200


def test_schedule_ends_overdue_loads_and_announces_what_was_not(
    health, serve, on_the_way, registry, publish, load, announcer
):
    """What crashes left behind is put right by the schedule's event, once."""
    serve("m")
    number = on_the_way("m", seconds=-60)
    announcer.broken = True
    publish("n")
    with pytest.raises(StoreUnavailable):
        load("n")
    done = health_check.handler({"do": "reconcile"}, Context())
    assert done == {"ended": [f"m/{number}"], "announced": ["n/1"], "moved": [], "unreadable": {}}
    entry = registry.read("m").entry
    assert (entry.status(number).error_code, entry.available()) == ("DEADLINE_EXCEEDED", [1])
    again = health_check.handler({"do": "reconcile"}, Context())
    assert again == {"ended": [], "announced": [], "moved": [], "unreadable": {}}


def test_schedule_with_another_job_is_refused(health):
    """health-check has one job."""
    with pytest.raises(BadRequest, match="no such job: got sweep, expected reconcile"):
        health_check.handler({"do": "sweep"}, Context())

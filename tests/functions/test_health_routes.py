"""health-check over HTTP: what works, in the words of both protocols."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain import registry_entry as entries
from hearth.domain.registry_entry import Actor, RegistryEntry
from hearth.stores.registry import Registry
from support.calling import Caller
from support.faults import Faults, answer

ACTOR = Actor("test", "2026-11-23T00:00:00.000Z")
STATUS = "model_version_status"


@pytest.fixture
def two(serve: Callable[..., Any], publish: Callable[..., Any], registry: Registry) -> None:
    """Model m: version 1 AVAILABLE and stable, version 2 LOADING, version 3 END with a reason."""
    serve("m")

    def advance(entry: RegistryEntry) -> RegistryEntry:
        for number in (2, 3):
            entry = entries.begin_loading(entry, number, f"id-{number}", "", ACTOR)
        return entries.end(entry, 3, ("DATA_LOSS", "the blob is gone"), ACTOR)

    registry.change("m", advance)


def unload(registry: Registry, model: str = "m", version: int = 1) -> None:
    def transition(entry: RegistryEntry) -> RegistryEntry:
        entry = entries.begin_unloading(entry, version, ACTOR)
        return entries.end(entry, version, ("OK", ""), ACTOR)

    registry.change(model, transition)


# ------------------------------------------------------------------------------------------- server


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata_names_server_version_and_extensions(health: Caller, path: str) -> None:
    """Name, the function's version, and the extensions that are there."""
    assert health.get(path).json == {
        "name": "hearth",
        "version": "7",
        "extensions": [
            "binary_tensor_data",
            "classification",
            "model_configuration",
            "model_repository",
            "statistics",
        ],
    }


def test_live_asks_nobody(health: Caller, faults: Faults) -> None:
    """Liveness needs neither S3 nor a model."""
    faults.on("*", answer(503, "SlowDown"))

    reply = health.get("/v2/health/live")

    assert (reply.status, reply.json) == (200, {"live": True})
    assert faults.calls == []


def test_server_is_ready_when_the_registry_can_be_read(health: Caller) -> None:
    """Readiness is one listing of the registry; no model has to be there."""
    reply = health.get("/v2/health/ready")

    assert (reply.status, reply.json) == (200, {"ready": True})


def test_server_is_not_ready_when_the_registry_cannot_be_read(
    health: Caller, faults: Faults
) -> None:
    """Not ready is a 503 with the reason: a load balancer understands the one, people the other."""
    faults.on("*", answer(403, "AccessDenied"))

    reply = health.get("/v2/health/ready")

    assert reply.status == 503
    assert reply.json.keys() == {"ready", "error"}
    assert reply.json["ready"] is False
    assert "access denied" in reply.json["error"]


# -------------------------------------------------------------------------------------- model ready


@pytest.mark.parametrize("path", ["/v2/models/m", "/v2/models/m/versions/1", "/v2/models/%6d"])
def test_model_is_ready_when_a_request_would_find_a_version(
    health: Caller, two: None, path: str
) -> None:
    """The body names the model, for clients that look at it; the status says it to the others."""
    reply = health.get(f"{path}/ready")

    assert (reply.status, reply.json) == (200, {"name": "m", "ready": True})


@pytest.mark.parametrize("version", [2, 3])
def test_version_that_is_not_available_is_not_ready(
    health: Caller, two: None, version: int
) -> None:
    """A version that is loading or has ended is a 503 with its state."""
    reply = health.get(f"/v2/models/m/versions/{version}/ready")

    assert reply.status == 503
    assert reply.json.keys() == {"name", "ready", "error"}
    assert (reply.json["name"], reply.json["ready"]) == ("m", False)
    assert {2: "LOADING", 3: "END"}[version] in reply.json["error"]


def test_model_without_an_available_version_is_not_ready(
    health: Caller, two: None, registry: Registry
) -> None:
    """When the last version that could answer is unloaded, the model is not ready."""
    unload(registry)

    assert health.get("/v2/models/m/ready").status == 503


@pytest.mark.parametrize("path", ["/v2/models/none/ready", "/v2/models/m/versions/9/ready"])
def test_model_or_version_that_is_not_there_is_a_404(health: Caller, two: None, path: str) -> None:
    """What nobody has is not unready but unknown."""
    reply = health.get(path)

    assert reply.status == 404
    assert reply.error


def test_registry_that_fails_makes_model_ready_a_503(
    health: Caller, two: None, faults: Faults, impatient: None
) -> None:
    """Whether a model is ready cannot be said while S3 fails: 503, and what to do."""
    faults.on("*", answer(503, "SlowDown"))

    reply = health.get("/v2/models/m/ready")

    assert reply.status == 503
    assert "try again" in reply.error


# ----------------------------------------------------------------------------------- repository index


def test_index_lists_every_version_of_every_model(
    health: Caller, two: None, serve: Callable[..., Any]
) -> None:
    """One item a version, in Triton's states, with the reason where one ended."""
    serve("another")

    reply = health.post("/v2/repository/index")

    assert reply.status == 200
    assert reply.json == [
        {"name": "another", "version": "1", "state": "READY", "reason": ""},
        {"name": "m", "version": "1", "state": "READY", "reason": ""},
        {"name": "m", "version": "2", "state": "LOADING", "reason": ""},
        {"name": "m", "version": "3", "state": "UNAVAILABLE", "reason": "the blob is gone"},
    ]


def test_index_says_unloaded_where_nothing_failed(
    health: Caller, two: None, registry: Registry
) -> None:
    """A version that was unloaded cleanly is UNAVAILABLE for that reason."""
    unload(registry)

    [first, *_] = health.post("/v2/repository/index").json
    assert first == {"name": "m", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}


@pytest.mark.parametrize(
    ("body", "states"),
    [
        (b"", 3),
        (b" \n", 3),
        ({}, 3),
        ({"ready": False}, 3),
        ({"ready": True}, 1),
        ({"ready": True, "other": [1]}, 1),
    ],
)
def test_index_filter_is_one_boolean(health: Caller, two: None, body: Any, states: int) -> None:
    """`ready` asks for what can be served now; nothing, an empty body included, asks for all."""
    assert len(health.post("/v2/repository/index", body).json) == states


@pytest.mark.parametrize(
    "body", [{"ready": 1}, {"ready": "true"}, {"ready": None}, [], "ready", [True], 1, b"true"]
)
def test_index_refuses_a_filter_that_is_no_boolean(health: Caller, bucket: str, body: Any) -> None:
    """Any other filter is a 400 in Triton's words."""
    reply = health.post("/v2/repository/index", body)

    assert reply.status == 400
    assert "ready" in reply.error or "JSON" in reply.error


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 250_000, b'{"a":' * 250_000, b"[" * 250_000 + b"]" * 250_000]
)
def test_index_refuses_a_body_that_is_not_json(health: Caller, bucket: str, body: bytes) -> None:
    """Half a document, no text, or one that nests too deeply is a 400."""
    reply = health.post("/v2/repository/index", body)

    assert reply.status == 400
    assert reply.error


@pytest.mark.parametrize("levels", [900, 960, 990, 1010])
def test_index_refuses_a_filter_that_nests(health: Caller, bucket: str, levels: int) -> None:
    """A filter that is no boolean but can just be read is a 400 as any other."""
    for before, after in (("[", "]"), ('{"a":', "}")):
        deep = before * levels + "1" + after * levels
        reply = health.post("/v2/repository/index", f'{{"ready": {deep}}}')
        assert (reply.status, bool(reply.error)) == (400, True)


@pytest.mark.parametrize(
    "entry", [b"", b"{", b"{}", b'{"schema": "hearth.registry/9"}', b"[" * 100_000]
)
def test_index_lists_a_model_whose_entry_cannot_be_read(
    health: Caller, two: None, s3: Any, bucket: str, entry: bytes
) -> None:
    """One broken entry hides no other model: it is UNAVAILABLE, with the reason."""
    s3.put_object(Bucket=bucket, Key="registry/broken.json", Body=entry)

    items = health.post("/v2/repository/index").json

    assert [item["name"] for item in items] == ["broken", "m", "m", "m"]
    assert items[0].keys() == {"name", "state", "reason"}
    assert items[0]["state"] == "UNAVAILABLE"
    assert items[0]["reason"]
    assert [i["name"] for i in health.post("/v2/repository/index", {"ready": True}).json] == ["m"]


def test_index_of_an_empty_repository_is_an_empty_list(health: Caller, bucket: str) -> None:
    """Where nothing was published there is nothing to list."""
    assert health.post("/v2/repository/index").json == []


# ------------------------------------------------------------------------------------------- status


def status(version: int, state: str, code: str = "OK", message: str = "") -> dict[str, Any]:
    return {
        "version": str(version),
        "state": state,
        "status": {"error_code": code, "error_message": message},
    }


def test_status_lists_versions_newest_first(health: Caller, two: None) -> None:
    """TF Serving's status: versions as text, newest first, its states and code names."""
    reply = health.get("/v1/models/m")

    assert reply.status == 200
    assert reply.json == {
        STATUS: [
            status(3, "END", "DATA_LOSS", "the blob is gone"),
            status(2, "LOADING"),
            status(1, "AVAILABLE"),
        ]
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models/m/versions/3", status(3, "END", "DATA_LOSS", "the blob is gone")),
        ("/v1/models/m/versions/002", status(2, "LOADING")),
        ("/v1/models/m/labels/stable", status(1, "AVAILABLE")),
        ("/V1/Models/m/Labels/%73table", status(1, "AVAILABLE")),
    ],
)
def test_status_of_one_version_is_a_list_of_one(
    health: Caller, two: None, path: str, expected: Any
) -> None:
    """By number or by label, in any spelling of the path; 200 whatever the state."""
    assert health.get(path).json == {STATUS: [expected]}


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/v1/models/none", 404, "Could not find any versions of model none"),
        ("/v1/models/m/versions/9", 404, "Could not find version 9 of model m"),
        ("/v1/models/m/labels/none", 400, "Unrecognized servable version label: none"),
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/foo", 400, "Malformed request: GET /v1/foo"),
        ("/v1/models/m:predict", 400, "Malformed request"),
        ("/v1/models/m/", 400, "Malformed request"),
        ("/v1/models/m/versions/one", 400, "Malformed request"),
        ("/v1/models/m/versions/9223372036854775808", 400, "Failed to convert version"),
        ("/v1/models/..", 400, "model name is not valid"),
        ("/v2/foo", 404, "Not Found: GET /v2/foo"),
        ("/v2/models/m/generate", 404, "Not Found"),
        ("/nothing", 404, "Malformed request"),
    ],
)
def test_other_requests_are_refused_as_their_protocol_does(
    health: Caller, two: None, path: str, code: int, message: str
) -> None:
    """Unknown things are a 404; what does not parse is a 400 for TF Serving, else a 404."""
    reply = health.get(path)

    assert reply.status == code
    assert message in reply.error


@pytest.mark.parametrize("path", ["/v1/models/m/Metadata", "/v2/models/m", "/v2/models/m/infer"])
def test_requests_that_another_function_answers_get_no_wrong_answer(
    health: Caller, two: None, path: str
) -> None:
    """What is not a question of health is refused, never answered with something else."""
    reply = health.get(path)

    assert reply.status in (400, 404)
    assert "Malformed request" in reply.error


def test_status_is_as_the_registry_is_now(health: Caller, two: None, registry: Registry) -> None:
    """Nothing is cached: the next status shows the change."""
    health.get("/v1/models/m")
    unload(registry)

    assert health.get("/v1/models/m/versions/1").json == {STATUS: [status(1, "END")]}


def test_every_answer_is_compact_json(health: Caller, two: None) -> None:
    """Answers are JSON that says so, errors too."""
    for path in ("/v2", "/v2/health/live", "/v1/models/m", "/v1/models/none"):
        reply = health.get(path)
        assert reply.headers == {"content-type": "application/json"}
        json.loads(reply.body)

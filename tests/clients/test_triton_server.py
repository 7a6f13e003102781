"""tritonclient asks what the server and its models are, and loads and unloads them."""

from __future__ import annotations

from typing import Any

import pytest
from support.patience import eventually
from support.triton import rows
from tritonclient.utils import InferenceServerException


def test_server_is_live_and_ready(triton: Any) -> None:
    """The server answers both health questions with yes."""
    assert triton.is_server_live()
    assert triton.is_server_ready()


@pytest.mark.parametrize("version", ["", "1", "2"])
def test_model_is_ready_with_and_without_version(triton: Any, version: str) -> None:
    """A model is ready as a whole and in each of its versions."""
    assert triton.is_model_ready("versioned", version)


@pytest.mark.parametrize(("model", "version"), [("nobody", ""), ("versioned", "9")])
def test_what_does_not_exist_is_not_ready(triton: Any, model: str, version: str) -> None:
    """Neither a model nor a version that nobody published is ready."""
    assert not triton.is_model_ready(model, version)


def test_server_metadata_names_the_core_extensions(triton: Any) -> None:
    """The server says its name, its version and which extensions it has."""
    metadata = triton.get_server_metadata()
    assert metadata["name"] == "hearth"
    assert metadata["version"]
    assert {"binary_tensor_data", "model_repository"} <= set(metadata["extensions"])


def test_server_metadata_names_every_extension_that_works(triton: Any) -> None:
    """A client can see from the metadata that classification, config and statistics are there."""
    extensions = triton.get_server_metadata()["extensions"]
    assert {"classification", "model_configuration", "statistics"} <= set(extensions)


@pytest.mark.parametrize("version", ["", "1"])
def test_model_metadata_says_versions_and_tensors(triton: Any, version: str) -> None:
    """Metadata names the versions that can be served, and each tensor with -1 for any size."""
    assert triton.get_model_metadata("versioned", version) == {
        "name": "versioned",
        "versions": ["1", "2"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}],
    }


@pytest.mark.parametrize("version", ["", "1"])
def test_config_agrees_with_metadata(triton: Any, version: str) -> None:
    """Config has Triton's names for what metadata says; a batch dimension is left to max_batch_size."""
    config = triton.get_model_config("versioned", version)
    batch = [-1] if config.get("max_batch_size", 0) > 0 else []
    assert config["name"] == "versioned"
    for side, name in (("input", "x"), ("output", "y")):
        [tensor] = config[side]
        assert (tensor["name"], tensor["data_type"]) == (name, "TYPE_FP32")
        assert batch + [int(size) for size in tensor["dims"]] == [-1, 4]


def test_statistics_have_tritons_shape_and_say_their_source(triton: Any) -> None:
    """What was counted until when, and what was measured, stands beside the figures."""
    [found] = triton.get_inference_statistics("counted", "1")["model_stats"]
    assert (found["name"], found["version"]) == ("counted", "1")
    assert found["execution_count"] == found["inference_stats"]["success"]["count"]
    assert found["memory_usage"][0]["byte_size"] >= 0
    assert "while it proved the version" in found["source"]
    listed = triton.get_inference_statistics()["model_stats"]
    assert ("counted", "1") in {(item["name"], item["version"]) for item in listed}


def test_index_lists_each_version_with_its_state(triton: Any) -> None:
    """The repository index has one item a version."""
    index = triton.get_model_repository_index()
    found = [item for item in index if item["name"] == "versioned"]
    assert found == [
        {"name": "versioned", "version": number, "state": "READY", "reason": ""}
        for number in ("1", "2")
    ]


def test_load_of_a_loaded_model_changes_nothing(triton: Any) -> None:
    """A model that is loaded can be loaded again."""
    triton.load_model("doubled")
    assert triton.is_model_ready("doubled")


def test_unloaded_model_is_not_ready(triton: Any, unloaded: str) -> None:
    """Readiness and index see an unload at once."""
    assert not triton.is_model_ready(unloaded)
    [item] = [item for item in triton.get_model_repository_index() if item["name"] == unloaded]
    assert (item["state"], item["reason"]) == ("UNAVAILABLE", "unloaded")


def test_unloaded_model_refuses_predictions_in_time(triton: Any, unloaded: str) -> None:
    """A warm worker may answer for HEARTH_REGISTRY_TTL_S, then an unloaded model is a 503."""

    said: list[InferenceServerException] = []

    def refused() -> bool:
        try:
            triton.infer(unloaded, [rows(1.0)])
        except InferenceServerException as error:
            said.append(error)
        return bool(said)

    assert eventually(refused)
    assert said[0].status() == "503"
    assert "cannot be served now" in said[0].message()


def test_model_that_is_loaded_again_answers_at_once(triton: Any, unloaded: str) -> None:
    """After a load the very next prediction is answered."""
    triton.load_model(unloaded)
    assert triton.is_model_ready(unloaded)
    assert triton.infer(unloaded, [rows(1.0)]).as_numpy("y").tolist() == [[3.0] * 4]


@pytest.mark.parametrize(
    "overrides",
    [{"config": "{}"}, {"config": "{}", "files": {"file:1/model.onnx": b"abc"}}],
    ids=["config", "files"],
)
def test_load_with_overrides_is_refused(triton: Any, overrides: dict[str, Any]) -> None:
    """What was published never changes: a load that brings a config or files says what to do instead."""
    with pytest.raises(InferenceServerException) as refused:
        triton.load_model("doubled", **overrides)
    assert refused.value.status() == "400"
    assert "cannot override" in refused.value.message()
    assert "publish a new version" in refused.value.message()


def test_unknown_model_cannot_be_loaded(triton: Any) -> None:
    """The message holds Triton's own words."""
    with pytest.raises(InferenceServerException, match="failed to load 'nobody'") as refused:
        triton.load_model("nobody")
    assert refused.value.status() == "404"


@pytest.mark.parametrize("call", ["get_model_metadata", "unload_model"])
def test_unknown_model_is_named(triton: Any, call: str) -> None:
    """Metadata and unload of a model that does not exist are a 404 with its name in it."""
    with pytest.raises(InferenceServerException, match="nobody") as refused:
        getattr(triton, call)("nobody")
    assert refused.value.status() == "404"


@pytest.mark.parametrize(
    "call", ["get_log_settings", "get_trace_settings", "get_system_shared_memory_status"]
)
def test_extensions_that_hearth_does_not_have_are_not_found(triton: Any, call: str) -> None:
    """Logging, tracing and shared memory have no route: API Gateway's own 404."""
    with pytest.raises(InferenceServerException) as refused:
        getattr(triton, call)()
    assert refused.value.status() == "404"

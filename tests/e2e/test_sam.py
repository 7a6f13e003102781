"""What `sam build` makes runs: each function in a container, with its layers and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from hearth_local.template import load
from support.sam import BUCKET, EVENTS, IMAGE, LAYERS, ROOT, Api, Aws, Built, size_mb

pytestmark = [pytest.mark.sam, pytest.mark.timeout(1200)]

Invoke = Callable[[str, Any], Any]
MOST_MB = 230  # of the 250 that Lambda unpacks, a function's own code included


def test_layers_of_each_function_fit_into_lambda(built: Built) -> None:
    """A function and its layers unpack to less than 230 MB."""
    sizes = {name: size_mb(built.folder(logical_id)) for name, logical_id in LAYERS.items()}
    print("\n" + "".join(f"{name:>14} {size:6.1f} MB\n" for name, size in sizes.items()))
    for function in load(ROOT / "template.yaml").functions:
        total = sum(sizes[layer.name] for layer in function.layers)
        print(f"{function.title:>14} {total:6.1f} MB")
        assert total + size_mb(built.folder(function.logical_id)) < MOST_MB, function.title


@pytest.mark.parametrize("package", ["numpy", "google/protobuf", "onnxruntime/capi"])
def test_heavy_package_is_in_one_layer(built: Built, package: str) -> None:
    """What is large is shipped once, whichever layers a function has."""
    found = [name for name in LAYERS.values() if (built.folder(name) / "python" / package).exists()]
    assert len(found) == 1


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_holds_every_source_of_hearth_unchanged(built: Built, layer: str) -> None:
    """Slimming takes from wheels alone: what Hearth is made of arrives as it was written."""
    sources = ROOT / "layers" / layer / "python"
    shipped = built.folder(LAYERS[layer]) / "python"
    for path in sources.rglob("*.py"):
        assert (shipped / path.relative_to(sources)).read_bytes() == path.read_bytes()


def test_layers_ship_bytecode_for_the_python_of_lambda(built: Built) -> None:
    """/opt is read-only: without bytecode every cold start would compile what it imports."""
    # A shim on the path is not enough: the build asks for one that runs, and so must this.
    if subprocess.run(
        ["sh", "-c", "python3.13 -c ''"], capture_output=True, check=False
    ).returncode:
        pytest.skip("bytecode is made by a python3.13, and there is none")
    for logical_id in LAYERS.values():
        for path in (built.folder(logical_id) / "python" / "hearth").rglob("*.py"):
            assert (path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").exists(), path


def test_manifest_event_makes_the_version_available(warmed: dict[str, Any], aws: Aws) -> None:
    """S3's own event, through EventBridge, is all that load-and-warm needs to prove a version."""
    assert (warmed["state"], warmed["version"]) == ("AVAILABLE", 1)
    entry = json.loads(aws.s3.get_object(Bucket=BUCKET, Key="registry/doubled.json")["Body"].read())
    assert entry["versions"]["1"]["state"] == "AVAILABLE"


def test_tf_serving_request_is_answered(api: Api) -> None:
    """TensorFlow Serving's own request, colon and all, passes the API's whole-segment routes."""
    url = f"http://{api.address}/v1/models/doubled"
    answer = requests.post(f"{url}:predict", json={"instances": [[1, 2, 3, 4]]}, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"predictions": [[3.0, 5.0, 7.0, 9.0]]})
    status = requests.get(url, timeout=60).json()
    assert status["model_version_status"][0]["state"] == "AVAILABLE"


def test_public_client_is_answered_with_binary_tensors(api: Api) -> None:
    """tritonclient, unmodified, gets the bytes that it asked for through API and function."""
    client = triton.InferenceServerClient(api.address, network_timeout=60)
    asked = triton.InferInput("x", [1, 4], "FP32")
    asked.set_data_from_numpy(np.ones((1, 4), np.float32), binary_data=False)
    wanted = [triton.InferRequestedOutput("y", binary_data=True)]
    assert client.is_server_live()
    assert client.is_model_ready("doubled")
    answer = client.infer("doubled", [asked], outputs=wanted)
    np.testing.assert_array_equal(answer.as_numpy("y"), np.full((1, 4), 3, np.float32))


def test_binary_request_arrives_unchanged(invoke: Invoke, warmed: dict[str, Any]) -> None:
    """A binary body reaches predict as the HTTP API sends it: in base64, and marked as such."""
    asked = triton.InferInput("x", [2, 4], "FP32")
    asked.set_data_from_numpy(np.arange(8, dtype=np.float32).reshape(2, 4), binary_data=True)
    wanted = [triton.InferRequestedOutput("y", binary_data=True)]
    body, header_length = triton.InferenceServerClient.generate_request_body(
        [asked], outputs=wanted
    )
    event = json.loads((EVENTS / "http_request.json").read_text(encoding="utf-8"))
    event["body"] = base64.b64encode(body).decode()
    event["headers"]["inference-header-content-length"] = str(header_length)
    answer = invoke("PredictFunction", event)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    result = triton.InferenceServerClient.parse_response_body(
        base64.b64decode(answer["body"]),
        header_length=int(headers["inference-header-content-length"]),
    )
    expected = np.arange(8, dtype=np.float32).reshape(2, 4) * 2 + 1
    np.testing.assert_array_equal(result.as_numpy("y"), expected)


def test_record_of_a_prediction_is_kept_by_metrics(api: Api, invoke: Invoke, aws: Aws) -> None:
    """The line that predict logs is what metrics keeps, in the shape of a log subscription."""
    url = f"http://{api.address}/v2/models/doubled/infer"
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    requests.post(url, json={"inputs": [tensor]}, timeout=60).raise_for_status()
    line = logged(api.log, '"record":"hearth.prediction/1"')
    moment = {"id": "1", "timestamp": 1794441600000, "message": line}
    batch = {"messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/hearth-predict"}
    data = gzip.compress(json.dumps({**batch, "logEvents": [moment]}).encode())
    invoke("MetricsFunction", {"awslogs": {"data": base64.b64encode(data).decode()}})
    kept = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="records/")
    assert kept["KeyCount"] == 1


def test_reconciling_what_is_right_changes_nothing(
    invoke: Invoke, warmed: dict[str, Any], aws: Aws
) -> None:
    """The schedule's event runs in health-check's container, and finds nothing to put right."""
    before = aws.s3.head_object(Bucket=BUCKET, Key="registry/doubled.json")["ETag"]
    invoke("HealthCheckFunction", {"do": "reconcile"})
    assert aws.s3.head_object(Bucket=BUCKET, Key="registry/doubled.json")["ETag"] == before


QUANTISE = """
import numpy, onnx, onnx.parser, onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
text = "m (float[1, 8] x) => (float[1, 8] y) <float[8, 8] w> { y = MatMul(x, w) }"
model = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 21]>' + text)
del model.graph.initializer[:]
weights = numpy.random.default_rng(0).normal(size=(8, 8)).astype("float32")
model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
onnx.save(model, "/tmp/whole.onnx")
quantize_dynamic("/tmp/whole.onnx", "/tmp/small.onnx", weight_type=QuantType.QUInt8)
session = onnxruntime.InferenceSession("/tmp/small.onnx", providers=["CPUExecutionProvider"])
(answer,) = session.run(None, {"x": numpy.ones((1, 8), "float32")})
assert numpy.allclose(answer, numpy.ones((1, 8)) @ weights, atol=0.2), answer
assert onnxruntime.__file__.startswith("/opt/"), onnxruntime.__file__
"""


def test_runtime_and_optimizer_layers_merge_into_one_toolchain(
    built: Built, docker: str, tmp_path: Path
) -> None:
    """ONNX Runtime is split over two layers: merged, as on Lambda, it quantises and runs."""
    for name in ("CommonLayer", "RuntimeLayer", "OptimizerLayer"):
        shutil.copytree(built.folder(name), tmp_path / "opt", dirs_exist_ok=True)
    command = [
        docker,
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "/var/lang/bin/python3.13",
    ]
    command += ["--volume", f"{tmp_path / 'opt'}:/opt:ro", "--env", "PYTHONPATH=/opt/python"]
    done = subprocess.run(
        [*command, IMAGE, "-c", QUANTISE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def logged(log: Path, wanted: str) -> str:
    """Return the last line of a log that holds a text, once there is one."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [line for line in lines if wanted in line]
        if found:
            return found[-1]
        time.sleep(0.2)
    raise AssertionError(f"no line with {wanted} in {log}")

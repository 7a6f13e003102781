"""What `sam build` makes runs: each function in a container, with its layers and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from hearth.edge.openapi import document
from hearth.optimizing.names import NAMES
from hearth.optimizing.searches import Searches
from hearth.publishing.publication import Publisher
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth_local.template import load
from support import optimizing
from support.sam import (
    BUCKET,
    LAYERS,
    ROOT,
    Api,
    Aws,
    Built,
    Outcome,
    event,
    python_in_image,
    size_mb,
)

pytestmark = [pytest.mark.sam, pytest.mark.timeout(1200)]

Invoke = Callable[[str, Any], Any]
MOST_MB = 230  # of the 250 that Lambda unpacks, a function's own code included
MOST_OF_PREDICT_MB = 110  # a cold start fetches and unpacks all of it
CPP = ("*.c", "*.cc", "*.cpp", "*.h", "*.hpp", "*.a")


def test_layers_of_each_function_fit_into_lambda(built: Built) -> None:
    """A function and its layers unpack to less than 230 MB."""
    sizes = {name: size_mb(built.folder(logical_id)) for name, logical_id in LAYERS.items()}
    print("\n" + "".join(f"{name:>14} {size:6.1f} MB\n" for name, size in sizes.items()))
    for function in load(ROOT / "template.yaml").functions:
        total = sum(sizes[layer.name] for layer in function.layers)
        print(f"{function.title:>14} {total:6.1f} MB")
        assert total + size_mb(built.folder(function.logical_id)) < MOST_MB, function.title


def test_layers_of_predict_are_small(built: Built) -> None:
    """Somebody waits for predict's cold start, and for each megabyte of it."""
    [predict] = [f for f in load(ROOT / "template.yaml").functions if f.title == "predict"]
    total = sum(size_mb(built.folder(LAYERS[layer.name])) for layer in predict.layers)
    assert total < MOST_OF_PREDICT_MB


def test_layers_hold_no_sources_of_compiled_code(built: Built) -> None:
    """Wheels bring what their extensions were compiled from (simdjson's weighs more than they do)."""
    folders = [built.folder(name) / "python" for name in LAYERS.values()]
    assert [path for folder in folders for kind in CPP for path in folder.rglob(kind)] == []


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


def test_public_client_reads_the_configuration(api: Api) -> None:
    """Triton's configuration extension is predict's."""
    config = triton.InferenceServerClient(api.address, network_timeout=60).get_model_config(
        "doubled"
    )
    assert (config["name"], config["backend"]) == ("doubled", "onnxruntime")


def test_public_client_reads_statistics(api: Api) -> None:
    """Triton's statistics extension is that of metrics, in a container without ONNX Runtime."""
    client = triton.InferenceServerClient(api.address, network_timeout=60)
    [stats] = client.get_inference_statistics("doubled")["model_stats"]
    assert (stats["name"], stats["version"]) == ("doubled", "1")


def test_openapi_document_is_served(api: Api) -> None:
    """The layers suffice for the whole document, which needs pydantic's schemas."""
    answer = requests.get(f"http://{api.address}/openapi.json", timeout=60)
    assert (answer.status_code, answer.json()) == (200, document())


def test_thousands_of_rows_of_json_are_right(api: Api) -> None:
    """A body of numbers that is worth simdjson's while comes back as twice each number and one."""
    rows = np.arange(20_000, dtype=np.float32).reshape(5000, 4) / 8
    url = f"http://{api.address}/v1/models/doubled:predict"
    answer = requests.post(url, json={"instances": rows.tolist()}, timeout=60)
    assert answer.status_code == 200
    np.testing.assert_array_equal(np.float32(answer.json()["predictions"]), rows * 2 + 1)


def http_event(body: bytes, headers: dict[str, str]) -> Any:
    """Return the event of a binary body, as the HTTP API sends it: in base64, and marked as such.

    SAM's own API hands on text alone.
    """
    made = event("http_request")
    made["body"] = base64.b64encode(body).decode()
    made["headers"] |= headers
    return made


@pytest.mark.parametrize("rows", [2, 20_000])
def test_binary_request_arrives_unchanged(
    invoke: Invoke, warmed: dict[str, Any], rows: int
) -> None:
    """A binary body reaches predict, and leaves it, however large: from 64 KiB on by pybase64."""
    sent = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
    asked = triton.InferInput("x", [rows, 4], "FP32")
    asked.set_data_from_numpy(sent, binary_data=True)
    wanted = [triton.InferRequestedOutput("y", binary_data=True)]
    body, header_length = triton.InferenceServerClient.generate_request_body(
        [asked], outputs=wanted
    )
    headers = {"inference-header-content-length": str(header_length), "accept-encoding": "identity"}
    answer = invoke("PredictFunction", http_event(body, headers))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    result = triton.InferenceServerClient.parse_response_body(
        base64.b64decode(answer["body"]),
        header_length=int(headers["inference-header-content-length"]),
    )
    np.testing.assert_array_equal(result.as_numpy("y"), sent * 2 + 1)


def test_compressed_request_is_read(invoke: Invoke, warmed: dict[str, Any]) -> None:
    """gzip is bytes, so it comes in base64: what is in it is a request like any other."""
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    body = gzip.compress(json.dumps({"inputs": [tensor]}).encode())
    answer = invoke("PredictFunction", http_event(body, {"content-encoding": "gzip"}))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["outputs"][0]["data"] == [3, 5, 7, 9]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_answer_comes_in_the_coding_that_is_accepted(api: Api, coding: str) -> None:
    """Through the API as well: a compressed answer is binary, and unpacked by the client."""
    url = f"http://{api.address}/v1/models/doubled:predict"
    body = {"instances": [[1, 2, 3, 4]] * 500}
    answer = requests.post(url, json=body, headers={"Accept-Encoding": coding}, timeout=60)
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert answer.json() == {"predictions": [[3, 5, 7, 9]] * 500}


def test_direct_invoke_is_answered(invoke: Invoke, warmed: dict[str, Any]) -> None:
    """Without HTTP: the event is the body, with its route in it, and the answer is bare JSON."""
    answer = invoke("PredictFunction", event("direct_predict"))
    assert answer == {"predictions": [[3, 5, 7, 9], [11, 13, 15, 17]]}


def test_wrong_direct_invoke_is_a_function_error(
    outcome: Callable[[str, Any], Outcome], warmed: dict[str, Any]
) -> None:
    """Lambda's Python reports the class by its bare name: what Step Functions can catch."""
    wrong = event("direct_predict") | {"instances": [[1, 2, 3]]}
    ended = outcome("PredictFunction", wrong)
    assert (ended.failed, ended.body["errorType"]) == (True, "SignatureMismatch")


def test_message_that_failed_is_all_that_the_queue_gives_again(
    invoke: Invoke, warmed: dict[str, Any], aws: Aws
) -> None:
    """Two answers lie where their messages said, and what was wrong with the third beside its own."""
    batch = event("requests_from_queue")
    wrong = batch["Records"][1]["messageId"]
    answer = invoke("PredictFunction", batch)
    assert answer == {"batchItemFailures": [{"itemIdentifier": wrong}]}
    listed = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="payloads/answers/")["Contents"]
    names = [item["Key"].removeprefix("payloads/answers/") for item in listed]
    assert names == ["1.json", "2.json.error.json", "3.json"]


def test_request_and_answer_may_lie_in_the_bucket(api: Api, aws: Aws) -> None:
    """What no event could carry is read from S3, and written there."""
    rows = np.ones((500_000, 4), np.float32)
    asked = triton.InferInput("x", list(rows.shape), "FP32")
    asked.set_data_from_numpy(rows, binary_data=True)
    body, length = triton.InferenceServerClient.generate_request_body(
        [asked], outputs=[triton.InferRequestedOutput("y", binary_data=True)]
    )
    metadata = {"inference-header-content-length": str(length)}
    aws.s3.put_object(Bucket=BUCKET, Key="payloads/large/in", Body=body, Metadata=metadata)
    places = {"Input": "payloads/large/in", "Output": f"s3://{BUCKET}/payloads/large/out"}
    headers = {f"X-Hearth-{side}-Location": place for side, place in places.items()}
    url = f"http://{api.address}/v2/models/doubled/infer"
    answer = requests.post(url, headers=headers, timeout=60).json()
    assert (answer["status"], answer["output_location"]) == (200, places["Output"])
    written = aws.s3.get_object(Bucket=BUCKET, Key="payloads/large/out")
    result = triton.InferenceServerClient.parse_response_body(
        written["Body"].read(),
        header_length=int(written["Metadata"]["inference-header-content-length"]),
    )
    np.testing.assert_array_equal(result.as_numpy("y"), rows * 3)


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


def test_predictions_are_counted_judged_and_reported(api: Api, invoke: Invoke, aws: Aws) -> None:
    """Tally, judge, Prometheus' page and the report run from the layers as they are built."""
    url = f"http://{api.address}"
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    answer = requests.post(f"{url}/v2/models/doubled/infer", json={"inputs": [tensor]}, timeout=60)
    line = logged(api.log, f'"request_id":"{answer.headers["X-Request-Id"]}"')
    batch = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "counted"}
    events = [{"id": "1", "timestamp": 1794441600000, "message": line}]
    data = gzip.compress(json.dumps({**batch, "logEvents": events}).encode())
    invoke("MetricsFunction", {"awslogs": {"data": base64.b64encode(data).decode()}})

    assert invoke("MetricsFunction", {"do": "tally"})["requests"] >= 1
    assert invoke("MetricsFunction", {"do": "judge"})["judged"].keys() == {"doubled"}
    metrics = requests.get(f"{url}/metrics", timeout=60)
    assert 'hearth_requests_total{model="doubled",version="1",status="200"}' in metrics.text
    report = requests.get(f"{url}/reports/doubled", timeout=60).json()
    assert report["versions"][0]["traffic"]["requests"] >= 1
    page = requests.get(f"{url}/reports/doubled", headers={"Accept": "text/html"}, timeout=60)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "doubled" in page.text


def test_reconciling_what_is_right_changes_nothing(
    invoke: Invoke, warmed: dict[str, Any], aws: Aws
) -> None:
    """The schedule's event runs in health-check's container, and finds nothing to put right."""
    before = aws.s3.head_object(Bucket=BUCKET, Key="registry/doubled.json")["ETag"]
    invoke("HealthCheckFunction", {"do": "reconcile"})
    assert aws.s3.head_object(Bucket=BUCKET, Key="registry/doubled.json")["ETag"] == before


def test_optimize_finds_a_smaller_variant_in_its_container(
    aws: Aws, invoke: Invoke, tmp_path: Path
) -> None:
    """Candidates are made and measured in child processes, with what the four layers hold alone."""
    artefacts = Artefacts(S3Documents(BUCKET, aws.s3), S3Blobs(BUCKET, aws.s3))
    given = optimizing.source("digits_mlp", tmp_path)
    Publisher(artefacts, SystemClock()).publish(given)
    wish = {"version": 1, "objective": "size", "recipes": ["int8-dynamic-matmul"]}
    found = invoke("OptimizeFunction", {"do": "optimize", "model": "digits_mlp", **wish})
    assert (found["verdict"], found["published"]) == ("accepted", 2), found
    child = artefacts.manifest("digits_mlp", 2).manifest
    assert (
        child.model_file.size < 0.4 * artefacts.manifest("digits_mlp", 1).manifest.model_file.size
    )


def test_every_recipe_runs_on_what_the_layers_hold(
    aws: Aws, invoke: Invoke, tmp_path: Path
) -> None:
    """No recipe needs a package that this machine has and Lambda has not."""
    artefacts = Artefacts(S3Documents(BUCKET, aws.s3), S3Blobs(BUCKET, aws.s3))
    given = replace(optimizing.source("digits_conv", tmp_path), model="conv")
    Publisher(artefacts, SystemClock()).publish(given)
    wish = {"version": 1, "recipes": [name for name in NAMES if name != "fusion"]}
    invoke("OptimizeFunction", {"do": "optimize", "model": "conv", **wish})
    report = Searches(S3Documents(BUCKET, aws.s3), SystemClock()).find("conv", 1).report
    imports = [one for one in report.tried if "ModuleNotFoundError" in " ".join(one.reasons)]
    assert report.tried
    assert not imports, imports


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
    opt = merged(built, tmp_path / "opt", "CommonLayer", "RuntimeLayer", "OptimizerLayer")
    done = python_in_image(docker, opt, QUANTISE)
    assert done.returncode == 0, done.stderr


READ = """
import numpy, pybase64, simdjson
from hearth.domain.datatype import BY_NAME
from hearth.serving.numbers import Numbers
for text in (b"[[1, 2.5], [-3e2, 4]]", b"[" + b"0.125," * 9999 + b"7]"):
    numbers = Numbers(text).array(BY_NAME["FP32"])
    assert numbers is not None, "simdjson did not read it"
    assert numbers.tolist() == numpy.array(eval(text), "float32").tolist()
assert simdjson.__file__.startswith("/opt/"), simdjson.__file__
assert "C extension active" in pybase64.get_version(), pybase64.get_version()
"""


def test_large_bodies_are_read_by_compiled_code(built: Built, docker: str, tmp_path: Path) -> None:
    """Both fast readers have slow stand-ins that give the same numbers: they must not be used."""
    opt = merged(built, tmp_path / "opt", "CommonLayer", "RuntimeLayer")
    done = python_in_image(docker, opt, READ)
    assert done.returncode == 0, done.stderr


def merged(built: Built, opt: Path, *layers: str) -> Path:
    """Put layers into one folder, as Lambda does."""
    for name in layers:
        shutil.copytree(built.folder(name), opt, dirs_exist_ok=True)
    return opt


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

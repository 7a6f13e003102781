"""The real template, functions and layers on the local stack: over sockets, with real workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hearth.domain import registry_entry as entries
from hearth.domain.registry_entry import Actor, Policy
from hearth.domain.state import State
from hearth.publishing.publication import Publisher, Source
from hearth.stores.clock import SystemClock
from hearth_local import library, target
from hearth_local.cli import main
from hearth_local.http_call import Call, Reply, send
from hearth_local.stack import LocalStack
from hearth_local.target import Target
from hearth_local.waiting import wait_until_loaded
from support import models, zoo
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

ROOT = Path(__file__).parents[2]
ACTOR = Actor("test", "2026-11-23T00:00:00Z", "")
# HEARTH_REGISTRY_TTL_S in template.yaml.
REGISTRY_TTL_S = 5.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "template.yaml").symlink_to(ROOT / "template.yaml")
    with LocalStack(folder / "template.yaml", folder / ".hearth", schedules=False) as running:
        yield running


@pytest.fixture
def bundle(stack: LocalStack) -> Target:
    return target.find(stack.state_dir)


def times(factor: float, folder: Path) -> Path:
    """Return the file of a model that multiplies rows of two by a factor."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 21]>
        times (float[N,2] x) => (float[N,2] y)
        <float factor = {{{factor}}}>
        {{ y = Mul(x, factor) }}"""
    )
    path = folder / f"times-{factor}.onnx"
    onnx.save(model, path)
    return path


def publish(bundle: Target, name: str, path: Path, timeout_s: float = 60) -> tuple[int, Any]:
    publisher = Publisher(library.artefacts(bundle), SystemClock())
    number = publisher.publish(Source(name, path)).manifest.version
    return number, wait_until_loaded(library.registry(bundle), name, number, timeout_s)


def infer(bundle: Target, name: str) -> Reply:
    item = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    body = json.dumps({"inputs": [item]}).encode()
    return send(bundle, Call("POST", f"/v2/models/{name}/infer", body))


def test_promote_fails_or_mixes_no_request_and_is_seen_in_time(
    bundle: Target, tmp_path: Path
) -> None:
    """While `stable` moves, every request is answered, by one version, by the new one in time."""
    publish(bundle, "moving", times(10.0, tmp_path))
    registry = library.registry(bundle)
    registry.change("moving", lambda e: entries.set_policy(e, Policy("manual"), ACTOR))
    publish(bundle, "moving", times(20.0, tmp_path))
    seen: list[tuple[float, str, float]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            asked = time.monotonic()
            reply = infer(bundle, "moving")
            assert reply.status == 200, reply.body
            answer = reply.json()
            seen.append((asked, answer["model_version"], answer["outputs"][0]["data"][0]))

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    time.sleep(1)
    registry.change("moving", lambda e: entries.assign(e, "stable", {2: 1}, ACTOR))
    moved = time.monotonic()
    time.sleep(REGISTRY_TTL_S + 1.5)
    stop.set()
    for asker in askers:
        asker.join()
    assert {(version, value) for _, version, value in seen} == {("1", 10.0), ("2", 20.0)}
    late = [version for asked, version, _ in seen if asked > moved + REGISTRY_TTL_S + 0.5]
    assert late
    assert set(late) == {"2"}


def test_predictions_reach_the_bucket_as_records(bundle: Target, tmp_path: Path) -> None:
    """Each prediction's log line is delivered to metrics and kept once."""
    publish(bundle, "counted", times(2.0, tmp_path))
    for _ in range(7):
        assert infer(bundle, "counted").status == 200
    documents = library.documents(bundle)
    until = time.monotonic() + 20
    lines: list[bytes] = []
    while len(lines) < 7 and time.monotonic() < until:
        time.sleep(0.3)
        keys = [item.key for item in documents.list("records/counted/")]
        lines = [line for key in keys for line in documents.read(key).body.splitlines()]
    assert len(lines) == 7
    assert {json.loads(line)["status"] for line in lines} == {200}


def test_predictions_are_counted_in_statistics(bundle: Target, tmp_path: Path) -> None:
    """What predict answered, and what it refused, is what Triton's statistics say a tally later."""
    publish(bundle, "tallied", times(2.0, tmp_path))
    for _ in range(5):
        assert infer(bundle, "tallied").status == 200
    refused = Call("POST", "/v2/models/tallied/versions/1/infer", b'{"inputs": []}')
    assert send(bundle, refused).status == 400
    until = time.monotonic() + 20
    found: dict[str, Any] = {}
    while found.get("fail", {}).get("count") != 1 and time.monotonic() < until:
        time.sleep(0.3)
        answer = bundle.client("lambda").invoke(
            FunctionName=bundle.function("metrics"), Payload=b'{"do": "tally"}'
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
        [item] = send(bundle, Call("GET", "/v2/models/tallied/stats")).json()["model_stats"]
        found = item["inference_stats"]
    assert (found["success"]["count"], found["fail"]["count"]) == (5, 1)
    assert found["compute_infer"]["count"] == 5
    assert 0 < found["compute_infer"]["ns"] < found["success"]["ns"]


def test_new_version_is_looked_at_by_itself(bundle: Target, tmp_path: Path) -> None:
    """ "Version Available" begins a search; of a model that small it says that nothing can be gained."""
    publish(bundle, "plain", times(3.0, tmp_path))
    path = "/v2/repository/models/plain/optimize"
    until = time.monotonic() + 60
    while send(bundle, Call("GET", path)).status == 404 and time.monotonic() < until:
        time.sleep(0.2)
    while (report := send(bundle, Call("GET", path)).json())["state"] != "done":
        assert time.monotonic() < until, report
        time.sleep(0.2)
    assert (report["verdict"], report["published"]) == ("nothing to gain", 0), report


def test_tritonclient_gets_statistics(bundle: Target, tmp_path: Path) -> None:
    """tritonclient's own call for statistics is answered for a version, a model, and all of them."""
    publish(bundle, "counted", times(2.0, tmp_path))
    with InferenceServerClient(bundle.url.removeprefix("http://")) as client:
        whole = client.get_inference_statistics()
        model = client.get_inference_statistics("counted")
        version = client.get_inference_statistics("counted", "1")
        assert "statistics" in client.get_server_metadata()["extensions"]
        with pytest.raises(InferenceServerException, match="Could not find version 9"):
            client.get_inference_statistics("counted", "9")

    [item] = model["model_stats"]
    assert version == model
    assert item in whole["model_stats"]
    assert (item["name"], item["version"]) == ("counted", "1")
    assert item["memory_usage"][0]["type"] == "CPU"
    assert "while it proved the version" in item["source"]


def test_request_for_more_memory_than_there_is_fails_alone(bundle: Target, tmp_path: Path) -> None:
    """A model whose output takes more than the function's memory is a 503; the worker goes on."""
    path = tmp_path / "zeros.onnx"
    path.write_bytes(models.model(zoo.ZEROS).SerializeToString())
    publish(bundle, "zeros", path)
    statuses: list[int] = []
    for count in (10, 500_000_000, 10, 500_000_000, 10):  # two gigabytes, twice
        body = json.dumps({"inputs": [count]}).encode()
        statuses.append(send(bundle, Call("POST", "/v1/models/zeros:predict", body)).status)
    assert statuses == [200, 503, 200, 503, 200]


def test_load_that_needs_more_memory_than_there_is_ends_with_the_reason(tmp_path: Path) -> None:
    """A version that does not fit in memory ends as RESOURCE_EXHAUSTED; what served goes on."""
    with LocalStack(
        _small_memory(tmp_path), tmp_path / ".hearth", schedules=False, retry_delays_s=(0.2, 0.2)
    ) as stack:
        bundle = target.find(stack.state_dir)
        publish(bundle, "hungry", times(1.0, tmp_path))
        number, status = publish(bundle, "hungry", _hungry(tmp_path), timeout_s=90)
        assert (status.state, status.error_code) == (State.END, "RESOURCE_EXHAUSTED")
        assert "memory" in status.error_message
        assert number == 2
        assert infer(bundle, "hungry").json()["model_version"] == "1"


def _small_memory(folder: Path) -> Path:
    """Return the template with a load-and-warm of 700 MB."""
    text = (ROOT / "template.yaml").read_text()
    head, mark, tail = text.partition("  LoadAndWarmFunction:\n")
    before, size, after = tail.partition("MemorySize: 3008")
    assert mark
    assert size
    small = f"{head}{mark}{before}MemorySize: 700{after}"
    for name in ("functions", "layers", "infra"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "template.yaml").write_text(small)
    return folder / "template.yaml"


def _hungry(folder: Path) -> Path:
    """Return a file of a few hundred bytes that opens into 2.4 GB: folded constants."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        hungry (float[N,2] x) => (float[N,2] y)
        <int64[1] size = {600000000}, int64[1] zero = {0}>
        {
          large = ConstantOfShape (size)
          one = Gather <axis = 0> (large, zero)
          added = Add (x, one)
          y = Identity (added)
        }"""
    )
    path = folder / "hungry.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def hearth(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`hearth(*arguments)`: the command, run in the folder of the running stack."""
    monkeypatch.chdir(stack.state_dir.parent)

    def run(*arguments: str, text: str = "") -> Any:
        return CliRunner().invoke(main, list(arguments), input=text)

    return run


def test_commands_take_a_model_through_its_life(hearth: Callable[..., Any], tmp_path: Path) -> None:
    """publish, status, predict, promote, rollback, policy, unload and load do what they say."""
    done = hearth("publish", str(times(2.0, tmp_path)), "--name", "life", "--json")
    assert json.loads(done.output)["state"] == "AVAILABLE"
    again = hearth("publish", str(times(2.0, tmp_path)), "--name", "life")
    assert again.output.startswith("nothing new: these files are already life version 1")
    hearth("publish", str(times(4.0, tmp_path)), "--name", "life")
    assert json.loads(hearth("status", "life", "--json").output)["labels"] == {"stable": {"2": 1}}
    assert hearth("promote", "life", "1", "--weight", "25").output == "life: stable is 1:1, 2:3\n"
    assert hearth("rollback", "life").output == "life: stable is 2\n"
    asked = hearth("predict", "life", "--input", "-", text="[[1, 2]]")
    assert json.loads(asked.output) == {"predictions": [[4.0, 8.0]]}
    by_version = hearth("predict", "life", "--input", "-", "--version", "1", text="[[1, 2]]")
    assert json.loads(by_version.output) == {"predictions": [[2.0, 4.0]]}
    assert json.loads(hearth("policy", "life", "manual").output) == {
        "rollout": "manual",
        "optimize": "auto",
    }
    assert hearth("unload", "life").output == "life: unloaded\n"
    assert "END" in hearth("status", "life").output
    assert json.loads(hearth("load", "life").output)["load"] is True


def test_commands_follow_a_gradual_rollout(hearth: Callable[..., Any], tmp_path: Path) -> None:
    """The policy says how; status says how far it is and what it waits for; promote ends it."""
    hearth("publish", str(times(2.0, tmp_path)), "--name", "slow")
    said = json.loads(hearth("policy", "slow", "--steps", "25,50%", "--min-requests", "7").output)
    assert said == {
        "rollout": "gradual",
        "optimize": "auto",
        "gradual": {"steps": [25, 50], "step_minutes": 30, "min_requests": 7},
    }
    hearth("publish", str(times(4.0, tmp_path)), "--name", "slow")

    assert json.loads(hearth("status", "slow", "--json").output)["labels"]["stable"] == {
        "1": 3,
        "2": 1,
    }
    told = hearth("status", "slow").output
    assert "rollout: version 2 has 25% of stable since 2" in told
    assert "  wait: health-check has not looked at it yet" in told
    done = hearth("invoke", "health-check", "--event", "-", text='{"do": "reconcile"}')
    assert json.loads(done.output)["moved"] == []
    told = hearth("status", "slow").output
    assert "  wait: 0 requests in this step: 7 are asked for" in told
    assert "policy: rollout gradual (25%, 50%; 30 minutes, 7 requests each), optimize auto" in told

    assert hearth("promote", "slow", "2").output == "slow: stable is 2\n"
    assert "rollout: version" not in hearth("status", "slow").output
    assert hearth("policy", "slow", "manual", "--steps", "5").exit_code == 2
    assert "gradual" not in json.loads(hearth("policy", "slow", "manual").output)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["policy", "m", "--steps", "50,10"], "steps of a rollout are percents that rise"),
        (["policy", "m", "--min-requests", "-1"], "min_requests of a rollout"),
        (["status", "nobody"], "Servable not found for request: Latest(nobody)"),
        (["promote", "nobody", "1"], "Could not find version 1 of model nobody"),
        (["publish", "missing.onnx", "--name", "m"], "there is no file 'missing.onnx'"),
        (["publish", __file__, "--name", "m"], "does not parse as ONNX"),
        (["publish", __file__, "--name", "../m"], "model name is not valid"),
        (["predict", "nobody", "--input", "-"], "got"),
        (["optimize", "nobody"], "there is no version of 'nobody'"),
        (["invoke", "nobody"], "one of"),
    ],
)
def test_commands_say_in_one_line_what_is_wrong(
    hearth: Callable[..., Any], arguments: list[str], says: str
) -> None:
    """What a user can mend is one line on standard error with exit status 1, never a traceback."""
    done = hearth(*arguments)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert says in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_commands_without_a_stack_say_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where no stack runs, a command says so and names the command that starts one."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 1
    assert "hearth up" in done.output


def test_publish_takes_runtime_options_from_a_file(
    hearth: Callable[..., Any], bundle: Target, tmp_path: Path
) -> None:
    """What `--runtime` says stands in the manifest, and the version opens with it."""
    options = tmp_path / "runtime.json"
    options.write_text('{"intra_op_num_threads": 1, "graph_optimization_level": "basic"}')
    path = str(times(5.0, tmp_path))
    done = hearth("publish", path, "--name", "tuned", "--runtime", str(options), "--json")
    assert json.loads(done.output)["state"] == "AVAILABLE"
    runtime = library.artefacts(bundle).manifest("tuned", 1).manifest.runtime
    assert (runtime.intra_op_num_threads, runtime.graph_optimization_level) == (1, "basic")


def test_publish_takes_what_is_watched_from_a_file(
    hearth: Callable[..., Any], bundle: Target, tmp_path: Path
) -> None:
    """What `--monitoring` says stands in the manifest, and the command says what comes of it."""
    options = tmp_path / "monitoring.json"
    options.write_text('{"features": {"x": ["age", "income"]}, "masked": ["income"]}')
    np.savez(tmp_path / "rows.npz", x=np.float32([[20, 1000], [30, 2000]]))
    given = ("--monitoring", str(options), "--baseline", str(tmp_path / "rows.npz"))
    done = hearth("publish", str(times(6.0, tmp_path)), "--name", "watched", *given)
    assert (
        "watched: 2 features (capture all), 1 of them masked, judged as: regression" in done.output
    )
    assert "note: output 'y' is taken for a regression's 2 values" in done.output
    manifest = library.artefacts(bundle).manifest("watched", 1).manifest
    assert manifest.monitoring.features == ("age", "income")
    assert [file.path for file in manifest.of_role("baseline")] == ["baseline.json"]
    told = hearth("publish", str(times(6.0, tmp_path)), "--name", "watched", *given, "--json")
    assert json.loads(told.output)["monitoring"] == {
        "capture": "all",
        "features": 2,
        "task": "regression",
    }


def test_publish_names_every_wrong_field_of_a_monitoring_document(
    hearth: Callable[..., Any], tmp_path: Path
) -> None:
    """All of them in one line, so that one more try is enough."""
    options = tmp_path / "monitoring.json"
    options.write_text('{"capture": "everything", "sampled": 1, "max_bytes": "1"}')
    path = str(times(6.0, tmp_path))
    done = hearth("publish", path, "--name", "watched", "--monitoring", str(options))
    assert done.exit_code == 1
    assert all(name in done.output for name in ("capture", "sampled", "max_bytes"))

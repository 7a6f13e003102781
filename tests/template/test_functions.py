"""Each function's entry in the template gives it what its code needs, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hearth.edge import settings
from hearth_local.layer_view import Views, build
from hearth_local.template import Template

FUNCTIONS = {
    "predict": ["common", "runtime"],
    "load-and-warm": ["common", "runtime"],
    "health-check": ["common"],
    "metrics": ["common", "monitoring"],
    "optimize": ["common", "runtime", "optimizer", "monitoring"],
}
# -S: no .pth file may add to the path, which is the function's on Lambda and nothing else.
IMPORT = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[2])
module = importlib.import_module(sys.argv[1])
assert callable(module.handler)
print(json.dumps([getattr(m, "__file__", None) or "" for m in list(sys.modules.values())]))
"""


@pytest.fixture(scope="module")
def views(stack: Template, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """What lies in /opt/python for each layer: its own wheels, not all that is installed here."""
    return build(stack.layers, tmp_path_factory.mktemp("layers"))


@pytest.mark.parametrize("title", FUNCTIONS)
def test_function_imports_with_exactly_its_layers(
    stack: Template, views: Views, title: str
) -> None:
    """A function needs its own folder, its layers with their wheels, AWS's runtime, and no more."""
    function = stack.function(title)
    path = [str(folder) for folder in views.search_path(function.folder, function.layers)]
    module = function.handler.split(".")[0]
    command = [sys.executable, "-I", "-S", "-c", IMPORT, module, json.dumps(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{title} does not import with its layers: {done.stderr}"
    layers = stack.path.parent / "layers"
    loaded = [Path(file) for file in json.loads(done.stdout) if file.startswith(str(layers))]
    used = {file.relative_to(layers).parts[0] for file in loaded}
    assert used <= {layer.name for layer in function.layers}


def test_layers_of_each_function_are_the_dependency_table(stack: Template) -> None:
    """The template's Layers column is the one list of who depends on what."""
    found = {
        function.title: [layer.name for layer in function.layers] for function in stack.functions
    }
    assert found == FUNCTIONS


@pytest.mark.parametrize("title", FUNCTIONS)
def test_environment_holds_exactly_the_settings(stack: Template, title: str) -> None:
    """Every setting that the code reads is written down in the template, and no other."""
    environment = stack.function(title).environment
    ours = {name for name in environment if name.startswith("HEARTH_")}
    assert ours == settings.KEYS[title]
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    others = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "OPENBLAS_NUM_THREADS"}
    assert set(environment) == ours | others


@pytest.mark.parametrize("title", FUNCTIONS)
def test_environment_is_below_four_kilobytes(stack: Template, title: str) -> None:
    """Lambda takes 4 KB of environment a function, names and values together."""
    assert (
        sum(len(name) + len(value) for name, value in stack.function(title).environment.items())
        < 4096
    )


@pytest.mark.parametrize("title", FUNCTIONS)
def test_function_logs_as_json_to_a_group_of_its_own(
    stack: Template, written: dict[str, Any], title: str
) -> None:
    """Each log group is declared: encrypted, with a retention, named as Lambda would name it."""
    function = stack.function(title)
    assert (function.log_format, function.log_group) == ("JSON", f"/aws/lambda/hearth-{title}")
    name = written["Resources"][function.logical_id]["Properties"]["LoggingConfig"]["LogGroup"][
        "Ref"
    ]
    group = written["Resources"][name]["Properties"]
    assert group["KmsKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert group["RetentionInDays"] == {"Ref": "LogDays"}


def test_events_that_a_function_fails_on_are_kept(written: dict[str, Any]) -> None:
    """An event that fails to the end lands in an encrypted queue, whichever function it was for."""
    invoke = written["Globals"]["Function"]["EventInvokeConfig"]
    assert invoke["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
    (queue, _) = invoke["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"]
    assert written["Resources"][queue]["Properties"]["KmsMasterKeyId"] == {"Ref": "Key"}
    entries = [r for r in written["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
    assert all("EventInvokeConfig" not in entry["Properties"] for entry in entries)


def test_manifest_event_that_cannot_be_delivered_is_kept(written: dict[str, Any]) -> None:
    """The rule that starts load-and-warm retries, and has a dead-letter queue of its own."""
    rule = written["Resources"]["LoadAndWarmFunction"]["Properties"]["Events"]["ManifestCreated"]
    (queue, _) = rule["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
    assert written["Resources"][queue]["Properties"]["KmsMasterKeyId"] == {"Ref": "Key"}
    assert rule["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_entry_lists_its_parts_in_the_order_of_the_house(written: dict[str, Any]) -> None:
    """All entries read alike: code, handler, layers, memory, events, policies, environment."""
    order = ["CodeUri", "Handler", "Layers", "MemorySize", "Events", "Policies", "Environment"]
    for resource in written["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            assert [key for key in resource["Properties"] if key in order] == order


def test_each_function_is_watched_with_its_own_limits(written: dict[str, Any]) -> None:
    """Each function has its alarms, and they know its timeout and its reserved concurrency."""
    resources = written["Resources"]
    watched = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Application":
            given = resource["Properties"]["Parameters"]
            if "Function" not in given:
                continue  # models have theirs
            watched[given["Function"]["Ref"]] = (given["TimeoutS"], given["Concurrency"])
    assert watched == {
        name: (entry["Properties"]["Timeout"], entry["Properties"]["ReservedConcurrentExecutions"])
        for name, entry in resources.items()
        if entry["Type"] == "AWS::Serverless::Function"
    }

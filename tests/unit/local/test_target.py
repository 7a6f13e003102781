"""Commands find the stack that they work on."""

import os

import pytest
from hearth_local import state_file, target
from hearth_local.errors import NotRunning, UnknownFunction
from hearth_local.state_file import State


@pytest.fixture
def running(tmp_path):
    functions = {"load-and-warm": "hearth-load"}
    made = State(
        "http://127.0.0.1:1", "http://127.0.0.1:2", "b", "r", os.getpid(), "http://l", functions
    )
    state_file.write(tmp_path, made)
    return target.find(tmp_path)


def test_local_target_has_the_running_stacks_addresses(running):
    """What stack.json says is where clients go."""
    assert (running.url, running.bucket, running.is_local) == ("http://127.0.0.1:1", "b", True)
    client = running.client("s3")
    assert client.meta.endpoint_url == "http://127.0.0.1:2"
    client.close()


@pytest.mark.parametrize("name", ["load-and-warm", "hearth-load"])
def test_function_is_named_by_folder_or_by_lambda_name(running, name):
    """Either leads to the Lambda name."""
    assert running.function(name) == "hearth-load"


def test_unknown_function_is_an_error_that_lists_the_known(running):
    """The message shows what could have been meant."""
    with pytest.raises(UnknownFunction, match="load-and-warm"):
        running.function("nobody")


def test_no_stack_is_an_error_with_the_command_that_helps(tmp_path):
    """Without a running stack the message says how to start one."""
    with pytest.raises(NotRunning, match="hearth up"):
        target.find(tmp_path)


@pytest.mark.parametrize(
    ("logical_id", "title"),
    [("PredictFunction", "predict"), ("LoadAndWarmFunction", "load-and-warm"), ("X", "x")],
)
def test_title_is_the_folders_name(logical_id, title):
    """Deployed functions have the names of the local ones."""
    assert target.title(logical_id) == title

"""stack.json says where the running stack is, and only while it runs."""

import os

import pytest
from hearth_local import state_file
from hearth_local.errors import AlreadyRunning, NotRunning
from hearth_local.state_file import Lock, State


def state(pid):
    return State("http://u", "http://s", "b", "r", pid, "http://u", {"f": "hearth-f"})


def test_state_is_read_as_it_was_written(tmp_path):
    """What is written is what other commands read."""
    state_file.write(tmp_path, state(os.getpid()))
    assert state_file.read(tmp_path) == state(os.getpid())


@pytest.mark.parametrize("text", [None, "", "{", '{"url": 1}', "[]"])
def test_missing_or_broken_state_means_that_none_runs(tmp_path, text):
    """Whatever is wrong with the file, the message says what to do."""
    if text is not None:
        (tmp_path / "stack.json").write_text(text)
    with pytest.raises(NotRunning, match="hearth up"):
        state_file.read(tmp_path)


def test_state_of_a_process_that_has_gone_means_that_none_runs(tmp_path):
    """A stack that was killed could not clear up."""
    state_file.write(tmp_path, state(2**22 + 1))
    with pytest.raises(NotRunning):
        state_file.read(tmp_path)


def test_lock_is_taken_once(tmp_path):
    """A second stack is told of the first; after release the folder is free."""
    first, second = Lock(tmp_path), Lock(tmp_path)
    first.take()
    state_file.write(tmp_path, state(os.getpid()))
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        second.take()
    first.release()
    second.take()
    second.release()

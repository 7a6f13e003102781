"""Runtime options as a publisher writes them."""

from __future__ import annotations

import pytest
from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import RuntimeOptions
from hearth.edge.documents import read_runtime_options


def test_options_that_are_left_out_have_their_defaults():
    """An empty object is the defaults; what stands in it is taken as it is."""
    assert read_runtime_options(b"{}") == RuntimeOptions()
    given = read_runtime_options(b'{"session_config": {"session.disable_prepacking": "1"}}')
    assert given.session_config == {"session.disable_prepacking": "1"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not JSON.*write them as a JSON object"),
        (b"[]", "is not an object"),
        (b'{"threads": 2}', "no such runtime options.*threads.*intra_op_num_threads"),
        (b'{"intra_op_num_threads": "2"}', "intra_op_num_threads: Input should be a valid integer"),
        (b'{"session_config": {"a": 1}}', r"session_config\.a"),
    ],
)
def test_options_that_are_wrong_are_named(body: bytes, says: str):
    """What is wrong with a file of runtime options is said with its name."""
    with pytest.raises(InvalidDocument, match=says):
        read_runtime_options(body)

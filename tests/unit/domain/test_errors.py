"""The exception tree: its drawing, its words and its codes."""

from __future__ import annotations

import re

from hearth.domain import errors
from hearth.domain.errors import BadRequest, HearthError


def tree(kind: type[HearthError], depth: int = 0) -> list[tuple[int, str]]:
    below = [item for child in kind.__subclasses__() for item in tree(child, depth + 1)]
    ours = kind.__module__ == errors.__name__
    return [(depth, kind.__name__), *below] if ours else below


def test_drawing_at_the_top_is_the_tree():
    """The drawing in the module names every class, at its place."""
    drawn = [
        (len(match[1]) // 4, match[2])
        for match in re.finditer(
            r"^((?:│   |├── |└── |    )*)(\w+)(?= {2,}\S|$)", errors.__doc__, re.MULTILINE
        )
        if match[2] in vars(errors)
    ]
    assert sorted(drawn) == sorted(tree(HearthError))


def test_message_says_what_got_expected_remedy():
    """A message names the thing, what it was, what it should be and what to do, in that order."""
    error = BadRequest("input 'x' has rank 1", got=[4], expected=[-1, 4], remedy="send rows")
    assert str(error) == "input 'x' has rank 1: got [4], expected [-1, 4]; send rows"


def test_message_leaves_out_what_is_not_known():
    """A part that has nothing to say leaves no punctuation behind."""
    assert str(BadRequest("no")) == "no"
    assert str(BadRequest("no", got=0)) == "no: got 0"
    assert str(BadRequest("no", remedy="do")) == "no; do"


def test_message_does_not_grow_with_the_evidence():
    """Evidence is cut: an error never repeats a megabyte of what was sent."""
    assert len(str(BadRequest("no", got="x" * 10**6, expected="y" * 10**6))) < 600


def test_every_error_has_a_canonical_code():
    """A registry entry stores the code: each class has one of gRPC's."""
    codes = {
        *("UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED"),
        *("UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED"),
        *("OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    }
    kinds = [getattr(errors, name) for _, name in tree(HearthError)]
    assert {kind.code for kind in kinds} <= codes
    assert [kind.__name__ for kind in kinds if kind.code == "UNKNOWN"] == ["HearthError"]

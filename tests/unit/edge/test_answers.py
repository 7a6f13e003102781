"""Answers as payload-format-2.0 responses."""

from __future__ import annotations

import base64
import json

import pytest
from hearth.edge.answers import Answer, of_json, render


def test_render_gives_text_as_it_is() -> None:
    """A body that is text goes unchanged, and says that it is JSON unless told otherwise."""
    assert render(Answer(200, "größe".encode())) == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": "größe",
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("body", [b"", b"\xff\0\xfe", b"text"])
def test_render_gives_bytes_in_base64(body: bytes) -> None:
    """A body that is binary goes in base64, whatever its bytes are."""
    rendered = render(Answer(200, body, {"Content-Type": "application/octet-stream"}, binary=True))

    assert rendered["isBase64Encoded"] is True
    assert base64.b64decode(rendered["body"], validate=True) == body
    assert rendered["headers"] == {"Content-Type": "application/octet-stream"}


def test_rendered_answers_are_json() -> None:
    """What is rendered can be sent as an invoke's result."""
    for answer in (of_json(404, {"error": "é\ud800"}), Answer(200, b"\xff", binary=True)):
        assert json.loads(json.dumps(render(answer))) == render(answer)


def test_answers_do_not_share_their_headers() -> None:
    """What one answer says of itself, no other does."""
    first, second = Answer(200), Answer(200)
    dict(first.headers)["X"] = "y"

    assert render(first)["headers"] is not render(second)["headers"]
    assert second.headers == {"Content-Type": "application/json"}

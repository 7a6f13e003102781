"""Names: what can be one, and what never can."""

from __future__ import annotations

import pytest
from hearth.domain.errors import InvalidName
from hearth.domain.identity import digest, label, model_name, version


@pytest.mark.parametrize("text", ["a", "9", "digits", "A.b_c-d", "x" * 128, "v1.2.3"])
def test_model_name_accepts_names(text):
    """Letters, digits, dot, underscore and dash make a name, up to 128 of them."""
    assert model_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", ".a", "-a", "_a", "a/b", "../a", "a\\b", "a b", "a\n", "é", "a\0", "a:b"),
        "x" * 129,
    ],
)
def test_model_name_refuses_what_could_be_a_path_or_a_verb(text):
    """A name is never a path, never hidden, never carries a colon or an end of line."""
    with pytest.raises(InvalidName, match="model name is not valid"):
        model_name(text)


def test_label_refuses_a_number():
    """A label that is all digits could be taken for a version."""
    assert label("canary-2") == "canary-2"
    with pytest.raises(InvalidName):
        label("2")


@pytest.mark.parametrize("text", ["", "canary/2", "-", "ä"])
def test_label_refuses_what_is_no_name(text):
    """A label has the characters of a model's name."""
    with pytest.raises(InvalidName):
        label(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("00012", 12), (7, 7), (str(2**63 - 1), 2**63 - 1)]
)
def test_version_accepts_positive_64_bit_integers(text, number):
    """A version is a positive integer that a signed 64-bit number holds; zeros in front do no harm."""
    assert version(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.0", "abc", "١", "²", " 1", "1e3", 2**63, True, None, "9" * 5000]
)
def test_version_refuses_everything_else(text):
    """Neither zero, signs, other scripts' digits nor numbers beyond 64 bits are versions."""
    with pytest.raises(InvalidName):
        version(text)


def test_version_keeps_its_message_short():
    """What the caller sent never makes the message grow."""
    with pytest.raises(InvalidName) as caught:
        version("9" * 100_000)
    assert len(str(caught.value)) < 300


def test_digest_accepts_lower_case_sha256_alone():
    """A digest names a blob: one spelling only."""
    assert digest("a" * 64)
    for text in ("A" * 64, "a" * 63, "a" * 65, "g" * 64, "a" * 64 + "\n"):
        with pytest.raises(InvalidName):
            digest(text)

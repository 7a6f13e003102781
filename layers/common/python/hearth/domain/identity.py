"""Names: parsed once at the edge, trusted afterwards."""

from __future__ import annotations

import re
from typing import NewType

from hearth.domain.errors import InvalidName

ModelName = NewType("ModelName", str)
Label = NewType("Label", str)
Version = NewType("Version", int)
Digest = NewType("Digest", str)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST = r"[0-9a-f]{64}"
INT64_MAX = 2**63 - 1

STABLE = Label("stable")


def model_name(text: str) -> ModelName:
    """Return `text` as a model's name, which can never be a path.

    Raises:
        InvalidName: If it is not `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.

    Example:
        >>> model_name("digits")
        'digits'
        >>> model_name("../etc")
        Traceback (most recent call last):
        hearth.domain.errors.InvalidName: model name is not valid: got '../etc', ...
    """
    if not NAME.fullmatch(text):
        raise InvalidName(
            "model name is not valid",
            got=repr(text),
            expected="1 to 128 letters, digits, '.', '_' or '-', the first a letter or digit",
        )
    return ModelName(text)


def label(text: str) -> Label:
    """Return `text` as a label: the same characters as a model's name, and not a number.

    Raises:
        InvalidName: If it is not a name, or is all digits and could be taken for a version.
    """
    if not NAME.fullmatch(text) or text.isdigit():
        raise InvalidName(
            "label is not valid",
            got=repr(text),
            expected="1 to 128 letters, digits, '.', '_' or '-', not all digits",
        )
    return Label(text)


def version(text: str | int) -> Version:
    """Return `text` as a version: a positive 64-bit integer.

    Raises:
        InvalidName: If it is not one.

    Example:
        >>> version("00012")
        12
    """
    digits = str(text)
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 40 else 0
    if not 0 < number <= INT64_MAX:
        raise InvalidName(
            f"Failed to convert version: {digits[:64]} to numeric",
            expected="an integer from 1 to 9223372036854775807",
        )
    return Version(number)


def digest(text: str) -> Digest:
    """Return `text` as a SHA-256 in lower-case hexadecimal.

    Raises:
        InvalidName: If it is not 64 lower-case hexadecimal digits.
    """
    if not re.fullmatch(_DIGEST, text):
        raise InvalidName("digest is not a SHA-256", got=repr(text), expected="64 hex digits")
    return Digest(text)

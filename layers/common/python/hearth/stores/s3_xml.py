"""S3's XML, as far as Hearth reads it: elements of text in one element, or in many of a kind.

No parser of XML is imported for it: that takes as long as three of the answers that a start reads.
"""

from __future__ import annotations

import re

_LEAF = re.compile(r"<(\w+)>([^<>]*)</\1>|<(\w+)/>")
_ENTITY = r"&(#x[0-9a-fA-F]+|#[0-9]+|\w+);"
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def rows(body: bytes, name: str) -> list[dict[str, str]]:
    """Return the text of each element's children, for each element of a name.

    Raises:
        ValueError: If it is no document, or breaks off.

    Example:
        >>> rows(b"<Error><Code>NoSuchKey</Code><Key>a</Key></Error>", "Error")
        [{'Code': 'NoSuchKey', 'Key': 'a'}]
    """
    text = body.decode().strip()
    # A document ends with the element that it begins with.
    last = text.rpartition("</")[2]
    root = last.removesuffix(">").strip()
    if not root or not last.endswith(">") or not re.search(rf"<{re.escape(root)}[\s>]", text):
        raise ValueError(f"not XML: {text[:60]!r}")
    inside = re.findall(rf"<{name}(?:\s[^>]*)?>(.*?)</{name}>", text, re.DOTALL)
    return [
        {tag or empty: _plain(value) for tag, value, empty in _LEAF.findall(element)}
        for element in inside
    ]


def _plain(text: str) -> str:
    return re.sub(_ENTITY, _character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    entity = match[1]
    if entity.startswith("#"):
        return chr(int(f"0{entity[1:]}", 16) if entity[1] == "x" else int(entity[1:]))
    return _NAMED.get(entity, match[0])

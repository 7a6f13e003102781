"""S3's XML, as far as Hearth reads it."""

from __future__ import annotations

from typing import Any


def rows(body: bytes, name: str) -> list[dict[str, str]]:
    """Return the text of each element's children, for each element of a name.

    Raises:
        ValueError: If it is not XML.

    Example:
        >>> rows(b"<Error><Code>NoSuchKey</Code><Key>a</Key></Error>", "Error")
        [{'Code': 'NoSuchKey', 'Key': 'a'}]
    """
    # A third of ElementTree's import, and most starts read no XML at all.
    from xml.parsers import expat

    found: list[dict[str, str]] = []
    text: list[str] = []
    inside = False

    def start(tag: str, _attributes: Any) -> None:  # noqa: ANN401
        nonlocal inside
        if tag == name:
            inside = True
            found.append({})
        text.clear()

    def end(tag: str) -> None:
        nonlocal inside
        if tag == name:
            inside = False
        elif inside:
            found[-1][tag] = "".join(text)
        text.clear()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError(f"not XML: {error}") from error
    return found

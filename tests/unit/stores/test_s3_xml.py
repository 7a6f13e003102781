"""S3's XML is read as a parser of XML reads it."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hearth.stores.s3_xml import rows
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\r\ufffe\uffff"), max_size=20
)
QUOTES = {'"': "&quot;"}
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["Key", "Size", "ETag", "LastModified"]), TEXTS, max_size=4)
)


@given(ROWS, st.booleans())
def test_elements_are_those_that_a_parser_finds(written: list[dict[str, str]], short: bool) -> None:
    """Any texts come back from any elements, escaped or empty."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<List xmlns="http://s3.test/doc/2006-03-01/">'
    for row in written:
        leaves = (
            f"<{name}/>" if short and not value else f"<{name}>{escape(value, QUOTES)}</{name}>"
            for name, value in row.items()
        )
        text += f"<Contents>{''.join(leaves)}</Contents>"
    text += "<IsTruncated>false</IsTruncated></List>\n"
    space = "{http://s3.test/doc/2006-03-01/}"
    parsed = [
        {leaf.tag.removeprefix(space): leaf.text or "" for leaf in element}
        for element in ET.fromstring(text)
        if element.tag == f"{space}Contents"
    ]

    assert rows(text.encode(), "Contents") == written == parsed


def test_numbered_characters_are_read() -> None:
    """Characters may be written as their numbers."""
    assert rows(b"<E><R><K>&#233;&#xe9;&amp;lt;&odd;</K></R></E>", "R") == [{"K": "éé&lt;&odd;"}]


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"{}", b"<A>", b"<A></B>", b"</A>", b"\xff<A></A>", b"<html>oops"],
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    """What is not XML, or breaks off, is an error."""
    with pytest.raises(ValueError, match=r"."):
        rows(body, "A")

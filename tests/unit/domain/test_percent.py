"""Percent-encoding is the standard library's, and as the signature wants it."""

from __future__ import annotations

from urllib.parse import quote, unquote

from hearth.domain.percent import decoded, encoded
from hypothesis import given
from hypothesis import strategies as st

# Whatever has UTF-8: half a surrogate pair has none.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_text_is_encoded_as_the_standard_library_does(text: str) -> None:
    """Everything but letters, digits and `-._~` is escaped; slashes where they do not separate."""
    assert encoded(text) == quote(text, safe="-._~")
    assert encoded(text, slashes=True) == quote(text, safe="/-._~")


@given(TEXT)
def test_what_was_encoded_comes_back(text: str) -> None:
    """Decoding undoes encoding, of any text."""
    assert decoded(encoded(text)) == decoded(encoded(text, slashes=True)) == text


@given(st.text("%2fF/a+é", max_size=12))
def test_text_is_decoded_as_the_standard_library_does(text: str) -> None:
    """Signs that escape nothing stay, and bytes that are no UTF-8 become U+FFFD."""
    assert decoded(text) == unquote(text)

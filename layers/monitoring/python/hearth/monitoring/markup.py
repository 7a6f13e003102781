"""HTML that is safe by construction: whatever is not `Html` already is escaped.

Names of models, features, classes and slices come from outside. None of them can open an element
or leave an attribute; what cannot be seen, or turns the reading direction, is written as its code.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape

_VOID = frozenset(("br", "hr", "meta", "link"))
# Cc and Cf hold the controls and the bidirectional overrides, Zl and Zp line ends of their own,
# Cs halves of surrogate pairs, Cn what is no character.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Cn", "Zl", "Zp"))
_MOST = 120


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Content = str | int | None | Iterable["Content"]


def element(tag: str, *content: Content, **attributes: str | float | bool | None) -> Html:
    """Return an element.

    Args:
        tag: Its name, never from outside.
        content: Text is escaped; None is nothing; a list is its items one after another.
        attributes: An underscore at the end is left out (`class_`), others become hyphens; None
            and False leave the attribute out, True writes it without a value.

    Example:
        >>> element("p", "a < b", element("b", "!"), class_="x", title=None)
        '<p class="x">a &lt; b<b>!</b></p>'
    """
    opening = f"<{tag}{''.join(map(_attribute, attributes.items()))}>"
    return Html(opening if tag in _VOID else f"{opening}{text(content)}</{tag}>")


def _attribute(item: tuple[str, str | float | bool | None]) -> str:
    name, value = item
    if value is None or value is False:
        return ""
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)))}"'


def text(content: Content) -> Html:
    """Return content as markup: what is not `Html` is escaped."""
    if content is None:
        return Html()
    if isinstance(content, Html):
        return content
    if isinstance(content, str | int):
        return Html(escape(visible(str(content))))
    return Html("".join(map(text, content)))


def visible(value: str) -> str:
    r"""Return text with a code for what cannot be seen, shows nothing, or is no character.

    Example:
        >>> visible("a\x1b[31m\n\u202eb")
        'a\\u001b[31m\\u000a\\u202eb'
    """
    if value.isascii() and value.isprintable():
        return value
    return "".join(
        f"\\u{ord(sign):04x}" if unicodedata.category(sign) in _UNSEEN else sign for sign in value
    )


def short(value: str, most: int = _MOST) -> str:
    """Return text of at most so many signs: of a longer one, both ends.

    Example:
        >>> short("abcdefghij", 5)
        'ab…ij'
    """
    if len(value) <= most:
        return value
    half = (most - 1) // 2
    return f"{value[: most - 1 - half]}…{value[-half:]}"


def name(value: str, most: int = _MOST) -> Html:
    """Return a name from outside, set apart in its own reading direction."""
    return element("bdi", short(value, most) or "(no name)")


def document(title: str, style: str, policy: str, body: Html) -> str:
    """Return a whole page that needs nothing beside it.

    Args:
        title: Text.
        style: Its style sheet.
        policy: Its Content-Security-Policy, for where it is opened as a file.
        body: The body element.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("title", title),
        element("style", Html(style)),
    )
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"

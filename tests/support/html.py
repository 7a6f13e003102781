"""HTML read strictly: what is not well nested, not known or not allowed where it stands is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("br", "hr", "meta", "link"))
# What each element may hold; None: any phrasing content and text.
_PHRASING = frozenset(("a", "bdi", "br", "small", "span", "strong", "svg"))
_FLOW = _PHRASING | frozenset(
    (
        "article",
        "details",
        "div",
        "dl",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "nav",
        "ol",
        "p",
        "section",
        "table",
        "ul",
    )
)
_DRAWN = frozenset(("circle", "path", "text"))
CONTENT = {
    "html": frozenset(("head", "body")),
    "head": frozenset(("meta", "style", "title")),
    "body": frozenset(("footer", "header", "main")),
    **dict.fromkeys(("article", "div", "footer", "header", "li", "main", "nav", "section", "td", "dd"), _FLOW),
    **dict.fromkeys(("a", "bdi", "caption", "dt", "h1", "h2", "h3", "h4", "p", "small", "span", "strong", "th"), _PHRASING),
    "details": _FLOW | {"summary"},
    "dl": frozenset(("div", "dt", "dd")),
    "figure": _FLOW | {"figcaption"},
    "figcaption": _FLOW,
    **dict.fromkeys(("ol", "ul"), frozenset(("li",))),
    "summary": _PHRASING | {"h2", "h3", "h4"},
    "svg": _DRAWN,
    "table": frozenset(("caption", "thead", "tbody")),
    **dict.fromkeys(("thead", "tbody"), frozenset(("tr",))),
    "tr": frozenset(("th", "td")),
    **dict.fromkeys(("circle", "meta", "path", "style", "text", "title"), frozenset()),
}  # fmt: skip
_NO_TEXT = frozenset(
    (
        "circle",
        "dl",
        "head",
        "html",
        "meta",
        "ol",
        "path",
        "svg",
        "table",
        "tbody",
        "thead",
        "tr",
        "ul",
    )
)
_GLOBAL = frozenset(
    ("aria-hidden", "aria-label", "aria-labelledby", "class", "id", "role", "tabindex")
)
ATTRIBUTES = {
    "a": {"href"}, "circle": {"cx", "cy", "r"}, "details": {"open"}, "html": {"lang"}, "ol": {"start"},
    "meta": {"charset", "content", "http-equiv", "name"}, "path": {"d"}, "text": {"x", "y"}, "td": {"colspan"}, "th": {"scope"},
    "svg": {"viewbox", "preserveaspectratio", "focusable"},
}  # fmt: skip
# In a `dl`, a `div` holds terms; and so it may do nowhere else.
_TERMS = frozenset(("dt", "dd"))


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def all(self, *tags: str) -> Iterator[Element]:
        """Yield the elements of these tags inside, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def one(self, tag: str) -> Element:
        (found,) = self.all(tag)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.stack = [self.root]
        self.faults: list[str] = []

    def handle_decl(self, decl: str) -> None:
        self._require(decl == "DOCTYPE html" and not self.root.children, f"declares {decl!r}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data[:40]!r}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data[:40]!r}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"declares {data[:40]!r}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parent = self.stack[-1].tag
        allowed = CONTENT.get(parent, frozenset(("html",)))
        if parent == "div" and self.stack[-2].tag == "dl":
            allowed = _TERMS
        self._require(tag in allowed, f"<{tag}> in <{parent}>")
        names = [name for name, _ in attrs]
        known = _GLOBAL | ATTRIBUTES.get(tag, set())
        self._require(set(names) <= known, f"<{tag}> with {sorted(set(names) - known)}")
        self._require(len(names) == len(set(names)), f"<{tag}> has an attribute twice")
        made = Element(tag, dict(attrs))
        self.stack[-1].children.append(made)
        if tag not in VOID:
            self.stack.append(made)

    def handle_endtag(self, tag: str) -> None:
        if self._require(self.stack[-1].tag == tag, f"</{tag}> ends <{self.stack[-1].tag}>"):
            self.stack.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._require(
                self.stack[-1].tag not in _NO_TEXT, f"{data[:40]!r} in <{self.stack[-1].tag}>"
            )
        self.stack[-1].children.append(data)

    def _require(self, holds: bool, fault: str) -> bool:
        if not holds:
            self.faults.append(fault)
        return holds


def read(text: str) -> tuple[Element, list[str]]:
    """Return a page's `html` element, and what is wrong with it as HTML."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if len(reader.stack) > 1:
        reader.faults.append(f"<{reader.stack[-1].tag}> does not end")
    page = reader.root.one("html")
    return page, reader.faults + _reference_faults(page)


def _reference_faults(page: Element) -> list[str]:
    elements = list(page.all())
    ids = [e.attributes["id"] for e in elements if "id" in e.attributes]
    wanted = [
        e.attributes["aria-labelledby"] for e in elements if "aria-labelledby" in e.attributes
    ]
    links = [e.attributes["href"] or "" for e in elements if "href" in e.attributes]
    faults = [f"id {i!r} twice" for i in ids if ids.count(i) > 1]
    faults += [f"no id {i!r}" for i in wanted if i not in ids]
    faults += [f"link to {to!r}" for to in links if to[:1] != "#" or to[1:] not in ids]
    levels = [int(e.tag[1]) for e in elements if e.tag in ("h1", "h2", "h3", "h4")]
    faults += [f"h{a} before h{b}" for a, b in zip([0, *levels], levels, strict=False) if b - a > 1]
    for table in page.all("table"):
        widths = {
            sum(int(c.attributes.get("colspan") or 1) for c in row.all("th", "td"))
            for row in table.all("tr")
        }
        faults += [f"rows of {sorted(widths)} cells"] if len(widths) > 1 else []
    return faults

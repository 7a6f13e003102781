"""The page of a search in a real browser: `make browser`. Pictures are left in .hearth/browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import chromium, report_server, reporting, searching
from support.report_server import Searches

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / ".hearth" / "browser"
REPORTS = ("encoder", "running", "begun", "refused", "unlabelled", "nothing", "tiny")
WIDTHS = (320, 400, 1280)
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
# Elements that reach beyond the window's right side, those in a box that scrolls by itself aside.
OVERFLOWING = """[...document.body.querySelectorAll('*')].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll > *')
).map(e => e.outerHTML.slice(0, 120))"""
# Words of drawings shrink with them: what they measure on the screen.
SMALLEST_IN_DRAWINGS = """Math.min(...[...document.querySelectorAll('svg text')].map(
    e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a))"""
SMALLEST_TEXT = """Math.min(...[...document.body.querySelectorAll('*:not(svg *)')].map(
    e => parseFloat(getComputedStyle(e).fontSize)))"""
# Words of one drawing that lie on each other.
COLLIDING = """[...document.querySelectorAll('svg.front')].flatMap(svg => {
    const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) =>
        p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3
    ).map(([b]) => a + ' and ' + b));
})"""
# Words that leave their drawing on the right, where the next one begins.
LEAVING = """[...document.querySelectorAll('svg.front')].flatMap(svg =>
    [...svg.querySelectorAll('text')].filter(
        t => t.getBoundingClientRect().right > svg.getBoundingClientRect().right + 8
    ).map(t => t.textContent))"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    reports = {name: [getattr(searching, name)()] for name in (*REPORTS, "wide")}
    hostile = reporting.refilled(
        searching.encoder(),
        ("<img src=x onerror=alert(1)>", "</style><script>alert(2)</script>", 'a" b'),
    )
    reports["hostile"] = [replace(hostile, state="done")]
    with report_server.searching(Searches(reports)) as made:
        yield f"{made}/v2/repository/models"


def place(url: str, report: str) -> str:
    return f"{url}/{report}/optimize?format=html"


@pytest.fixture(scope="module")
def tab() -> Iterator[chromium.Tab]:
    found = chromium.program()
    if found is None:
        pytest.skip("no Chromium here")
    with chromium.tab(found) as made:
        yield made


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", REPORTS)
def test_page_fits_its_window(tab: chromium.Tab, url: str, report: str, width: int) -> None:
    """At no width does the page scroll sideways, with everything folded and with nothing."""
    tab.open(place(url, report))
    tab.show(width)
    for unfold in ("0", OPEN_ALL):
        tab.run(unfold)
        assert tab.run(OVERFLOWING) == []
        assert tab.run("document.documentElement.scrollWidth") <= width
        name = f"search-{report}-{width}{'-open' if unfold != '0' else ''}.png"
        tab.picture(PICTURES / name)


@pytest.mark.parametrize("width", WIDTHS)
def test_words_are_large_enough(tab: chromium.Tab, url: str, width: int) -> None:
    """No text is smaller than 12 pixels; in drawings, which shrink on a phone, than 11."""
    tab.open(place(url, "encoder"))
    tab.show(width)
    tab.run(OPEN_ALL)
    assert tab.run(SMALLEST_TEXT) >= 11.9
    assert tab.run(SMALLEST_IN_DRAWINGS) >= 11


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", ["encoder", "refused", "running", "tiny", "wide"])
def test_words_of_drawings_stand_apart(
    tab: chromium.Tab, url: str, report: str, width: int
) -> None:
    """No label of a chart lies on another, and none leaves its chart."""
    tab.open(place(url, report))
    tab.show(width)
    assert tab.run(COLLIDING) == []
    assert tab.run(LEAVING) == []


@pytest.mark.parametrize("report", [*REPORTS, "wide", "hostile"])
def test_page_asks_for_nothing_and_complains_of_nothing(
    tab: chromium.Tab, url: str, report: str
) -> None:
    """Nothing but the page itself is fetched, and its own policy refuses nothing in it."""
    tab.open(place(url, report))
    assert tab.run("getComputedStyle(document.body).maxWidth") != "none"  # the style is let in
    assert [asked for asked in tab.asked if asked != place(url, report)] == []
    assert tab.complaints == []


@pytest.mark.parametrize(
    ("scheme", "grey"), [("light", False), ("dark", False), ("light", True), ("dark", True)]
)
@pytest.mark.parametrize("width", [400, 1280])
def test_colour_scheme_is_followed(
    tab: chromium.Tab, url: str, width: int, scheme: str, *, grey: bool
) -> None:
    """The paper is light or dark as the reader has it."""
    tab.open(place(url, "encoder"))
    tab.show(width, scheme, grey=grey)
    paper = tab.run("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(json.loads(f"[{paper[4:-1]}]")) > 3 * 128) == (scheme == "light")
    tab.picture(PICTURES / f"search-encoder-{width}-{scheme}{'-grey' if grey else ''}.png")


def test_printed_page_is_unfolded(tab: chromium.Tab, url: str) -> None:
    """On paper nothing is folded."""
    tab.open(place(url, "encoder"))
    tab.show(1280)
    tall = tab.run("document.documentElement.scrollHeight")
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run("document.documentElement.scrollHeight") > tall + 500
    tab.picture(PICTURES / "search-encoder-print.png")


def test_screen_reader_hears_the_verdict_first(tab: chromium.Tab, url: str) -> None:
    """The first heading of the accessibility tree is the verdict; every box that scrolls has a name."""
    tab.open(place(url, "encoder"))
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    heard = [n for n in nodes if n.get("role", {}).get("value") == "heading"]
    assert heard[0]["name"]["value"].strip() == "encoder version 3 has a faster variant: version 4"
    unnamed = [
        n for n in nodes if n.get("role", {}).get("value") == "region" and not n["name"]["value"]
    ]
    assert unnamed == []

"""The report page in a real browser: `make browser`. Pictures of it are left in .hearth/browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import chromium, report_server, reporting

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / ".hearth" / "browser"
REPORTS = ("digits", "well", "unused", "provisional")
WIDTHS = (320, 768, 1280)
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"

# Elements that reach beyond the window's right side, those in a box that scrolls by itself aside.
OVERFLOWING = """[...document.body.querySelectorAll('*')].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll > *')
).map(e => e.outerHTML.slice(0, 120))"""
# Text that has no place on the page, or lies under something that cuts it off.
HIDDEN = """[...document.body.querySelectorAll('*')].filter(e => {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) return false;
    if (e.tagName == 'CAPTION') return false;  // said by the box's label
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    const cut = !e.closest('.scroll') && e.scrollWidth > e.clientWidth + 1 && style.display != 'inline';
    return !box.width || !box.height || style.visibility != 'visible' || cut;
}).map(e => e.outerHTML.slice(0, 120))"""
SMALLEST_TEXT = """Math.min(...[...document.body.querySelectorAll('*')].map(
    e => parseFloat(getComputedStyle(e).fontSize)))"""
FOCUS = """[...document.querySelectorAll('a[href], summary, [tabindex]')]
    .filter(e => e.checkVisibility()).length"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    reports = {name: getattr(reporting, name)() for name in (*REPORTS, "wide")}
    reports["hostile"] = reporting.refilled(
        reporting.digits(),
        ("<img src=x onerror=alert(1)>", "</style><script>alert(2)</script>", 'a" b'),
    )
    with report_server.serving(reports) as made:
        yield f"{made}/reports"


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
    tab.open(f"{url}/{report}")
    tab.show(width)
    for unfold in ("0", OPEN_ALL):
        tab.run(unfold)
        assert tab.run(OVERFLOWING) == []
        assert tab.run("document.documentElement.scrollWidth") <= width
        tab.picture(PICTURES / f"{report}-{width}{'-open' if unfold != '0' else ''}.png")


@pytest.mark.parametrize("width", WIDTHS)
def test_all_text_is_visible(tab: chromium.Tab, url: str, width: int) -> None:
    """Unfolded, no text is cut off, without a place, or smaller than 12 pixels."""
    tab.open(f"{url}/digits")
    tab.show(width)
    tab.run(OPEN_ALL)
    assert tab.run(HIDDEN) == []
    assert tab.run(SMALLEST_TEXT) >= 12


@pytest.mark.parametrize("report", [*REPORTS, "wide", "hostile"])
def test_page_asks_for_nothing_and_complains_of_nothing(
    tab: chromium.Tab, url: str, report: str
) -> None:
    """Nothing but the page itself is fetched, and its own policy refuses nothing in it."""
    tab.open(f"{url}/{report}")
    assert tab.run("getComputedStyle(document.body).maxWidth") != "none"  # the style is let in
    assert [place for place in tab.asked if place != f"{url}/{report}"] == []
    assert tab.complaints == []


def test_policy_lets_no_script_run(tab: chromium.Tab, url: str) -> None:
    """A script that came into the page all the same does nothing: the policy refuses it."""
    tab.open(f"{url}/digits")
    tab.run("""{const s = document.createElement('script'); s.textContent = 'window.ran = 1';
        document.body.append(s); document.body.insertAdjacentHTML('beforeend', '<p style="color:red">')}""")
    assert tab.run("window.ran || 0") == 0
    assert any("Content Security Policy" in said for said in tab.complaints)


@pytest.mark.parametrize(
    ("scheme", "grey"), [("light", False), ("dark", False), ("light", True), ("dark", True)]
)
def test_colour_scheme_is_followed(tab: chromium.Tab, url: str, scheme: str, *, grey: bool) -> None:
    """The paper is light or dark as the reader has it."""
    tab.open(f"{url}/digits")
    tab.show(1280, scheme, grey=grey)
    paper = tab.run("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(json.loads(f"[{paper[4:-1]}]")) > 3 * 128) == (scheme == "light")
    tab.picture(PICTURES / f"digits-1280-{scheme}{'-grey' if grey else ''}.png")


def test_printed_page_is_light_and_unfolded(tab: chromium.Tab, url: str) -> None:
    """On paper nothing is folded, whatever the reader's scheme."""
    tab.open(f"{url}/digits")
    tab.show(1280, "dark")
    tall = tab.run("document.documentElement.scrollHeight")
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert (
        tab.run("getComputedStyle(document.documentElement).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert tab.run("document.documentElement.scrollHeight") > tall + 500
    tab.picture(PICTURES / "digits-print.png")


def test_every_control_is_reached_by_the_tab_key(tab: chromium.Tab, url: str) -> None:
    """The tab key reaches each link, fold and scrolling box, in the order of the page."""
    tab.open(f"{url}/digits")
    tab.show(1280)
    reached: list[Any] = []
    for _ in range(tab.run(FOCUS)):
        for kind in ("keyDown", "keyUp"):
            tab.call(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        reached.append(
            tab.run("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        )
    assert reached == sorted(set(reached))


def test_screen_reader_hears_the_verdict_first(tab: chromium.Tab, url: str) -> None:
    """The first heading of the accessibility tree is the verdict; every box that scrolls has a name."""
    tab.open(f"{url}/digits")
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    heard = [n for n in nodes if n.get("role", {}).get("value") == "heading"]
    assert heard[0]["name"]["value"].strip() == "digits is unwell"
    unnamed = [
        n for n in nodes if n.get("role", {}).get("value") == "region" and not n["name"]["value"]
    ]
    assert unnamed == []


def test_wide_report_stays_usable(tab: chromium.Tab, url: str) -> None:
    """500 features, 100 classes, 12 versions: laid out on a phone within five seconds, and it fits."""
    tab.open(f"{url}/wide")
    tab.show(320)
    took = tab.run(
        "{const t = performance.now(); document.body.offsetHeight; performance.now() - t}"
    )
    assert took < 5000
    assert tab.run("document.documentElement.scrollWidth") <= 320
    tab.show(1280)
    tab.picture(PICTURES / "wide-1280.png")

"""The page's colours, and the policy that its style sheet is let in by."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re

import pytest
from hearth.monitoring.page import page
from hearth.monitoring.stylesheet import DARK, LIGHT, POLICY, STYLE
from support import reporting

TEXT = ("ink", "muted", "link", "bad", "good", "open")
GRAPHICS = ("bar", "outline", "ink", "muted")
CELLS = ("share1", "share2", "share3", "share4")
SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    """Return relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_wcags() -> None:
    """Black on white is 21, a colour on itself 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#a81616", "#a81616") == 1


@SCHEMES
@pytest.mark.parametrize("name", TEXT)
def test_text_has_enough_contrast(colours: dict[str, str], name: str) -> None:
    """Every colour of text has WCAG AA's 4.5 on the paper."""
    assert contrast(colours[name], colours["paper"]) >= 4.5


@SCHEMES
@pytest.mark.parametrize("name", GRAPHICS)
def test_drawings_have_enough_contrast(colours: dict[str, str], name: str) -> None:
    """What is drawn has WCAG AA's 3 on the paper."""
    assert contrast(colours[name], colours["paper"]) >= 3


@SCHEMES
def test_baseline_is_told_from_the_window_it_crosses(colours: dict[str, str]) -> None:
    """The outline has 3 on the bars as well."""
    assert contrast(colours["outline"], colours["bar"]) >= 3


@SCHEMES
@pytest.mark.parametrize("cell", CELLS)
def test_counts_are_read_on_every_shade(colours: dict[str, str], cell: str) -> None:
    """The matrix's figures have 4.5 on the shade of their cell."""
    assert contrast(colours["ink"], colours[cell]) >= 4.5


@SCHEMES
def test_shades_rise_without_colour(colours: dict[str, str]) -> None:
    """Shades go one way in luminance alone, away from the paper."""
    found = [luminance(colours[name]) for name in ("paper", *CELLS)]
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert all(step < 0 for step in steps) or all(step > 0 for step in steps)


def test_both_schemes_name_the_same_colours_and_all_are_used() -> None:
    """No colour is missing in one scheme, and none stands there for nothing."""
    assert set(LIGHT) == set(DARK) == set(re.findall(r"var\(--([a-z0-9]+)\)", STYLE))


def test_rules_hold_no_colour_of_their_own() -> None:
    """Every colour goes through the two sets that are tested here."""
    rules = STYLE.partition("*{")[2]
    assert (
        re.findall(
            r"#[0-9a-fA-F]{3,8}\b|rgb|hsl|\b(?:white(?!-)|black|red|blue|green|gr[ae]y)\b", rules
        )
        == []
    )


def test_policy_is_of_the_style_sheet_in_the_page() -> None:
    """The policy's digest is that of what stands between the style tags."""
    style = re.search(r"<style>(.*?)</style>", page(reporting.unused()), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in POLICY

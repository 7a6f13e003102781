"""The rules that the page of a search adds, and the policy that lets them in."""

from __future__ import annotations

import base64
import hashlib
import re

from hearth.monitoring.stylesheet import LIGHT
from hearth.monitoring.stylesheet import STYLE as COMMON
from hearth.optimizing.page import page
from hearth.optimizing.stylesheet import POLICY, STYLE
from support import searching


def test_policy_is_of_the_style_sheet_in_the_page() -> None:
    """The policy's digest is that of what stands between the style tags."""
    style = re.search(r"<style>(.*?)</style>", page(searching.begun()), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")


def test_rules_are_added_to_those_of_all_pages() -> None:
    """Both pages look alike; what is added names no colour that the tested sets do not have."""
    assert STYLE.startswith(COMMON)
    added = STYLE.removeprefix(COMMON)
    assert set(re.findall(r"var\(--([a-z0-9]+)\)", added)) <= set(LIGHT)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", added) == []


def test_every_class_that_is_added_is_used() -> None:
    """No rule stands there for nothing."""
    added = set(re.findall(r"\.([a-z-]+)(?=[{.:, >])", STYLE.removeprefix(COMMON)))
    pages = "".join(page(make()) for make in (searching.encoder, searching.running, searching.wide))
    used = {name for found in re.findall(r'class="([^"]*)"', pages) for name in found.split()}
    assert added - used == set()

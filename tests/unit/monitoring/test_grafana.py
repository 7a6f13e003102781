"""Grafana's dashboard is what its builder makes, and asks for what `GET /metrics` shows."""

from __future__ import annotations

import json
import re

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from support import grafana
from support.scraped import shown


def test_the_file_is_what_the_builder_makes() -> None:
    """`make dashboard` renews it."""
    assert grafana.FILE.read_text(encoding="utf-8") == grafana.builder().text()


def test_the_file_reads_back_as_grafanas_own_types() -> None:
    """The SDK's types, which come from Grafana's schemas, hold all of it and nothing more."""
    register_default_plugins()
    found = grafana.dashboard()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(found)))
    assert again == found


def test_expressions_name_only_what_is_shown() -> None:
    """A metric that is renamed leaves no empty panel behind."""
    named = {
        name
        for expression in (*grafana.expressions(), *grafana.selectors())
        for name in re.findall(r"hearth_\w+", expression)
    }
    assert named <= shown()


def test_everything_that_is_shown_is_looked_at() -> None:
    """Every family has a panel."""
    asked = " ".join(grafana.expressions())
    suffix = re.compile(r"_(bucket|sum|count)$")
    families = {suffix.sub("", name) for name in shown()}
    assert {family for family in families if family not in asked} == set()


def test_panels_have_an_id_a_place_and_words_of_their_own() -> None:
    """None overlaps another, and each says what it shows."""
    board = grafana.dashboard()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        taken = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        cells |= taken
    assert all(panel["title"] and panel["description"] for panel in grafana.panels())


def test_data_source_model_and_version_can_be_chosen() -> None:
    """Several models and versions at a time, or all."""
    variables = {item["name"]: item for item in grafana.dashboard()["templating"]["list"]}
    assert list(variables) == ["datasource", "model", "version"]
    assert variables["datasource"]["query"] == "prometheus"
    assert all(variables[name]["multi"] for name in ("model", "version"))
    sources = {panel["datasource"]["uid"] for panel in grafana.panels()}
    assert sources == {"${datasource}"}

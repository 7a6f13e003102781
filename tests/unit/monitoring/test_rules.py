"""Prometheus' rules and what `GET /metrics` shows have the same names."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from support.scraped import shown

RULES = Path(__file__).resolve().parents[3] / "infra/prometheus/rules.yml"


def test_rules_name_only_what_is_shown() -> None:
    """A metric that is renamed leaves no rule behind that never fires."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    records = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        named = set(re.findall(r"(?:[a-z_]+:)?hearth_[\w:]+", rule["expr"]))
        assert named <= shown() | records, rule


def test_every_alert_says_how_bad_it_is_and_what_it_means() -> None:
    """Who is woken at night reads one sentence."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts
    for alert in alerts:
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert alert["annotations"]["summary"]
        assert alert["for"]

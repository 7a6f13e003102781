"""What promtool says of the rules, their tests and the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hearth.monitoring.prometheus import render
from support import scraped

pytestmark = pytest.mark.prometheus

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(
        command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_configuration_and_its_rules_are_well_formed(promtool: str) -> None:
    """The example configuration names the rules, so both are checked."""
    assert "rules found" in run(promtool, "check", "config", "infra/prometheus/prometheus.yml")


def test_alerts_fire_on_what_they_are_for_and_on_nothing_else(promtool: str) -> None:
    """Each rule has a case in which it fires and one in which it does not."""
    run(promtool, "test", "rules", "tests/prometheus/rules_test.yml")


@pytest.mark.parametrize("alert", ["HearthServerErrors", "HearthSetAside"])
def test_the_cases_notice_a_rule_that_changed(promtool: str, alert: str, tmp_path: Path) -> None:
    """A rule that never fires fails its case."""
    rules = (ROOT / "infra/prometheus/rules.yml").read_text(encoding="utf-8")
    head, _, tail = rules.partition(f"- alert: {alert}\n        expr: ")
    (tmp_path / "rules.yml").write_text(f"{head}- alert: {alert}\n        expr: 1 > 2 # {tail}")
    cases = (ROOT / "tests/prometheus/rules_test.yml").read_text(encoding="utf-8")
    path = str(tmp_path / "rules.yml")
    (tmp_path / "cases.yml").write_text(cases.replace("../../infra/prometheus/rules.yml", path))
    command = [promtool, "test", "rules", str(tmp_path / "cases.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert alert in done.stdout + done.stderr


def test_the_page_is_as_prometheus_would_have_it(promtool: str) -> None:
    """Names, units, types and help texts pass its linter without a remark."""
    page = render(
        scraped.totals(), scraped.summary(), openmetrics=False, tallied_ms=scraped.TALLIED_MS
    )
    assert not run(promtool, "check", "metrics", stdin=page)

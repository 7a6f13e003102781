"""`hearth report` against a server that answers as metrics does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hearth.monitoring.report import Report
from hearth.monitoring.report_document import from_document
from hearth_local import state_file
from hearth_local.cli import main
from hearth_local.state_file import State
from support import report_server, reporting

HOSTILE = "[bold]\x1b]0;owned\x07[/bold]<b>"
REPORTS: dict[str, Callable[[], Report]] = {
    "digits": reporting.digits,
    "well": reporting.well,
    "unused": reporting.unused,
    "provisional": reporting.provisional,
    "hostile": lambda: reporting.refilled(reporting.digits(), (HOSTILE,)),
    "empty": lambda: replace(reporting.unused(), versions=(), reasons=()),
    "wide": lambda: reporting.wide(features=40, classes=5),
}
Hearth = Callable[..., Result]


@pytest.fixture
def hearth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hearth]:
    """`hearth(*arguments)`: the command, in a folder where a stack runs that answers reports."""
    (tmp_path / "template.yaml").touch()
    (tmp_path / ".hearth").mkdir()
    monkeypatch.chdir(tmp_path)
    with report_server.serving({name: make() for name, make in REPORTS.items()}) as url:
        state = State(url, "http://127.0.0.1:1", "b", "us-east-1", os.getpid(), url, {})
        state_file.write(tmp_path / ".hearth", state)
        yield lambda *arguments: CliRunner().invoke(main, ["report", *arguments])


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_summary_begins_with_the_verdict_and_why(hearth: Hearth) -> None:
    """First whether, then why, then the versions beside each other."""
    lines = good(hearth("digits")).splitlines()
    assert lines[0] == "▲ digits is unwell"
    assert lines[1].startswith("  1. version 2: accuracy")
    head = next(i for i, line in enumerate(lines) if line.startswith("version"))
    assert lines[head].split() == ["version", "1", "2"]
    assert lines[head + 2].split() == ["drift", "●", "stable", "▲", "drifted"]


def test_drifted_features_have_both_histograms(hearth: Hearth) -> None:
    """Ten at most, the farthest first; the others are counted."""
    said = good(hearth("digits"))
    drift = reporting.digits().versions[0].drift
    moved = sorted(
        (f for f in (*drift.features, *drift.outputs) if f.verdict == "drifted"),
        key=lambda f: -f.distance,
    )
    shown = [line for line in said.splitlines() if "█" in line and "“" in line]
    assert [line.split("  ")[2] for line in shown] == [f.name for f in moved[:10]]
    assert f"{len(moved) - 10} more drifted" in said


@pytest.mark.parametrize("name", REPORTS)
def test_piped_summary_is_plain_text(hearth: Hearth, name: str) -> None:
    """Nothing that a terminal would act on, whatever names hold, and no line is broken."""
    said = good(hearth(name))
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    if name == "hostile":
        assert r"[bold]\u001b]0;owned\u0007[/bold]<b>" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unused", "no baseline yet"),
        ("unused", "No requests in the window."),
        ("provisional", "The baseline is provisional"),
        ("provisional", "Estimate, not a measurement"),
        ("empty", "no version was served or used"),
        ("wide", "8 more versions"),
        ("digits", "set aside: 12 feedback that names no prediction"),
    ],
)
def test_what_there_is_not_is_said_in_words(hearth: Hearth, name: str, words: str) -> None:
    """The terminal has the same empty states as the page."""
    assert words in good(hearth(name))


def test_json_is_the_whole_report(hearth: Hearth) -> None:
    """What is printed reads back as the report."""
    document = json.loads(good(hearth("digits", "--json")))
    assert repr(from_document(document)) == repr(reporting.digits())


def test_page_is_written_to_a_file(hearth: Hearth, tmp_path: Path) -> None:
    """`--html` leaves the page, and says so beside the output."""
    result = hearth("digits", "--html", "out.html")
    assert good(result) == ""
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")
    assert result.stderr.startswith("out.html: ")


def test_page_goes_to_stdout(hearth: Hearth) -> None:
    """`--html -` is for pipes."""
    assert good(hearth("well", "--html", "-")).startswith("<!DOCTYPE html>")


def test_file_that_cannot_be_written_is_named(hearth: Hearth) -> None:
    """One line says which, and no traceback."""
    result = hearth("digits", "--html", "no/such/folder.html")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no/such/folder.html")


@pytest.mark.parametrize("more", [(), ("--json",), ("--html", "page.html")])
@pytest.mark.parametrize(("name", "code"), [("digits", 1), ("well", 0), ("unused", 0)])
def test_check_exits_by_the_verdict(hearth: Hearth, name: str, code: int, more: Any) -> None:
    """`--check` is for scripts: 1 for a model that is unwell, 0 for one that is not known to be."""
    assert hearth(name, "--check", *more).exit_code == code
    assert hearth(name, *more).exit_code == 0


def test_unknown_model_is_named(hearth: Hearth) -> None:
    """The API's own words, in one line."""
    result = hearth("no such model")
    assert result.exit_code == 1
    assert "no such model" in result.stderr
    assert "Traceback" not in result.output

"""`hearth optimize` against a server that answers as optimize does."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hearth.domain.errors import HearthError, StoreUnavailable
from hearth.domain.optimization import Wish
from hearth.optimizing.report import Progress, Report
from hearth.optimizing.report_document import from_document
from hearth_local import optimization_summary, search_progress, state_file
from hearth_local.cli import main
from hearth_local.search_progress import StandsStill
from hearth_local.state_file import State
from rich.console import Console
from rich.text import Text
from support import report_server, reporting, searching
from support.report_server import Searches

HOSTILE = "[bold]\x1b]0;owned\x07[/bold]<b>"
SLOW = StoreUnavailable("S3 is slow")
REPORTS: dict[str, list[Report | HearthError]] = {
    "encoder": [
        searching.begun(),
        replace(searching.running(), progress=Progress(1, 9, "measuring the original")),
        searching.running(),
        searching.running(),
        searching.encoder(),
    ],
    "shaky": [searching.running(), SLOW, SLOW, SLOW, searching.refused()],
    "broken": [searching.running(), *[SLOW] * 9],
    "done": [searching.encoder()],
    "forest": [searching.nothing()],
    "depthwise": [searching.refused()],
    "unlabelled": [searching.unlabelled()],
    "tiny": [searching.tiny()],
    "begun": [searching.begun()],
    "running": [searching.running()],
    "wide": [searching.wide()],
    "hostile": [reporting.refilled(searching.encoder(), (HOSTILE,))],
    "new": [],
}
REPORTS["hostile"] = [replace(REPORTS["hostile"][0], state="done")]  # type: ignore[type-var]
Hearth = Callable[..., Result]


def ended(report: Report | HearthError) -> bool:
    return isinstance(report, Report) and report.state == "done"


@pytest.fixture
def searches() -> Searches:
    return Searches(REPORTS)


@pytest.fixture
def hearth(searches: Searches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hearth]:
    """`hearth(*arguments)`: the command, in a folder where a stack runs that knows searches."""
    (tmp_path / "template.yaml").touch()
    (tmp_path / ".hearth").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search_progress.wait, "__defaults__", (0.01, 60.0))
    with report_server.searching(searches) as url:
        state = State(url, "http://127.0.0.1:1", "b", "us-east-1", os.getpid(), url, {})
        state_file.write(tmp_path / ".hearth", state)
        yield lambda *arguments: CliRunner().invoke(main, ["optimize", *arguments])


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def row(said: str, name: str) -> list[str]:
    """Return a table's cells in the line of a name, piped: two spaces stand between them."""
    (line,) = (
        line
        for line in said.splitlines()
        if line.startswith(f"{name} ") and "not tried" not in line
    )
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_only_what_was_said_is_sent(hearth: Hearth, searches: Searches) -> None:
    """What is left out is left to the server and the manifest."""
    assert "encoder version 3: searching (id a1)" in good(hearth("encoder"))
    assert (searches.bodies, searches.looks) == ([{}], [])


def test_every_wish_is_sent(hearth: Hearth, searches: Searches) -> None:
    """Each option is a field of the body."""
    good(
        hearth("done", "--version", "2", "--objective", "cost", "--max-loss", "0.02",
               "--recipe", "graph", "--recipe", "int8-static", "--batch", "8", "--dry-run", "--force")
    )  # fmt: skip
    ((model, wish),) = searches.asked
    assert wish.force
    expected = Wish(
        2, "cost", 0.02, ("graph", "int8-static"), (8,), publish=False, force=wish.force
    )
    assert (model, wish) == ("done", expected)


def test_answer_is_printed_as_json(hearth: Hearth) -> None:
    """For scripts that look at the report later."""
    assert json.loads(good(hearth("done", "--json"))) == {
        "model": "done",
        "version": 3,
        "id": "a1",
    }


def test_waiting_says_each_step_once_and_ends_with_the_verdict(
    hearth: Hearth, searches: Searches
) -> None:
    """Piped, progress is a line for each step, beside the output; the search's version is asked."""
    result = hearth("encoder", "--wait")
    assert result.stderr.splitlines() == [
        "It has been asked for and is about to begin.",
        "Step 2 of 9: measuring the original.",
        "Step 4 of 9: measuring int8-static beside the original.",
    ]
    assert good(result).startswith("● encoder version 3 has a faster variant: version 4\n")
    assert set(searches.looks) == {3}


@pytest.mark.parametrize("name", ["done", "forest", "depthwise", "unlabelled", "tiny"])
def test_any_verdict_ends_well(hearth: Hearth, name: str) -> None:
    """That there is nothing better is a result, and not an error."""
    good(hearth(name, "--wait"))


def test_moments_without_an_answer_are_waited_out(hearth: Hearth) -> None:
    """A search takes minutes: one that S3 or the network is slow in does not end the wait."""
    assert good(hearth("shaky", "--wait")).startswith("○ depthwise version 1 has no cheaper")


def test_wait_ends_when_answers_stay_away(hearth: Hearth) -> None:
    """Several failures in a row are the API's own words, in one line."""
    result = hearth("broken", "--wait")
    assert result.exit_code == 1
    assert "S3 is slow" in result.stderr
    assert "Traceback" not in result.output


def test_search_that_stands_still_is_left() -> None:
    """A report that nobody writes any more is not waited for longer than a function can run."""
    with pytest.raises(StandsStill, match="the search for encoder version 3: got nothing new"):
        search_progress.wait(searching.running, pause_s=0.01, silent_s=0.1)


def test_summary_begins_with_the_verdict_and_why(hearth: Hearth) -> None:
    """First what came of it, then why, then what was looked for."""
    lines = good(hearth("done", "--report")).splitlines()
    assert lines[0] == "● encoder version 3 has a faster variant: version 4"
    assert lines[1].startswith("  1. int8-dynamic-matmul answers in 0.744 ms")
    assert lines[4] == "objective: latency p50, searched 2026-11-25 08:01 UTC, in 13 minutes"


def test_report_asks_for_no_search(hearth: Hearth, searches: Searches) -> None:
    """`--report` looks, at one version where one is named."""
    good(hearth("done", "--report", "--version", "7"))
    assert (searches.asked, searches.looks) == ([], [7])


def test_each_candidate_has_a_line(hearth: Hearth) -> None:
    """Its outcome, its figures beside the original's, how much accuracy it loses, and why."""
    said = good(hearth("done", "--report"))
    assert row(said, "original") == ["original", "3.67 ms", "92.6 ms", "83 MB", "42.7 MB"]
    chosen = row(said, "int8-dynamic-matmul")
    assert chosen[1:9] == ["● chosen", "0.744 ms", "×0.203", "0.200 to 0.205", "35.3 ms", "32 MB", "10.8 MB", "0%, ≤ 0.7%"]  # fmt: skip
    assert row(said, "int4-blocks")[1] == "▲ wrong"
    assert row(said, "int8-blocks")[1:] == ["▲ not made", searching.encoder().tried[7].reasons[0]]


@pytest.mark.parametrize("columns", [80, 110, 130, 220])
def test_table_fits_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrower ones have fewer figures, and the reasons below; what decides is always there."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    console = Console(width=columns, force_terminal=False, file=io.StringIO())
    for part in optimization_summary.parts(searching.encoder()):
        console.print(part, soft_wrap=isinstance(part, Text))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line for line in said.splitlines() if "  ● chosen" in line or "candidate " in line]
    assert len(lines) == 2
    assert "×0.203" in lines[1]
    assert "0%, ≤ 0.7%" in lines[1]
    assert "4.93 times as fast, and at most" in said
    assert all(len(line.rstrip()) <= columns for line in lines)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forest", "○ forest version 1 has nothing to gain"),
        ("forest", "not tried: int8-dynamic: no operator that can be quantised"),
        ("unlabelled", "not measured, same class 100%"),
        ("unlabelled", "note: there is no evaluation set"),
        ("running", "Step 4 of 9: measuring int8-static beside the original."),
        ("running", "○ to be judged"),
        ("begun", "It has been asked for and is about to begin."),
        ("depthwise", "a million predictions: $0.51 at 256 MB (estimated"),
        ("done", "of the chosen one $0.41 at 256 MB"),
        ("wide", "270 more candidates: --json"),
        ("wide", "188 more recipes: --json"),
    ],
)
def test_what_there_is_not_is_said_in_words(hearth: Hearth, name: str, words: str) -> None:
    """The terminal has the same states as the page."""
    assert words in good(hearth(name, "--report"))


@pytest.mark.parametrize(
    "name", [name for name, found in REPORTS.items() if found and ended(found[-1])]
)
def test_piped_summary_is_plain_text(hearth: Hearth, name: str) -> None:
    """Nothing that a terminal would act on, whatever names hold, and no line is broken."""
    result = hearth(name, "--wait")
    said = good(result) + result.stderr
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    if name == "hostile":
        assert r"[bold]\u001b]0;owned\u0007[/bold]<b>" in said


@pytest.mark.parametrize("how", ["--wait", "--report"])
def test_json_is_the_whole_report(hearth: Hearth, how: str) -> None:
    """What is printed reads back as the report."""
    document = json.loads(good(hearth("done", how, "--json")))
    assert repr(from_document(document)) == repr(replace(searching.encoder(), id="a1"))


def test_page_is_written_to_a_file(hearth: Hearth, tmp_path: Path) -> None:
    """`--html` leaves the page of the finished search, and says so beside the output."""
    result = hearth("encoder", "--wait", "--html", "out.html")
    assert good(result) == ""
    assert "has a faster variant" in (tmp_path / "out.html").read_text()
    assert "out.html: " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("done", "--report", "--wait"),
        ("done", "--report", "--force"),
        ("done", "--report", "--objective", "size"),
        ("done", "--report", "--max-loss", "0"),
        ("done", "--html", "x.html"),
        ("done", "--objective", "beauty"),
        ("done", "--version", "0"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    hearth: Hearth, searches: Searches, arguments: tuple[str, ...]
) -> None:
    """Nothing is asked of anybody."""
    result = hearth(*arguments)
    assert result.exit_code == 2
    assert (searches.asked, searches.looks) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "no such model"),
        (("new", "--report"), "no search of this model yet"),
        (("done", "--recipe", "INT8"), "recipes of a search is not usable"),
        (("done", "--max-loss", "2"), "max_loss of a search is not usable"),
        (("done", "--report", "--html", "no/such/folder.html"), "no/such/folder.html"),
    ],
)
def test_what_goes_wrong_is_one_line(hearth: Hearth, arguments: tuple[str, ...], said: str) -> None:
    """The API's own words, and no traceback."""
    result = hearth(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output

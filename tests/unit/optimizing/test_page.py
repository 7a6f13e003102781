"""The page of a search: what it says, that it is HTML, and that nothing from outside breaks out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hearth.monitoring.markup import short, visible
from hearth.optimizing.measurement import Ratio
from hearth.optimizing.page import page
from hearth.optimizing.report import ACCEPTED, DONE, NOTHING_TO_GAIN, REFUSED, Report
from hypothesis import given, settings
from hypothesis import strategies as st
from support import reporting, searching
from support.html import Element, read

MAKERS = (
    searching.encoder,
    searching.running,
    searching.begun,
    searching.refused,
    searching.unlabelled,
    searching.nothing,
    searching.tiny,
    searching.wide,
)
HOSTILE = ("<", ">", '"', "'", "&", "=", "`", "/", "\x00", "\x1b", "\u202e", "\ud800", "]]>", "-->", "<!--", "<script>", "</style>", "</title>", "&lt;", " onload=", "javascript:", "{{", "🜏")  # fmt: skip
hostile_texts = st.lists(st.one_of(st.text(), st.lists(st.sampled_from(HOSTILE)).map("".join)), min_size=1)  # fmt: skip


def strict(report: Report) -> Element:
    """Return the page of a report; it is valid."""
    found, faults = read(page(report))
    assert faults == []
    return found


def text(report: Report) -> str:
    """Return what a page says, with single spaces."""
    return " ".join(strict(report).one("body").text.split())


def table(report: Report, caption: str) -> Element:
    (found,) = (
        t for t in strict(report).all("table") if any(c.text == caption for c in t.all("caption"))
    )
    return found


def rows(found: Element) -> list[list[str]]:
    return [[cell.text for cell in row.all("th", "td")] for row in found.all("tr")]


@pytest.mark.parametrize("maker", MAKERS)
def test_page_is_valid_html(maker: Callable[[], Report]) -> None:
    """Elements nest as HTML has them, names and links lead somewhere, headings skip no level."""
    strict(maker())


@pytest.mark.parametrize("maker", MAKERS)
def test_page_names_no_resource(maker: Callable[[], Report]) -> None:
    """The page is complete in itself: no script, no image, no address."""
    made = page(maker())
    for word in ("<script", "<img", "<link", "<iframe", "url(", "@import", "http:", "https:", " style="):  # fmt: skip
        assert word not in made


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (Report("m", 3, objective="latency"), "Looking for a faster variant of m version 3"),
        (
            Report("m", 3, state=DONE, verdict=ACCEPTED, chosen="graph", published=4),
            "m version 3 has a faster variant: version 4",
        ),
        (
            Report("m", 3, "", "size", DONE, ACCEPTED, chosen="graph"),
            "m version 3 has a smaller variant: graph",
        ),
        (
            Report("m", 3, "", "memory", DONE, REFUSED),
            "m version 3 has no leaner variant that is right",
        ),
        (Report("m", 3, "", "cost", DONE, NOTHING_TO_GAIN), "m version 3 has nothing to gain"),
        (Report("m", 3, state=DONE), "The search for a variant of m version 3 came to no verdict"),
    ],
)
def test_verdict_comes_first_then_why(report: Report, sentence: str) -> None:
    """The title and the first sentence say what came of the search; the reasons come next."""
    report = replace(report, reasons=("the first", "the second"))
    said = text(report)
    assert said.startswith(sentence)
    assert said.index("the first") < said.index("the second") < said.index("Objective")
    assert strict(report).one("title").text.startswith(sentence)


@settings(max_examples=30)  # a page takes a while to read strictly
@given(hostile_texts)
def test_no_text_breaks_out(texts: list[str]) -> None:
    """Whatever stands in any text of a report, the page stays valid HTML of known elements."""
    made = page(reporting.refilled(searching.encoder(), texts))
    assert read(made)[1] == []
    made.encode()


@settings(max_examples=30)
@given(hostile_texts)
def test_no_text_breaks_out_of_a_search_that_runs(texts: list[str]) -> None:
    """The same holds while the search goes on."""
    running = replace(reporting.refilled(searching.running(), texts), state="running")
    assert read(page(running))[1] == []


@given(st.text(min_size=1, max_size=100).map(lambda s: s.strip() or "x"))
def test_names_are_shown_as_they_are(name: str) -> None:
    """A reader sees the very name, but for signs that cannot be seen: those show as their code."""
    (heading,) = strict(replace(searching.nothing(), model=name)).all("h1")
    assert visible(short(name)) in heading.text


@settings(max_examples=60)
@given(*[st.floats() for _ in range(3)], st.floats())
def test_any_figures_make_a_page(value: float, low: float, high: float, noise: float) -> None:
    """NaN, infinities, zeros and what is far off the scale are shown, or left undrawn."""
    report = searching.refused()
    one = report.tried[0]
    assert one.duel
    candidate = replace(one.duel.candidate, open_ms=value, resident_mb=low)
    ratios = dict.fromkeys(one.duel.ratios, Ratio(value, low, high))
    odd = replace(one, duel=replace(one.duel, candidate=candidate, ratios=ratios))
    noises = dict.fromkeys(report.noise, noise)
    assert read(page(replace(report, tried=(odd, *report.tried[1:]), noise=noises)))[1] == []


def test_winner_stands_beside_the_original() -> None:
    """Each measure has both figures, their ratio with its interval, and accuracy with its bound."""
    found = rows(table(searching.encoder(), "int8-dynamic-matmul beside the original"))
    by_name = {row[0]: row[1:] for row in found}
    assert by_name["latency p50"][:3] == ["3.67 ms", "0.744 ms", "×0.203"]
    assert by_name["latency p50"][-1] == "0.200 to 0.205"
    assert by_name["cost of a million"][:2] == ["$0.51at 256 MB", "$0.41at 256 MB"]
    assert by_name["accuracy"][:3] == ["0.898", "0.898", "0% lost≤ 0.7%"]
    assert [row[0] for row in found if row[0].startswith("latency")] == [
        "latency p50",
        "latency p50, 8 rows, 1 thread",
        "latency p50, 1 row, 2 threads",
    ]


def test_candidates_stand_side_by_side_with_what_became_of_them() -> None:
    """One row each, in the order in which they were tried, under the original."""
    report = searching.encoder()
    head, original, *others = rows(table(report, "Candidates side by side"))
    assert head[:3] == ["candidate", "outcome", "latency p50"]
    assert head[-2:] == ["loss", "why"]
    assert original[:3] == [" original", "", "3.67 ms"]
    assert [row[0] for row in others] == [f"{i} {t.name}" for i, t in enumerate(report.tried, 1)]
    assert [row[1].strip() for row in others] == [item.outcome for item in report.tried]
    assert [row[-1] for row in others] == [item.reasons[0] for item in report.tried]


@pytest.mark.parametrize(
    ("objective", "columns"),
    [
        ("memory", ["memory", "1", "latency p50", "cold start", "size"]),
        ("cost", ["latency p50", "1", "cold start", "memory", "size", "a million"]),
    ],
)
def test_candidates_are_compared_by_the_objective(objective: str, columns: list[str]) -> None:
    """What was looked for is what is drawn; cost has no interval of its own, so its latency is."""
    head = rows(table(replace(searching.encoder(), objective=objective), "Candidates side by side"))
    found = [cell if cell[:1].isalpha() else "1" for cell in head[0][2:-2]]
    assert found == columns


def test_each_candidate_is_found_in_full() -> None:
    """Folded, each has every reason, its notes, and its figures; the chosen one's stand above."""
    report = searching.encoder()
    folds = [d for d in strict(report).all("details") if d.one("summary").text[:1].isdigit()]
    folds = [d for d in folds if "kinds of operators" not in d.one("summary").text]
    assert len(folds) == len(report.tried)
    for fold, item in zip(folds, report.tried, strict=True):
        assert all(reason in fold.text for reason in (*item.reasons, *item.notes))
        measured = item.duel is not None and item.name != report.chosen
        assert bool(list(fold.all("table"))) is measured


def test_memory_sizes_that_are_too_small_are_named_as_such() -> None:
    """What does not fit has no price; the cheapest and the fastest size are marked."""
    found = {r[0]: r[1:] for r in rows(table(searching.encoder(), "Cost by memory size"))}
    assert found["128 MB"] == ["does not fit", "", "", "does not fit", "", ""]
    assert found["256 MB"][2] == "$0.51 ←"
    assert found["1,769 MB"][0] == "4.67 ms ←"


@pytest.mark.parametrize(
    ("maker", "words"),
    [
        (searching.running, "Step 4 of 9: measuring int8-static beside the original."),
        (searching.running, "to be judged"),
        (searching.begun, "It has been asked for and is about to begin."),
        (searching.nothing, "it is a tree ensemble"),
        (searching.nothing, "none of ONNX's own"),
        (searching.unlabelled, "accuracy was not measured"),
        (searching.unlabelled, "not measured"),
        (searching.encoder, "Note: 5 of 6 Attention were fused"),
        (searching.encoder, "gate: max loss"),
        (searching.encoder, "Noise, by which the original differs from itself: latency p50 ±2%"),
        (searching.encoder, "Searched 2026-11-25 08:01 UTC, in 13 minutes."),
        (searching.encoder, "avx512_vnni"),
    ],
)
def test_what_it_rests_on_and_what_there_is_not_are_said(
    maker: Callable[[], Report], words: str
) -> None:
    """Nothing is left empty: each state has its sentence."""
    assert words in text(maker())


@pytest.mark.parametrize(
    ("maker", "sections"),
    [
        (searching.encoder, ["Before and after", "Candidates", "What it costs", "Not tried", "The model", "What this rests on"]),
        (searching.refused, ["Candidates", "What it costs", "Not tried", "The model", "What this rests on"]),
        (searching.nothing, ["Not tried", "The model", "What this rests on"]),
        (searching.begun, []),
    ],
)  # fmt: skip
def test_sections_without_anything_to_say_are_left_out(
    maker: Callable[[], Report], sections: list[str]
) -> None:
    """Each section that is there is linked to at the head of the page, and no other."""
    found = strict(maker())
    assert [heading.text for heading in found.all("h2")] == sections
    (links,) = list(found.all("nav")) or [Element("nav", {})]
    assert [link.text for link in links.all("a")] == sections


def test_page_is_bounded_and_says_what_is_left_out() -> None:
    """300 candidates, 200 reasons and 400 operators make under 1 MB, all of it counted."""
    report = searching.wide()
    assert len(page(report).encode()) < 1_000_000
    said = text(report)
    for word in ("candidates", "reasons", "recipes", "operators", "notes"):
        assert f"more {word} are left out here" in said


def test_chosen_one_is_shown_however_many_were_tried() -> None:
    """What was published is on the page even where it was tried last."""
    report = searching.wide()
    last = replace(report.tried[2], name="the-last")
    report = replace(report, tried=(*report.tried, last), chosen="the-last")
    assert f"{len(report.tried)} the-last" in text(report)


def test_points_of_a_front_lie_better_to_the_left_and_below() -> None:
    """A candidate that is better in both figures is drawn left of the original, and lower."""
    charts = [f for f in strict(searching.encoder()).all("figure") if "Latency and" in f.text]
    assert len(charts) == 3
    for chart in charts:
        (original,) = (p for p in chart.all("path") if p.attributes.get("class") == "original")
        (chosen,) = (c for c in chart.all("circle") if c.attributes.get("class") == "chosen")
        x, y = map(float, (original.attributes["d"] or "")[1:].partition("h")[0].split())
        assert float(chosen.attributes["cx"] or 0) < x
        assert float(chosen.attributes["cy"] or 0) > y


def test_wins_are_told_from_others_without_colour() -> None:
    """The dot of a win is filled, of anything else it is not."""
    found = table(searching.encoder(), "Candidates side by side")
    kinds = [
        svg.attributes["class"]
        for svg in found.all("svg")
        if (svg.attributes["class"] or "").startswith("forest")
    ]
    wins = ["forest", "forest", "forest"]  # int8-dynamic-matmul, int8-dynamic, int4-blocks
    assert [kind for kind in kinds if kind == "forest"] == wins
    assert kinds.count("forest worse") == 4


def test_wide_tables_are_named_boxes_that_the_keyboard_reaches() -> None:
    """What scrolls by itself has a name and takes the focus."""
    boxes = [
        e for e in strict(searching.encoder()).all("div") if e.attributes.get("class") == "scroll"
    ]
    assert boxes
    assert all(b.attributes["tabindex"] == "0" and b.attributes["aria-label"] for b in boxes)
